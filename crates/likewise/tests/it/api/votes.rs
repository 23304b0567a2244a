//! Requests that the voters are to stand behind, at a node that is the only voter, at one whose majority is
//! missing, and at one without voters.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use likewise::Config;
use likewise::config::settings::Settings;
use likewise::http::ServeLimits;
use serde_json::{Value, json};

use super::client::{Answer, Client, Served};

/// A node that is the only voter, and asks itself at that level unless a request says otherwise.
fn sole_voter(consistency: &str) -> Served {
    let settings = Settings {
        name: Some("test-node".to_owned()),
        http: Some("127.0.0.1:0".to_owned()),
        in_memory: Some(true),
        voters: Some(vec!["test-node".to_owned()]),
        consistency: Some(consistency.to_owned()),
        ..Settings::default()
    };
    Served::start_with(Config::new(settings).unwrap())
}

const LEVELS: [&str; 2] = ["quorum", "linearizable"];

/// Requests about one like, and about all likes of a post: method, path, body.
const ON_LIKES: [(&str, &str, &str); 3] = [
    ("PUT", "/v1/posts/p/likes/u", ""),
    ("DELETE", "/v1/posts/p/likes/u", ""),
    ("GET", "/v1/posts/p/likes/u", ""),
];
const ON_POSTS: [(&str, &str, &str); 3] = [
    ("GET", "/v1/posts/p", ""),
    ("GET", "/v1/posts/p/likes", ""),
    ("POST", "/v1/query", r#"{"posts":["p","q"],"user":"u"}"#),
];

fn ask(client: &mut Client, (method, path, body): (&str, &str, &str), query: &str) -> Answer {
    let json = [("content-type", "application/json")];
    client.request(method, &format!("{path}?{query}"), &json, body.as_bytes())
}

#[test]
fn a_like_at_each_level_is_what_all_levels_then_see() {
    let served = sole_voter("local");
    let mut client = served.client();
    for level in LEVELS {
        let path = format!("/v1/posts/{level}/likes/ann?consistency={level}");
        let written = |liked, version| json!({"post": level, "user": "ann", "liked": liked, "version": version});
        assert_eq!(client.put(&path).json(), written(true, 1));
        assert_eq!(client.put(&path).json(), written(true, 1));
        assert_eq!(client.delete(&path).json(), written(false, 2));
        assert_eq!(client.put(&format!("{path}&seen=2")).json(), written(true, 3));
        // A late repeat comes to what it came to before, and changes nothing.
        assert_eq!(client.delete(&format!("{path}&seen=1")).json(), written(false, 2));
        for reading in ["local", "quorum", "linearizable"] {
            let read = client.get(&format!("/v1/posts/{level}/likes/ann?consistency={reading}"));
            assert_eq!(read.json(), written(true, 3));
            assert_eq!(read.header("etag"), Some("\"3\""));
        }
        // The client may have seen it in a write that was never done.
        let ahead = client.get(&format!("{path}&seen=4"));
        assert_eq!((ahead.json(), ahead.header("etag")), (written(true, 3), Some("\"3\"")));
        let far = client.put(&format!("{path}&seen=2000")).problem(409, "seen-too-far");
        assert!(far.contains("2000"), "{far}");
        let heart = client.put(&format!("{path}&kind=heart")).json();
        assert_eq!((&heart["kind"], &heart["version"]), (&json!("heart"), &json!(1)));
    }
}

#[test]
fn counts_lists_and_queries_are_linearizable_with_the_etags_that_they_have() {
    let served = sole_voter("local");
    let mut client = served.client();
    for user in ["ann", "bob"] {
        client.put(&format!("/v1/posts/p/likes/{user}?consistency=linearizable")).json();
    }
    let count = client.get("/v1/posts/p?consistency=linearizable&timeout=10s");
    assert_eq!(count.json(), json!({"post": "p", "likes": 2}));
    let tag = count.header("etag").unwrap();
    assert_eq!(client.get("/v1/posts/p").header("etag"), Some(tag));
    let held = [("if-none-match", tag)];
    let path = "/v1/posts/p?consistency=linearizable";
    assert_eq!(client.request("GET", path, &held, b"").status, 304);
    client.delete("/v1/posts/p/likes/bob");
    let later = client.request("GET", path, &held, b"");
    assert_eq!((later.json()["likes"].as_u64(), later.status), (Some(1), 200));
    let users = client.get("/v1/posts/p/likes?consistency=linearizable").json();
    assert_eq!(users, json!({"users": ["ann"], "next": null}));
    let untouched = client.get("/v1/posts/none?consistency=linearizable").json();
    assert_eq!(untouched, json!({"post": "none", "likes": 0}));

    let query = r#"{"posts":["none","p","p"],"user":"bob"}"#;
    let feed = client.post("/v1/query?consistency=linearizable", query).json();
    assert_eq!(feed, client.post("/v1/query", query).json());
    assert_eq!(feed["posts"][1], json!({"post": "p", "likes": 1, "liked": false}));
    let posts: Vec<String> = (0..1_000).map(|n| format!("post-{n}")).collect();
    let body = json!({ "posts": posts }).to_string();
    let feed = client.post("/v1/query?consistency=linearizable", &body).json();
    let names = feed["posts"].as_array().unwrap().iter().map(|post| post["post"].clone());
    assert!(names.eq(posts.into_iter().map(Value::from)), "each post, in its order");
}

#[test]
fn pages_of_a_long_linearizable_list_have_no_gap_and_no_repeat() {
    let served = sole_voter("linearizable");
    let mut client = served.client();
    let lines = (0..2_500).map(|n| format!("{{\"post\":\"p\",\"user\":\"user-{n:04}\"}}\n"));
    client.post("/v1/likes", &lines.collect::<String>()).json();
    let (mut seen, mut cursor): (Vec<String>, _) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/posts/p/likes?limit=600{cursor}")).json();
        let users = page["users"].as_array().unwrap();
        seen.extend(users.iter().map(|user| user.as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(users.len(), 600);
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 2_500);
    assert!(seen.is_sorted_by(|a, b| a < b), "in order, so none is there twice");
}

#[test]
fn the_default_of_the_node_is_what_a_request_gets_that_names_nothing() {
    let served = sole_voter("linearizable");
    let mut client = served.client();
    let written = client.put("/v1/posts/p/likes/u?timeout=5s").json();
    assert_eq!(written, json!({"post": "p", "user": "u", "liked": true, "version": 1}));
    assert_eq!(client.put("/v1/posts/p/likes/u?consistency=local").json()["likes"], 1);
    client.get("/v1/posts/p?consistency=local&timeout=1s").problem(400, "invalid-parameter");
    // Elsewhere nothing else is offered than what this node has heard.
    for path in ["/v1/posts/p/reactions", "/v1/top", "/v1/export", "/likes"] {
        let refused = client.get(&format!("{path}?consistency=local"));
        assert!(refused.problem(400, "unknown-parameter").contains("consistency"));
    }
    for path in ["/like", "/v1/likes"] {
        let refused =
            client.post(&format!("{path}?consistency=local"), r#"{"post":"p","user":"v"}"#);
        refused.problem(400, "unknown-parameter");
    }
    assert_eq!(client.post("/like", r#"{"post":"p","user":"v"}"#).status, 200);
    assert_eq!(client.get("/v1/posts/p").json()["likes"], 2);

    let quorum = sole_voter("quorum");
    let mut client = quorum.client();
    assert_eq!(client.put("/v1/posts/p/likes/u").json()["likes"], Value::Null);
    for request in ON_POSTS {
        let detail = ask(&mut client, request, "").problem(400, "consistency-not-offered");
        assert!(detail.contains("default") && detail.contains("linearizable"), "{detail}");
        assert_eq!(ask(&mut client, request, "consistency=linearizable").status, 200);
    }
}

#[test]
fn what_is_not_offered_is_refused_with_what_to_do_instead() {
    let served = Served::start();
    let mut client = served.client();
    for request in ON_LIKES.into_iter().chain(ON_POSTS) {
        let detail =
            ask(&mut client, request, "consistency=linearizable").problem(400, "no-voters");
        assert!(detail.contains("--voters") && detail.contains("local"), "{detail}");
        let strange = ask(&mut client, request, "consistency=strong");
        let detail = strange.problem(400, "invalid-parameter");
        assert!(detail.contains("use local, quorum or linearizable"), "{detail}");
        let useless = ask(&mut client, request, "timeout=1s").problem(400, "invalid-parameter");
        assert!(useless.contains("\"timeout\"") && useless.contains("leave it out"), "{useless}");
        let long = ask(&mut client, request, "consistency=linearizable&timeout=31s");
        let detail = long.problem(400, "invalid-parameter");
        assert!(detail.contains("\"31s\"") && detail.contains("30s"), "{detail}");
        assert_eq!(ask(&mut client, request, "consistency=local").status, 200);
    }
    for request in ON_POSTS {
        let refused = ask(&mut client, request, "consistency=quorum");
        let detail = refused.problem(400, "consistency-not-offered");
        assert!(detail.contains("consistency=linearizable"), "{detail}");
    }
    for request in ON_LIKES {
        ask(&mut client, request, "consistency=quorum").problem(400, "no-voters");
    }
}

/// Every bound of the HTTP side is far below the time that the voters are given.
#[test]
fn a_missing_majority_is_told_when_the_time_is_over_and_not_before() {
    let short = Duration::from_millis(50);
    let limits = ServeLimits {
        head_time: Duration::from_millis(300),
        body_time: short,
        write_time: short,
        ..ServeLimits::default()
    };
    let served = Served::with_limits_and_voters(limits, &["test-node", "zoe"]);
    for request in ON_LIKES.into_iter().chain(ON_POSTS) {
        let began = Instant::now();
        let answer = ask(&mut served.client(), request, "consistency=linearizable&timeout=700ms");
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(700), "{request:?} after {took:?}");
        assert!(took < Duration::from_secs(10), "{request:?} after {took:?}");
        let detail = answer.problem(503, "no-majority");
        assert_eq!(answer.header("retry-after"), Some("1"));
        let expected = "2 of 2 voters are needed and 0 answered within 700ms: \
                        test-node catching up, without a vote, zoe not reached; ";
        assert!(detail.starts_with(expected), "{detail}");
        // Nothing has been written yet: what it would have aimed at was not read.
        assert!(!detail.contains("may still take effect"), "{detail}");
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (&problem["voters_needed"], &problem["voters_answered"]),
            (&json!(2), &json!(0))
        );
        let parts = json!({"test-node": "catching up, without a vote", "zoe": "not reached"});
        assert_eq!(problem["voters"], parts);
    }
    let seen = ask(&mut served.client(), ON_LIKES[0], "consistency=quorum&timeout=20ms&seen=0");
    let detail = seen.problem(503, "no-majority");
    let advice = "the write may still take effect, a repeat with the same `seen` is safe";
    assert!(detail.ends_with(advice), "{detail}");
    let problem: Value = serde_json::from_slice(&seen.body).unwrap();
    let members: BTreeSet<&str> = problem.as_object().unwrap().keys().map(String::as_str).collect();
    let expected =
        ["detail", "status", "title", "type", "voters", "voters_answered", "voters_needed"];
    assert_eq!(members, BTreeSet::from(expected));
    // What this node has heard is told all the while.
    assert_eq!(served.client().get("/v1/posts/p").json()["likes"], 1);
}

#[test]
fn operators_see_who_votes_and_what_came_of_it() {
    let served = sole_voter("local");
    let mut client = served.client();
    client.put("/v1/posts/secret/likes/u?consistency=linearizable").json();
    client.delete("/v1/posts/secret/likes/u?consistency=quorum&seen=1").json();
    client.get("/v1/posts/secret?consistency=linearizable").json();
    // What the node shows of votes is up to a quarter of a second old.
    let deadline = Instant::now() + super::client::PATIENCE;
    let text = loop {
        client.get("/v1/posts/secret?consistency=linearizable").json();
        let text = client.get("/metrics").text().to_owned();
        let line = "likewise_votes_requests_total{outcome=\"written\"} 2";
        if text.lines().any(|found| found == line) {
            break text;
        }
        assert!(Instant::now() < deadline, "{line} is missing from\n{text}");
    };
    for line in [
        "likewise_votes_voters_askable 1",
        "likewise_votes_majority 1",
        "likewise_votes_active 1",
        "likewise_votes_waiting_requests 0",
        "likewise_votes_requests_total{outcome=\"unanswered\"} 0",
        "likewise_votes_requests_total{outcome=\"contended\"} 0",
        "likewise_votes_agreements_total{rounds=\"2\"} 0",
        "likewise_votes_agreements_total{rounds=\"3\"} 0",
        "likewise_votes_agreements_total{rounds=\"more\"} 0",
        "likewise_votes_asked_again_total 0",
        "likewise_votes_sent_bytes_total 0",
        "likewise_votes_entries_sent_total 0",
        "likewise_votes_holds_total 0",
        "likewise_votes_held_writes_total 0",
        "likewise_operations_total{action=\"like\",changed=\"unknown\"} 1",
        "likewise_operations_total{action=\"unlike\",changed=\"unknown\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing from\n{text}");
    }
    let view = client.get("/v1/cluster").json();
    assert_eq!(view["voters"], json!([{"name": "test-node", "state": "active"}]));
    assert_eq!((&view["majority"], &view["standing"]), (&json!(1), &json!("active")));

    let without = Served::start();
    let mut client = without.client();
    let view = client.get("/v1/cluster").json();
    assert_eq!(
        (&view["voters"], &view["majority"], &view["standing"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
    assert!(!client.get("/metrics").text().contains("likewise_votes_"));
}
