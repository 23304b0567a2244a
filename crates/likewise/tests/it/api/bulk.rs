//! Bulk writes.

use serde_json::{Value, json};

use super::client::Served;

#[test]
fn a_bad_line_names_itself_and_rejects_only_itself() {
    let served = Served::start();
    let mut client = served.client();
    let long = format!(r#"{{"post":"p","user":"{}"}}"#, "u".repeat(5_000));
    let lines = [
        r#"{"post":"p","user":"a"}"#,
        r#"{"post":"p","user":"a"}"#,
        "nonsense",
        "",
        r#"{"post":"p","user":"b","kind":"heart"}"#,
        r#"{"post":"p","user":"c","likd":true}"#,
        r#"{"post":"","user":"c"}"#,
        &long,
        r#"{"post":"p","user":"c","seen":5000}"#,
        r#"{"post":"p","user":"d","liked":true,"seen":0}"#,
        r#"{"post":"p","user":"d","liked":false,"seen":1}"#,
        r#"{"post":"p","user":"d","liked":true,"seen":0}"#,
        r#"  {"post":"https:\/\/a.b","user":"\u00e9"}  "#,
    ];
    let answer = client.post("/v1/likes", &lines.join("\r\n")).json();
    assert_eq!(
        (&answer["accepted"], &answer["changed"], &answer["rejected"]),
        (&json!(7), &json!(5), &json!(5))
    );
    let errors = answer["errors"].as_array().unwrap();
    let told: Vec<(u64, &str)> = errors
        .iter()
        .map(|error| (error["line"].as_u64().unwrap(), error["detail"].as_str().unwrap()))
        .collect();
    for ((line, detail), (expected_line, expected)) in told.iter().zip([
        (3, "at column 2"),
        (6, "unknown field `likd`"),
        (7, "post is empty"),
        (8, "more than 4096 bytes"),
        (9, "seen is 5000"),
    ]) {
        assert_eq!(*line, expected_line, "{detail}");
        assert!(detail.contains(expected), "{detail}");
    }
    assert_eq!(client.get("/v1/posts/p/likes").json()["users"], json!(["a"]));
    assert_eq!(client.get("/v1/posts/p/likes/d").json()["version"], 2);
    assert_eq!(client.get("/v1/posts/p/likes/b?kind=heart").json()["liked"], true);
    let path = "/v1/posts/https%3A%2F%2Fa.b/likes/%C3%A9";
    assert_eq!(client.get(path).json()["liked"], true);
}

#[test]
fn many_lines_go_in_many_chunks_and_count_once() {
    let served = Served::start();
    let mut client = served.client();
    let lines: String = (0..50_000)
        .map(|n| format!("{{\"post\":\"post-{}\",\"user\":\"user-{}\"}}\n", n % 100, n / 100))
        .collect();
    let written =
        |changed| json!({"accepted": 50_000, "changed": changed, "rejected": 0, "errors": []});
    assert_eq!(client.post("/v1/likes", &lines).json(), written(50_000));
    assert_eq!(client.post("/v1/likes", &lines).json(), written(0));
    assert_eq!(client.get("/v1/posts/post-42").json()["likes"], 500);
}

#[test]
fn a_body_may_come_in_pieces_of_any_size() {
    let served = Served::start();
    let mut client = served.client();
    client.send(b"POST /v1/likes HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    let lines = "{\"post\":\"p\",\"user\":\"a\"}\n{\"post\":\"p\",\"user\":\"b\"}\n{\"post\":\"p\",\"user\":\"c\"}";
    for piece in lines.as_bytes().chunks(7) {
        client.send(format!("{:x}\r\n", piece.len()).as_bytes());
        client.send(piece);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(client.answer("POST").json()["changed"], 3);
    assert_eq!(client.get("/v1/posts/p").json()["likes"], 3);
}

#[test]
fn only_the_first_hundred_bad_lines_are_described() {
    let served = Served::start();
    let answer = served.client().post("/v1/likes", &"bad\n".repeat(1_000)).json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(0), &json!(1_000)));
    let lines = answer["errors"].as_array().unwrap().iter().map(|error| &error["line"]);
    assert!(lines.eq((1..=100).map(Value::from).collect::<Vec<_>>().iter()));
}

#[test]
fn an_empty_body_writes_nothing() {
    let served = Served::start();
    let nothing = json!({"accepted": 0, "changed": 0, "rejected": 0, "errors": []});
    assert_eq!(served.client().post("/v1/likes", "").json(), nothing);
    assert_eq!(served.client().post("/v1/likes", "\n\n  \n").json(), nothing);
}
