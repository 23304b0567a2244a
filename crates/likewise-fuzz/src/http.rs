//! What clients send: connections, paths and queries, bodies, and lines of bulk writes.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::http::Uri;
use likewise::fuzz::{self, Parameter, Service};

use crate::script::Script;
use crate::stream::block_on;
use crate::{Bound, Target, assert_says_something};

/// A node with its threads, queue, routes and metrics. Its queue alone has room for 16,384 events.
pub(crate) const NODE_BYTES: usize = 3 << 20;

/// [`http_connection`]
pub const HTTP_CONNECTION: Target = Target {
    name: "http_connection",
    run: http_connection,
    seeds: connection_seeds,
    bound: Bound { constant: NODE_BYTES, factor: BODY_FACTOR },
    slowness: 20,
};

/// [`http_body`]
pub const HTTP_BODY: Target = Target {
    name: "http_body",
    run: http_body,
    seeds: body_seeds,
    bound: Bound { constant: NODE_BYTES, factor: BODY_FACTOR },
    slowness: 20,
};

/// A request is buffered and its body gathered; a query of posts that have two bytes each, `"",`, becomes a
/// list of 24 bytes each that doubles, and an answer of some 30; a line of a bulk write becomes a like in the
/// state, and one that is rejected an error, up to a number.
pub(crate) const BODY_FACTOR: usize = 256;

/// [`http_parameters`]
pub const HTTP_PARAMETERS: Target = Target {
    name: "http_parameters",
    run: http_parameters,
    seeds: parameter_seeds,
    // Each value is copied where it is decoded, and shown with escapes of up to ten bytes where it is wrong.
    bound: Bound { constant: 4 << 10, factor: 64 },
    slowness: 1,
};

/// [`bulk_lines`]
pub const BULK_LINES: Target = Target {
    name: "bulk_lines",
    run: bulk_lines,
    seeds: line_seeds,
    // Empty lines of one byte each are kept twice here, at 32 bytes, in lists that double; an error shows
    // what it has found.
    bound: Bound { constant: 64 << 10, factor: 256 },
    slowness: 2,
};

/// Ends the connection: hyper gives up a request in flight where its client is gone, so something must stand
/// behind it.
const LAST_REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// Serves a connection that says this.
pub(crate) fn served(requests: &[u8]) {
    block_on(async {
        let service = Service::new();
        let answers = service.answer(&[requests, LAST_REQUEST].concat()).await;
        service.stop();
        if !answers.is_empty() {
            assert!(answers.starts_with(b"HTTP/1."), "an answer that is none");
            // 503 is the only one of these that a node may give.
            let status = answers.get(9..12).expect("an answer has a status");
            assert!(status[0] != b'5' || status == b"503", "the node itself failed");
        }
    });
}

/// Whatever comes over a connection.
pub fn http_connection(data: &[u8]) {
    served(data);
}

/// The body of a request that is in order otherwise: of the original's, a query, or a bulk write.
pub fn http_body(data: &[u8]) {
    let mut script = Script(data);
    let route =
        ["/like", "/v1/query", "/v1/likes", "/like?kind=heart"][usize::from(script.byte() % 4)];
    let body = script.rest();
    let head =
        format!("POST {route} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    served(&[head.as_bytes(), body].concat());
}

fn connection_seeds() -> Vec<Vec<u8>> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    let with = |method: &str, path: &str, body: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let paths = [
        "/v1/posts/p/likes/u?seen=1&kind=like",
        "/v1/posts/p",
        "/v1/posts/p?consistency=linearizable&timeout=1s",
        "/v1/posts/p/likes?consistency=linearizable&limit=1",
        "/v1/posts/p/likes/u?consistency=quorum",
        "/v1/posts/p/likes?limit=2&cursor=75",
        "/v1/posts/p/reactions?kind=heart",
        "/v1/top?limit=3",
        "/likes?post=p&detail=1",
        "/v1/cluster",
        "/v1/export",
        "/metrics",
        "/problems/invalid-id",
        "/",
    ];
    let mut seeds: Vec<String> = vec![paths.map(get).concat()];
    seeds.extend([
        with("PUT", "/v1/posts/p%20q/likes/%F0%9F%98%80?seen=0", ""),
        with("DELETE", "/v1/posts/p/likes/u", "") + &get("/v1/posts/p/likes"),
        with("PUT", "/v1/posts/p/likes/u?consistency=linearizable&seen=0", ""),
        with("POST", "/v1/query?consistency=linearizable", r#"{"posts":["p","q"],"user":"u"}"#),
        with("POST", "/like", r#"{"post":"p","user":"u"}"#),
        with("POST", "/v1/query", r#"{"posts":["p","q"],"user":"u","kind":"heart"}"#),
        with("POST", "/v1/likes", "{\"post\":\"p\",\"user\":\"u\"}\nx\n{\"post\":\"p\",\"user\":\"v\"}"),
        with("DELETE", "/v1/cluster/members/n", ""),
        "POST /v1/likes HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1a\r\n{\"post\":\"p\",\"user\":\"user\"}\n\r\n0\r\n\r\n"
            .to_owned(),
        "GET /v1/posts/p HTTP/1.1\r\nhost: a\r\nif-none-match: \"0\", W/\"1\"\r\naccept: application/json;q=1\r\nexpect: 100-continue\r\n\r\n"
            .to_owned(),
    ]);
    seeds.into_iter().map(String::into_bytes).collect()
}

fn body_seeds() -> Vec<Vec<u8>> {
    let like = r#"{"post":"p\u00e9","user":"u"}"#;
    let query = r#"{"posts":["p","q","p"],"user":"u","kind":"heart"}"#;
    let lines = "{\"post\":\"p\",\"user\":\"u\",\"liked\":false,\"seen\":3,\"kind\":\"heart\"}\r\n\n{\"post\":\"p\",\"user\":\"v\"}";
    let bodies = [(0, like), (1, query), (2, lines), (3, like)];
    bodies.map(|(route, body)| [&[route][..], body.as_bytes()].concat()).to_vec()
}

/// What a request may give the voters.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(30);

/// A path and a query, and the same as a cursor.
pub fn http_parameters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match fuzz::user_of_cursor(&text) {
        Ok(user) => assert!(fuzz::cursor_after(&user).eq_ignore_ascii_case(&text)),
        Err(error) => assert_says_something(&error),
    }
    if !text.is_empty() {
        assert_eq!(fuzz::user_of_cursor(&fuzz::cursor_after(&text)).as_deref(), Ok(&*text));
    }
    let Ok(uri) = Uri::try_from(data) else { return };
    match fuzz::parameters(&uri) {
        Ok(found) => assert!(found.iter().all(|parameter| match parameter {
            Parameter::Limit(limit) => (1..=1_000).contains(limit),
            Parameter::Kind(kind) => (1..=32).contains(&kind.len()),
            Parameter::After(user) => user.as_ref().is_none_or(|user| !user.is_empty()),
            Parameter::Vote(timeout) => timeout.is_none_or(|timeout| TIMEOUTS.contains(&timeout)),
            Parameter::Segment(_) | Parameter::Seen(_) => true,
        })),
        Err(error) => assert_says_something(&error),
    }
}

fn parameter_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "/v1/posts/p%20q/likes/%F0%9F%98%80?seen=2147483647&kind=heart_1-a&limit=1000&cursor=c3a9",
        "/v1/posts/p/likes/u?kind=like&seen=%30&&=",
        "/v1/posts/+/likes/u?cursor=+&kind",
        "http://a:1/v1/posts//likes/?limit=1",
        "/v1/posts/p/likes/u?consistency=quorum&timeout=1s+500ms",
        "/v1/posts/p/likes/u?timeout=2min&consistency=linearizable",
        "75736572",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

/// The lines of a bulk write: the same however the stream is cut, and each of them understood or not.
pub fn bulk_lines(data: &[u8]) {
    let mut script = Script(data);
    let piece = 1 + usize::from(script.byte()) * 17;
    let stream = script.rest();
    let whole = fuzz::bulk_lines([stream].into_iter());
    assert!(
        fuzz::bulk_lines(stream.chunks(piece)) == whole,
        "a line depends on how the stream is cut"
    );
    for line in whole.iter().filter_map(|(_, bytes)| bytes.as_deref()) {
        match fuzz::bulk_line(line) {
            Ok(write) => {
                let [post, kind, user] = &write.like;
                let again = serde_json::json!({
                    "post": post, "kind": kind, "user": user, "liked": write.liked, "seen": write.seen,
                });
                assert_eq!(fuzz::bulk_line(again.to_string().as_bytes()), Ok(write));
            }
            Err(error) => assert_says_something(&error),
        }
    }
}

fn line_seeds() -> Vec<Vec<u8>> {
    let lines = "{\"post\":\"p\",\"user\":\"u\",\"liked\":false,\"seen\":3,\"kind\":\"heart\"}\n\
                 {\"post\":\"\\ud83d\\ude00\",\"user\":\"u\",\"seen\":null}\r\n\n\
                 {\"user\":\"u\",\"post\":\"p\",\"seen\":2147483648}\n[]\n{}";
    let long = format!("{{\"post\":\"p\",\"user\":\"{}\"}}\nx", "u".repeat(5_000));
    [(0, lines), (1, lines), (9, long.as_str())]
        .map(|(piece, text)| [&[piece][..], text.as_bytes()].concat())
        .to_vec()
}
