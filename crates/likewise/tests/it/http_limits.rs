//! What happens beyond each bound of the HTTP side.

use std::time::{Duration, Instant};

use likewise::http::ServeLimits;

use crate::api::client::{Client, PATIENCE, Served};

const SHORT: Duration = Duration::from_millis(200);

/// Limits of which each is far away, for a test to bring one near.
fn far() -> ServeLimits {
    ServeLimits {
        head_time: PATIENCE,
        body_time: PATIENCE,
        bulk_pace_time: PATIENCE,
        drain_time: PATIENCE,
        ..ServeLimits::default()
    }
}

/// A bulk request whose body has not ended: it stays in flight.
fn hanging_bulk(served: &Served) -> Client {
    let mut client = served.client();
    client.send(b"POST /v1/likes HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n");
    // The server asks for the body when the handler does: from then on the request holds its place.
    assert_eq!(client.answer("POST").status, 100);
    client
}

#[test]
fn a_client_that_sends_its_head_too_slowly_is_cut_off() {
    let served = Served::with_limits(ServeLimits { head_time: SHORT, ..far() });
    for begun in ["", "GET /livez HTTP/1.1\r\nhost: te"] {
        let start = Instant::now();
        let mut client = served.client();
        client.send(begun.as_bytes());
        assert!(client.try_answer("GET").is_none(), "{begun:?}");
        assert!(start.elapsed() >= SHORT, "not before its time");
    }
    let mut idle = served.client();
    assert_eq!(idle.get("/livez").status, 200);
    assert!(idle.try_answer("GET").is_none(), "idling is bounded by the same time");
}

#[test]
fn a_body_that_arrives_too_slowly_is_408() {
    let served = Served::with_limits(ServeLimits { body_time: SHORT, ..far() });
    for path in ["/v1/query", "/like"] {
        let mut client = served.client();
        client.send(
            format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\n{{").as_bytes(),
        );
        let detail = client.answer("POST").problem(408, "request-timeout");
        assert!(detail.contains("stood at 1 bytes"), "{detail}");
    }
}

#[test]
fn a_bulk_body_that_stands_still_is_408_and_says_how_far_it_got() {
    let served = Served::with_limits(ServeLimits { bulk_pace_time: SHORT, ..far() });
    let mut client = served.client();
    let head = "POST /v1/likes HTTP/1.1\r\nhost: test\r\ncontent-length: 900000\r\n\r\n".to_owned();
    let lines = (0..6_000).map(|n| format!("{{\"post\":\"p\",\"user\":\"{n:05}\"}}\n"));
    client.send((head + &lines.collect::<String>()).as_bytes());
    let detail = client.answer("POST").problem(408, "request-timeout");
    // Whole chunks were handed over; the one that was being filled was not.
    assert!(detail.contains("4096 lines had been accepted"), "{detail}");
    assert!(detail.contains("repeat the whole request is safe"), "{detail}");
    assert_eq!(served.client().get("/v1/posts/p").json()["likes"], 4_096);
}

#[test]
fn a_path_or_query_that_is_too_long_is_414() {
    let served = Served::with_limits(far());
    let mut client = served.client();
    let fits = format!("/v1/posts/p?kind={}", "k".repeat((8 << 10) - 17));
    client.get(&fits).problem(400, "invalid-id");
    let detail = client.get(&format!("{fits}k")).problem(414, "uri-too-long");
    assert!(detail.contains("8193 bytes"), "{detail}");
}

#[test]
fn a_head_that_is_too_long_is_431() {
    let served = Served::with_limits(far());
    let headers: Vec<String> = (0..110).map(|n| format!("x-{n}")).collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|name| (name.as_str(), "v")).collect();
    assert_eq!(served.client().request("GET", "/livez", &headers, b"").status, 431);
    let long = "v".repeat(17 << 10);
    let mut client = served.client();
    client.send(format!("GET /livez HTTP/1.1\r\nx: {long}\r\n\r\n").as_bytes());
    // What the server did not read may make the system throw its answer away.
    assert!(client.try_answer("GET").is_none_or(|answer| answer.status == 431));
}

#[test]
fn a_body_that_is_too_long_is_413_and_not_read() {
    let served = Served::with_limits(far());
    let too_long = (1 << 20) + 1;
    for path in ["/v1/query", "/like"] {
        let mut client = served.client();
        client.send(
            format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {too_long}\r\n\r\n")
                .as_bytes(),
        );
        client.answer("POST").problem(413, "body-too-large");
        // The same without saying so first.
        let mut client = served.client();
        client.send(
            format!("POST {path} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n{too_long:x}\r\n")
                .as_bytes(),
        );
        client.send(&vec![b' '; too_long]);
        client.answer("POST").problem(413, "body-too-large");
    }
    let mut client = served.client();
    client.send(b"POST /v1/likes HTTP/1.1\r\nhost: test\r\ncontent-length: 1073741825\r\n\r\n");
    let detail = client.answer("POST").problem(413, "body-too-large");
    assert!(detail.contains("1073741824"), "{detail}");
}

#[test]
fn a_connection_beyond_the_bound_is_told_so_and_closed() {
    let served = Served::with_limits(ServeLimits { connections_max: 2, ..far() });
    let mut open = [served.client(), served.client()];
    for client in &mut open {
        assert_eq!(client.get("/livez").status, 200);
    }
    let mut beyond = served.client();
    let answer = beyond.get("/livez");
    let detail = answer.problem(503, "overloaded");
    assert!(detail.contains("2 connections"), "{detail}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(beyond.is_closed());
    let [mut first, second] = open;
    drop(second);
    // The place is free once the server has seen the other end hang up.
    let deadline = Instant::now() + PATIENCE;
    while served.client().get("/livez").status != 200 {
        assert!(Instant::now() < deadline, "the place was never free again");
    }
    assert_eq!(first.get("/livez").status, 200, "those that are open stay so");
    assert!(first.get("/metrics").text().contains("likewise_shed_total{at=\"connections\"}"));
}

#[test]
fn a_request_beyond_the_bound_is_503_but_operators_are_served() {
    let served = Served::with_limits(ServeLimits { requests_max: 1, ..far() });
    let mut hanging = hanging_bulk(&served);
    let mut client = served.client();
    let answer = client.get("/v1/posts/p");
    answer.problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(client.get(path).status, 200);
    }
    hanging.send(&[b'\n'; 1_000]);
    assert_eq!(hanging.answer("POST").status, 200);
    assert_eq!(client.get("/v1/posts/p").status, 200);
    assert!(client.get("/metrics").text().contains("likewise_shed_total{at=\"requests\"} 1"));
}

#[test]
fn a_bulk_request_beyond_the_bound_is_503_and_a_client_that_leaves_makes_room() {
    let served = Served::with_limits(ServeLimits { bulk_requests_max: 1, ..far() });
    let hanging = hanging_bulk(&served);
    let mut client = served.client();
    client.post("/v1/likes", "{}").problem(503, "overloaded");
    assert_eq!(client.put("/v1/posts/p/likes/u").status, 200, "single writes are not its business");
    drop(hanging);
    let deadline = Instant::now() + PATIENCE;
    while served.client().post("/v1/likes", "{}").status != 200 {
        assert!(Instant::now() < deadline, "the place was never free again");
    }
}

#[test]
fn a_server_that_stops_finishes_what_is_in_flight_and_takes_no_more() {
    let mut served = Served::with_limits(far());
    let mut idle = served.client();
    assert_eq!(idle.get("/livez").status, 200);
    let mut hanging = hanging_bulk(&served);
    served.begin_to_stop();
    assert!(idle.is_closed(), "an idle connection is closed at once");
    hanging.send(b"{\"post\":\"p\",\"user\":\"u\"}");
    hanging.send(&[b'\n'; 1_000 - 23]);
    assert_eq!(hanging.answer("POST").json()["accepted"], 1);
    assert!(hanging.is_closed());
    served.join();
    assert!(std::net::TcpStream::connect(served.address).is_err());
}

#[test]
fn a_server_that_stops_drops_what_does_not_finish() {
    let mut served = Served::with_limits(ServeLimits { drain_time: SHORT, ..far() });
    let mut hanging = hanging_bulk(&served);
    served.join();
    assert!(hanging.try_answer("POST").is_none());
}

#[test]
fn an_error_reaches_a_client_that_still_sends_and_the_connection_goes_on() {
    let served = Served::with_limits(far());
    let mut client = served.client();
    for (path, status) in [("/nowhere", 404), ("/livez", 405), ("/v1/likes?x=1", 400)] {
        let body = vec![b' '; 100_000];
        client.send(
            format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len())
                .as_bytes(),
        );
        client.send(&body);
        assert_eq!(client.answer("POST").status, status, "{path}");
    }
    assert_eq!(client.get("/livez").status, 200);
}
