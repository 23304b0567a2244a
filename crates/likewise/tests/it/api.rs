//! Each route of the HTTP interface, through a real server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub(crate) mod access;
mod bulk;
pub(crate) mod client;
mod original;
mod problems;
mod restore;
mod votes;

use client::{Client, Served};

#[test]
fn a_like_is_counted_once_and_taken_back_once() {
    let served = Served::start();
    let mut client = served.client();
    let path = "/v1/posts/p/likes/ann";
    let written = |liked, version, changed, likes| json!({"post": "p", "user": "ann", "liked": liked, "version": version, "changed": changed, "likes": likes});
    assert_eq!(client.put(path).json(), written(true, 1, true, 1));
    assert_eq!(client.put(path).json(), written(true, 1, false, 1));
    assert_eq!(client.put("/v1/posts/p/likes/bob").json()["likes"], 2);
    assert_eq!(client.delete(path).json(), written(false, 2, true, 1));
    assert_eq!(client.delete(path).json(), written(false, 2, false, 1));
    assert_eq!(client.put(path).json(), written(true, 3, true, 2));
    let answer = client.get(path);
    assert_eq!(answer.json(), json!({"post": "p", "user": "ann", "liked": true, "version": 3}));
    assert_eq!(answer.header("likewise-node"), Some("test-node"));
}

#[test]
fn the_members_of_an_answer_come_in_the_order_that_is_documented() {
    let served = Served::start();
    let answer = served.client().put("/v1/posts/p/likes/u");
    assert_eq!(
        answer.text(),
        r#"{"post":"p","user":"u","liked":true,"version":1,"changed":true,"likes":1}"#
    );
}

#[test]
fn a_late_duplicate_of_a_like_does_not_undo_the_unlike() {
    let served = Served::start();
    let mut client = served.client();
    let like = "/v1/posts/p/likes/ann?seen=0";
    assert_eq!(client.put(like).json()["version"], 1);
    assert_eq!(client.delete("/v1/posts/p/likes/ann?seen=1").json()["version"], 2);
    let late = client.put(like).json();
    assert_eq!(
        (&late["liked"], &late["changed"], &late["likes"]),
        (&json!(false), &json!(false), &json!(0))
    );
    // A node that has heard of neither still reaches what the client aims at.
    assert_eq!(client.put("/v1/posts/p/likes/bob?seen=4").json()["version"], 5);
    let refused = client.put("/v1/posts/p/likes/bob?seen=2000").problem(409, "seen-too-far");
    assert!(refused.contains("2000") && refused.contains('5'), "{refused}");
}

#[test]
fn a_read_with_seen_is_answered_as_if_the_node_had_heard_of_it() {
    let served = Served::start();
    let mut client = served.client();
    client.put("/v1/posts/p/likes/ann");
    let seen = |client: &mut Client, seen| {
        let answer = client.get(&format!("/v1/posts/p/likes/ann?seen={seen}"));
        let body = answer.json();
        let version = body["version"].as_u64().unwrap();
        assert_eq!(answer.header("etag"), Some(format!("\"{version}\"").as_str()));
        (version, body["liked"].as_bool().unwrap())
    };
    assert_eq!(seen(&mut client, 0), (1, true));
    assert_eq!(seen(&mut client, 1), (1, true));
    assert_eq!(seen(&mut client, 2), (2, false));
    assert_eq!(client.get("/v1/posts/p/likes/ann").json()["version"], 1);
}

#[test]
fn etags_spare_the_body_of_what_the_client_holds() {
    let served = Served::start();
    let mut client = served.client();
    client.put("/v1/posts/p/likes/ann");
    for path in ["/v1/posts/p/likes/ann", "/v1/posts/p", "/v1/posts/untouched"] {
        let tag = client.get(path).header("etag").unwrap().to_owned();
        let list = format!("\"other\", W/{}", tag.trim_start_matches("W/"));
        for held in [tag.as_str(), list.as_str(), "*"] {
            let answer = client.request("GET", path, &[("if-none-match", held)], b"");
            assert_eq!((answer.status, answer.header("etag")), (304, Some(tag.as_str())), "{held}");
        }
        let answer = client.request("GET", path, &[("if-none-match", "\"other\"")], b"");
        assert_eq!(answer.status, 200);
    }
    let before = client.get("/v1/posts/p").header("etag").unwrap().to_owned();
    assert!(before.starts_with("W/\""), "{before}");
    client.put("/v1/posts/p/likes/bob");
    client.delete("/v1/posts/p/likes/bob");
    let answer = client.request("GET", "/v1/posts/p", &[("if-none-match", &before)], b"");
    assert_eq!((answer.status, answer.json()["likes"].as_u64()), (200, Some(1)));
}

#[test]
fn any_text_can_be_an_id() {
    let served = Served::start();
    let mut client = served.client();
    for (path, post) in [
        ("https%3A%2F%2Fa.b%2Fc%3Fd%3De%26f", "https://a.b/c?d=e&f"),
        ("%F0%9F%98%80", "\u{1f600}"),
        ("100%25", "100%"),
        ("a+b", "a+b"),
        ("%20", " "),
        ("%00", "\0"),
        ("..%2F..", "../.."),
        ("likes", "likes"),
    ] {
        let written = client.put(&format!("/v1/posts/{path}/likes/{path}")).json();
        assert_eq!((&written["post"], &written["user"]), (&json!(post), &json!(post)), "{path}");
        assert_eq!(
            client.get(&format!("/v1/posts/{path}")).json(),
            json!({"post": post, "likes": 1})
        );
        let users = client.get(&format!("/v1/posts/{path}/likes")).json();
        assert_eq!(users, json!({"users": [post], "next": null}));
        let body = json!({"posts": [post], "user": post}).to_string();
        let feed = client.post("/v1/query", &body).json();
        assert_eq!(feed, json!({"posts": [{"post": post, "likes": 1, "liked": true}]}));
    }
    let longest = "%C3%A9".repeat(256);
    assert_eq!(client.put(&format!("/v1/posts/{longest}/likes/{longest}")).status, 200);
    client.put(&format!("/v1/posts/{longest}a/likes/u")).problem(400, "invalid-id");
}

#[test]
fn kinds_are_counted_apart() {
    let served = Served::start();
    let mut client = served.client();
    client.put("/v1/posts/p/likes/ann");
    client.put("/v1/posts/p/likes/bob?kind=like");
    let heart = client.put("/v1/posts/p/likes/ann?kind=heart").json();
    assert_eq!((&heart["kind"], &heart["likes"]), (&json!("heart"), &json!(1)));
    client.put("/v1/posts/p/likes/ann?kind=gone");
    client.delete("/v1/posts/p/likes/ann?kind=gone");

    assert_eq!(client.get("/v1/posts/p").json(), json!({"post": "p", "likes": 2}));
    let hearts = json!({"post": "p", "kind": "heart", "likes": 1});
    assert_eq!(client.get("/v1/posts/p?kind=heart").json(), hearts);
    let all = json!({"post": "p", "kinds": {"heart": 1, "like": 2}});
    assert_eq!(client.get("/v1/posts/p/reactions").json(), all);
    let only = json!({"post": "p", "kinds": {"heart": 1}});
    assert_eq!(client.get("/v1/posts/p/reactions?kind=heart").json(), only);
    assert_eq!(client.get("/v1/posts/p/likes?kind=heart").json()["users"], json!(["ann"]));
    assert_eq!(client.get("/v1/posts/p/likes/bob?kind=heart").json()["liked"], false);
    let top = json!({"kind": "heart", "posts": [{"post": "p", "likes": 1}]});
    assert_eq!(client.get("/v1/top?kind=heart").json(), top);
    let feed = json!({"kind": "heart", "posts": [{"post": "p", "likes": 1, "liked": false}]});
    let query = r#"{"posts":["p"],"user":"bob","kind":"heart"}"#;
    assert_eq!(client.post("/v1/query", query).json(), feed);
    assert_eq!(client.post("/v1/query?kind=heart", r#"{"posts":["p"],"user":"bob"}"#).json(), feed);
}

#[test]
fn pages_of_users_have_no_gap_and_no_repeat_while_others_are_added() {
    let served = Served::start();
    let mut client = served.client();
    let lines = (0..2_500).map(|n| format!("{{\"post\":\"p\",\"user\":\"user-{n:04}\"}}\n"));
    assert_eq!(client.post("/v1/likes", &lines.collect::<String>()).json()["accepted"], 2_500);
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    let mut pages = 0;
    loop {
        let page = client.get(&format!("/v1/posts/p/likes?limit=137{cursor}")).json();
        let users = page["users"].as_array().unwrap();
        seen.extend(users.iter().map(|user| user.as_str().unwrap().to_owned()));
        // One before all, one among those to come, one after all.
        for user in ["a", "user-2400x", "z"] {
            client.put(&format!("/v1/posts/p/likes/{user}{pages:03}"));
        }
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(users.len(), 137);
        cursor = format!("&cursor={next}");
    }
    assert!(pages > 18, "{pages} pages");
    assert!(seen.is_sorted_by(|a, b| a < b), "in order, so none is there twice");
    let seen: BTreeSet<String> = seen.into_iter().collect();
    assert!((0..2_500).all(|n| seen.contains(&format!("user-{n:04}"))));
}

#[test]
fn a_query_answers_in_the_order_of_its_posts() {
    let served = Served::start();
    let mut client = served.client();
    for path in ["b/likes/ann", "b/likes/bob", "a/likes/bob"] {
        client.put(&format!("/v1/posts/{path}"));
    }
    let posts = r#""posts":["c","b","a","b"]"#;
    let without_user = client.post("/v1/query", &format!("{{{posts}}}")).json();
    let expected = json!([
        {"post": "c", "likes": 0}, {"post": "b", "likes": 2},
        {"post": "a", "likes": 1}, {"post": "b", "likes": 2},
    ]);
    assert_eq!(without_user, json!({"posts": expected}));
    let with_user = client.post("/v1/query", &format!("{{{posts},\"user\":\"ann\"}}")).json();
    let liked: Vec<&Value> =
        with_user["posts"].as_array().unwrap().iter().map(|post| &post["liked"]).collect();
    assert_eq!(liked, [false, true, false, true]);
    assert_eq!(client.post("/v1/query", r#"{"posts":[]}"#).json(), json!({"posts": []}));
    let many = json!({"posts": vec!["p"; 1_000]}).to_string();
    assert_eq!(client.post("/v1/query", &many).json()["posts"].as_array().unwrap().len(), 1_000);
    let too_many = json!({"posts": vec!["p"; 1_001]}).to_string();
    let detail = client.post("/v1/query", &too_many).problem(400, "too-many-posts");
    assert!(detail.contains("1001") && detail.contains("another query"), "{detail}");
}

#[test]
fn the_most_liked_posts_come_first() {
    let served = Served::start();
    let mut client = served.client();
    for (post, users) in [("once", 1), ("thrice", 3), ("twice", 2), ("also-twice", 2)] {
        for user in 0..users {
            client.put(&format!("/v1/posts/{post}/likes/{user}"));
        }
    }
    let top = client.get("/v1/top?limit=3").json();
    let expected = json!([
        {"post": "thrice", "likes": 3}, {"post": "also-twice", "likes": 2}, {"post": "twice", "likes": 2},
    ]);
    assert_eq!(top, json!({"posts": expected}));
    assert_eq!(client.get("/v1/top").json()["posts"].as_array().unwrap().len(), 4);
}

#[test]
fn operators_learn_how_the_node_is() {
    let served = Served::start();
    let mut client = served.client();
    assert_eq!(client.get("/livez").text(), "live\n");
    let ready = client.get("/readyz").json();
    assert_eq!((&ready["ready"], &ready["writable"]), (&json!(true), &json!(true)));
    client.put("/v1/posts/secret-post/likes/secret-user");
    client.delete("/v1/posts/secret-post/likes/secret-user");
    client.put("/v1/posts/secret-post/likes/secret-user");
    client.get("/nowhere");
    let metrics = client.get("/metrics");
    let text = metrics.text();
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "likewise_likes 1",
        "likewise_posts 1",
        "likewise_users 1",
        "likewise_writable 1",
        "likewise_operations_total{action=\"like\",changed=\"true\"} 2",
        "likewise_operations_total{action=\"unlike\",changed=\"true\"} 1",
        "likewise_http_requests_total{route=\"/v1/posts/{post}/likes/{user}\",method=\"PUT\",status=\"2xx\"} 2",
        "likewise_http_requests_total{route=\"unknown\",method=\"GET\",status=\"4xx\"} 1",
        "likewise_http_connections 1",
        "likewise_shed_total{at=\"requests\"} 0",
        "# TYPE likewise_http_request_duration_seconds histogram",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing from\n{text}");
    }
    assert!(!text.contains("secret-"), "no label holds a post or a user");
}
