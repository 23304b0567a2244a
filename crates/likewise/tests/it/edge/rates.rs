//! How many requests a client may send, over real connections. Buckets under a clock that can be turned are tested
//! beside them.

use std::time::Instant;

use likewise::config::settings::Settings;

use super::{served, texts};
use crate::api::client::{Answer, Client};

const BURST: u64 = 5;

fn limited() -> Settings {
    let burst = u32::try_from(BURST).ok();
    Settings { rate_limit: Some(1), rate_limit_burst: burst, ..Settings::default() }
}

/// Asks until it may not any more: how often it might, and the answer that it got then.
fn exhaust(client: &mut Client, forwarded: &[(&str, &str)]) -> (u64, Answer) {
    let begun = Instant::now();
    for allowed in 0.. {
        let answer = client.request("GET", "/v1/posts/p", forwarded, b"");
        if answer.status == 429 {
            return (allowed, answer);
        }
        assert_eq!(answer.status, 200);
        // However slow the machine is.
        assert!(allowed <= BURST + 1 + begun.elapsed().as_secs(), "{allowed} were allowed");
    }
    unreachable!("it returns or panics")
}

#[test]
fn a_client_that_sends_too_much_is_told_when_to_come_again() {
    let served = served(limited());
    let mut client = served.client();
    let first = client.get("/v1/posts/p");
    assert_eq!(first.header("ratelimit-policy"), Some("\"client\";q=5;w=5"));
    assert_eq!(first.header("ratelimit"), Some("\"client\";r=4;t=1"));
    let (allowed, answer) = exhaust(&mut client, &[]);
    assert!(allowed >= BURST - 1, "{allowed}");
    let detail = answer.problem(429, "rate-limited");
    assert!(detail.contains("wait 1 s"), "{detail}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("ratelimit"), Some("\"client\";r=0;t=1"));
    // Another connection is no other client, and a body that nobody read is no trouble.
    let body = "{\"posts\":[]}".repeat(100);
    let mut same = served.client();
    let bulk = (0..2).map(|_| same.post("/v1/likes", &body).status);
    assert!(bulk.into_iter().any(|status| status == 429));
    for path in ["/livez", "/readyz", "/metrics", "/openapi.json", "/v1/cluster"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.header("ratelimit")), (200, None), "{path}");
    }
    let figures = client.get("/metrics");
    let line = figures.text().lines().find(|line| line.starts_with("likewise_rate_limited_total "));
    let count: u64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(count >= 2, "{count}");
}

#[test]
fn who_stands_behind_a_trusted_proxy_is_a_client_of_its_own() {
    let served = served(Settings { trusted_proxies: texts(&["127.0.0.0/8"]), ..limited() });
    let mut client = served.client();
    exhaust(&mut client, &[("x-forwarded-for", "198.51.100.1")]);
    // What it says of itself makes no other of it.
    let lied = [("x-forwarded-for", "6.6.6.6, 198.51.100.1")];
    let statuses = [0; 2].map(|_| client.request("GET", "/v1/posts/p", &lied, b"").status);
    assert!(statuses.contains(&429), "{statuses:?}");
    let other = [("x-forwarded-for", "198.51.100.2")];
    let answer = client.request("GET", "/v1/posts/p", &other, b"");
    assert_eq!(answer.header("ratelimit"), Some("\"client\";r=4;t=1"));
}

#[test]
fn nobody_believes_a_proxy_that_is_not_trusted() {
    let served = served(Settings { trusted_proxies: texts(&["10.0.0.0/8"]), ..limited() });
    let mut client = served.client();
    exhaust(&mut client, &[("x-forwarded-for", "198.51.100.1")]);
    let statuses = [1, 2, 3].map(|n| {
        let other = format!("198.51.100.{n}");
        client.request("GET", "/v1/posts/p", &[("x-forwarded-for", &other)], b"").status
    });
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn pages_can_read_that_they_are_limited() {
    let origin = "https://shop.example";
    let served = served(Settings { cors_origins: texts(&[origin]), ..limited() });
    let mut client = served.client();
    let (_, answer) = exhaust(&mut client, &[("origin", origin)]);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    // Preflights are no requests of the page.
    let asks = [("origin", origin), ("access-control-request-method", "PUT")];
    for _ in 0..=BURST {
        assert_eq!(client.request("OPTIONS", "/v1/posts/p/likes/u", &asks, b"").status, 204);
    }
}
