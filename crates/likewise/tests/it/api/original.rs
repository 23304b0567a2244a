//! The interface of the original service, byte for byte.

use serde_json::json;

use super::client::Served;

#[test]
fn the_text_answers_are_as_they_were() {
    let served = Served::start();
    let mut client = served.client();
    let text = "text/plain; charset=utf-8";
    for (user, content_type) in [("b", "application/json"), ("a", "text/plain"), ("a", "x/y")] {
        let body = json!({"post": "p", "user": user}).to_string();
        let headers = [("content-type", content_type)];
        let answer = client.request("POST", "/like", &headers, body.as_bytes());
        assert_eq!((answer.status, answer.text()), (200, "Successfully wrote to test-node"));
        assert_eq!(answer.header("content-type"), Some(text));
    }
    for (path, expected) in [
        ("/likes?post=p", "Server test-node returned Likes: 2"),
        ("/likes?post=none", "Server test-node returned Likes: 0"),
        ("/likes?post=p&detail=true", "Server test-node returned a,b"),
        ("/likes?post=p&detail", "Server test-node returned a,b"),
        ("/likes?post=p&detail=false", "Server test-node returned Likes: 2"),
        ("/likes?post=p&detail=0", "Server test-node returned Likes: 2"),
        ("/likes?post=none&detail=true", "Server test-node returned "),
        ("/", "{\"node_name\":\"test-node\"}"),
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.text()), (200, expected), "{path}");
    }
    assert_eq!(client.get("/likes?post=p").header("content-type"), Some(text));
}

#[test]
fn a_client_that_asks_for_json_gets_json() {
    let served = Served::start();
    let mut client = served.client();
    let headers = [("accept", "application/json")];
    let body = br#"{"post":"p","user":"u","more":"is ignored, as it was"}"#;
    let answer = client.request("POST", "/like", &headers, body);
    assert_eq!((&answer.json()["version"], &answer.json()["likes"]), (&json!(1), &json!(1)));
    let answer = client.request("GET", "/likes?post=p", &headers, b"");
    assert_eq!(answer.json(), json!({"post": "p", "likes": 1}));
    let answer = client.request("GET", "/likes?post=p&detail=true", &headers, b"");
    assert_eq!(answer.json(), json!({"post": "p", "likes": 1, "users": ["u"]}));
}

#[test]
fn a_list_beyond_the_bound_says_that_it_is_cut() {
    let served = Served::start();
    let mut client = served.client();
    let lines = (0..10_001).map(|n| format!("{{\"post\":\"p\",\"user\":\"{n:05}\"}}\n"));
    client.post("/v1/likes", &lines.collect::<String>()).json();
    let answer = client.get("/likes?post=p&detail=true");
    assert_eq!(answer.header("likewise-truncated"), Some("true"));
    assert!(answer.text().ends_with(",09998,09999"));
}

#[test]
fn what_was_wrong_there_is_an_error_here() {
    let served = Served::start();
    let mut client = served.client();
    client.post("/like", "nonsense").problem(400, "invalid-body");
    client.post("/like", r#"{"post":"p"}"#).problem(400, "invalid-body");
    client.post("/like", r#"{"post":"","user":"u"}"#).problem(400, "invalid-id");
    let detail = client.get("/likes").problem(400, "invalid-parameter");
    assert!(detail.contains("bad request required post query parameter"), "{detail}");
    client.get("/anything-else").problem(404, "not-found");
    client.get("/like").problem(405, "method-not-allowed");
}
