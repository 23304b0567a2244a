//! Buckets under a clock that the test turns.

use governor::clock::FakeRelativeClock;

use super::*;

const RATE: Rate = Rate { per_second: 10, burst: 3 };

fn rates(clients_max: usize) -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Rates::with_clock(RATE, clock.clone(), clients_max), clock)
}

fn key(address: &str) -> ClientKey {
    ClientKey::from(address.parse::<IpAddr>().unwrap())
}

fn is_allowed(rates: &Rates<FakeRelativeClock>, client: &str) -> bool {
    matches!(rates.judge(key(client)), Verdict::Allowed { .. })
}

#[test]
fn a_client_may_send_a_burst_and_then_as_its_bucket_fills() {
    let (rates, clock) = rates(CLIENTS_MAX);
    let milliseconds = Duration::from_millis;
    for (remaining, full_in) in [(2, 100), (1, 200), (0, 300)] {
        let full_in = milliseconds(full_in);
        assert_eq!(rates.judge(key("192.0.2.1")), Verdict::Allowed { remaining, full_in });
    }
    assert_eq!(rates.judge(key("192.0.2.1")), Verdict::Limited { next_in: milliseconds(100) });
    assert!(is_allowed(&rates, "192.0.2.2"), "another has a bucket of its own");
    clock.advance(milliseconds(40));
    assert_eq!(rates.judge(key("192.0.2.1")), Verdict::Limited { next_in: milliseconds(60) });
    clock.advance(milliseconds(60));
    assert!(is_allowed(&rates, "192.0.2.1"));
    assert!(!is_allowed(&rates, "192.0.2.1"), "a request that was limited has cost nothing");
    clock.advance(Duration::from_secs(3_600));
    let allowed = (0..10).filter(|_| is_allowed(&rates, "192.0.2.1")).count();
    assert_eq!(allowed, 3, "a bucket never holds more than a burst");
}

#[test]
fn who_shares_a_network_of_ipv6_shares_a_bucket() {
    assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
    assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
}

#[test]
fn buckets_are_bounded_and_full_ones_go_first() {
    let (rates, clock) = rates(8);
    let empty = |client: &str| {
        while is_allowed(&rates, client) {}
    };
    empty("192.0.2.1");
    for other in 2..8 {
        assert!(is_allowed(&rates, &format!("192.0.2.{other}")));
    }
    clock.advance(Duration::from_millis(250));
    assert_eq!(rates.0.buckets.read().len(), 7);
    // Two more, by which those go that are full again, and the empty one stays what it is.
    empty("192.0.2.1");
    for other in 8..10 {
        assert!(is_allowed(&rates, &format!("192.0.2.{other}")));
    }
    assert!(rates.0.buckets.read().len() <= 3);
    assert!(!is_allowed(&rates, "192.0.2.1"));
    // A crowd in which each still counts: all begin anew, and the bound holds.
    for other in 0..100 {
        assert!(is_allowed(&rates, &format!("198.51.100.{other}")));
        assert!(rates.0.buckets.read().len() <= 8);
    }
    assert!(is_allowed(&rates, "192.0.2.1"));
}

#[test]
fn headers_say_how_a_client_stands_in_whole_seconds() {
    let slow = Rate { per_second: 2, burst: 5 };
    let rates = Rates::with_clock(slow, FakeRelativeClock::default(), CLIENTS_MAX);
    assert_eq!(rates.0.policy, "\"client\";q=5;w=3");
    let header = || rates.judge(key("192.0.2.1")).header().to_str().unwrap().to_owned();
    let headers: Vec<String> = (0..6).map(|_| header()).collect();
    let expected = ["r=4;t=1", "r=3;t=1", "r=2;t=2", "r=1;t=2", "r=0;t=3", "r=0;t=1"];
    assert_eq!(headers, expected.map(|expected| format!("\"client\";{expected}")));
}
