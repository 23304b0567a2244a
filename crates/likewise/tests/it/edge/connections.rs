//! How connections end, and what a node does between being told to stop and stopping.

use std::time::{Duration, Instant};

use likewise::config::settings::Settings;

use super::served;
use crate::api::client::{Client, PATIENCE};
use crate::process::Process;

const SHORT: Duration = Duration::from_millis(200);

fn aged() -> Settings {
    Settings { connection_age_max: Some("200ms".to_owned()), ..Settings::default() }
}

#[test]
fn an_old_connection_is_closed_and_a_new_one_is_served() {
    let served = served(aged());
    let begun = Instant::now();
    let mut client = served.client();
    assert_eq!(client.get("/livez").status, 200);
    // An idle one would be closed after ten seconds anyhow.
    assert!(client.is_closed());
    assert!((SHORT..Duration::from_secs(8)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(served.client().get("/livez").status, 200);
}

#[test]
fn a_request_in_flight_is_answered_however_old_its_connection_is() {
    let served = served(aged());
    let mut client = served.client();
    client.send(b"POST /v1/likes HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer("POST").status, 100);
    // Two others, one after the other, have become old: so this one is, whatever it may live longer.
    for _ in 0..2 {
        assert!(served.client().is_closed());
    }
    client.send(&[b'\n'; 9]);
    let answer = client.answer("POST");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(client.is_closed());
}

#[test]
fn a_node_that_was_told_to_stop_says_so_and_serves_on_until_load_balancers_look_away() {
    let folder = tempfile::tempdir().unwrap();
    let node = Process::start(folder.path(), &["--drain-delay", "5m"]);
    let address = node.url.trim_start_matches("http://").parse().unwrap();
    assert_eq!(Client::connect(address).get("/readyz").status, 200);
    node.signal("TERM");
    node.logs("not ready any more");
    let mut client = Client::connect(address);
    assert_eq!(client.get("/readyz").status, 503);
    assert_eq!(client.put("/v1/posts/p/likes/u").status, 200);
    // A second signal does not wait.
    assert_eq!(node.terminate().code(), Some(128 + 15));
}

#[test]
fn a_node_that_was_asked_to_leave_hears_signals_too() {
    let folder = tempfile::tempdir().unwrap();
    let node = Process::start(folder.path(), &["--drain-delay", "5m"]);
    let address = node.url.trim_start_matches("http://").parse().unwrap();
    assert_eq!(Client::connect(address).post("/v1/cluster/leave", "").status, 202);
    node.logs("not ready any more");
    assert_eq!(Client::connect(address).get("/v1/cluster/events").status, 503);
    assert_eq!(node.terminate().code(), Some(128 + 15));
}

#[test]
fn a_node_that_was_told_to_stop_stops_after_the_delay() {
    let settings = Settings { drain_delay: Some("200ms".to_owned()), ..Settings::default() };
    let mut served = served(settings);
    let mut idle = served.client();
    assert_eq!(idle.get("/livez").status, 200);
    let begun = Instant::now();
    served.join();
    assert!((SHORT..PATIENCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}
