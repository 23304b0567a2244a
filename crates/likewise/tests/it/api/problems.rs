//! Errors of every route, and the description of all of them.

use std::path::Path;

use likewise::http::openapi_json;
use serde_json::Value;

use super::client::Served;

const METHODS: [&str; 7] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD"];

/// Requests of which each is wrong in its own way: method, path, body.
const BAD: &[(&str, &str, &str)] = &[
    ("GET", "/nowhere", ""),
    ("GET", "/v1", ""),
    ("GET", "/v1/", ""),
    ("GET", "/v1/posts", ""),
    ("GET", "/v1/posts/", ""),
    ("PUT", "/v1/posts//likes/u", ""),
    ("PUT", "/v1/posts/p/likes/", ""),
    ("PUT", "/v1/posts/p/likes/u/more", ""),
    ("PUT", "/v1/posts/%ff/likes/u", ""),
    ("PUT", "/v1/posts/p/likes/%C3", ""),
    ("DELETE", "/v1/posts/p/likes/u?sen=1", ""),
    ("DELETE", "/v1/posts/p/likes/u?seen=-1", ""),
    ("DELETE", "/v1/posts/p/likes/u?seen=2147483648", ""),
    ("GET", "/v1/posts/p/likes/u?seen=1.0", ""),
    ("GET", "/v1/posts/p/likes/u?seen=", ""),
    ("GET", "/v1/posts/p/likes/u?seen=1&seen=1", ""),
    ("GET", "/v1/posts/p?kind=", ""),
    ("GET", "/v1/posts/p?kind=LIKE", ""),
    ("GET", "/v1/posts/p/reactions?kind=%F0%9F%98%80", ""),
    ("GET", "/v1/posts/p/likes?limit=0", ""),
    ("GET", "/v1/posts/p/likes?limit=1001", ""),
    ("GET", "/v1/posts/p/likes?cursor=zz", ""),
    ("GET", "/v1/posts/p/likes?cursor=", ""),
    ("GET", "/v1/posts/p/likes/u?consistency=quorum", ""),
    ("GET", "/v1/posts/p?consistency=quorum", ""),
    ("GET", "/v1/posts/p?consistency=", ""),
    ("GET", "/v1/posts/p?timeout=1s", ""),
    ("GET", "/v1/posts/p?consistency=linearizable&timeout=1", ""),
    ("GET", "/v1/top?limit=x", ""),
    ("GET", "/v1/top?post=p", ""),
    ("POST", "/v1/query", ""),
    ("POST", "/v1/query", "nonsense"),
    ("POST", "/v1/query", "[]"),
    ("POST", "/v1/query", "{}"),
    ("POST", "/v1/query", r#"{"posts":"p"}"#),
    ("POST", "/v1/query", r#"{"posts":[""]}"#),
    ("POST", "/v1/query", r#"{"posts":[],"user":""}"#),
    ("POST", "/v1/query", r#"{"posts":[],"users":"u"}"#),
    ("POST", "/v1/query", r#"{"posts":["p"],"kind":"K"}"#),
    ("POST", "/v1/query?x", r#"{"posts":[]}"#),
    ("POST", "/v1/query?consistency=quorum", r#"{"posts":["p"]}"#),
    ("POST", "/v1/likes?kind=like", ""),
    ("POST", "/like", ""),
    ("POST", "/like", r#"{"post":1,"user":2}"#),
    ("GET", "/likes", ""),
    ("GET", "/likes?post=", ""),
    ("GET", "/likes?post=%ff", ""),
    ("GET", "/?x=1", ""),
    ("GET", "/livez?x=1", ""),
    ("GET", "/readyz?x=1", ""),
    ("GET", "/metrics?x=1", ""),
    ("GET", "/openapi.json?x=1", ""),
    ("GET", "/v1/export?x=1", ""),
    ("GET", "/problems/none", ""),
];

#[test]
fn every_error_is_a_problem_that_says_what_to_do() {
    let served = Served::start();
    let mut client = served.client();
    for (method, path, body) in BAD {
        let headers = [("content-type", "application/json")];
        let answer = client.request(method, path, &headers, body.as_bytes());
        assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.text());
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        let slug = problem["type"].as_str().unwrap().strip_prefix("/problems/").unwrap();
        let detail = answer.problem(answer.status, slug);
        assert!(detail.contains(':'), "no remedy in {detail:?} of {method} {path} {body}");
        let page = client.get(&format!("/problems/{slug}"));
        assert_eq!(page.status, 200);
        assert!(page.text().starts_with(problem["title"].as_str().unwrap()));
    }
}

#[test]
fn a_detail_names_the_field_and_the_value() {
    let served = Served::start();
    let mut client = served.client();
    // Where nobody votes, nobody may believe to have asked for a vote.
    for level in ["quorum", "linearizable"] {
        let path = format!("/v1/posts/p/likes/u?consistency={level}");
        client.put(&path).problem(400, "no-voters");
        client.get(&path).problem(400, "no-voters");
    }
    let detail = client.get("/v1/posts/p/likes/u?sen=7").problem(400, "unknown-parameter");
    assert_eq!(
        detail,
        "parameter \"sen\" is not known: leave it out, or use one of kind, seen, consistency, timeout"
    );
    let detail = client.get("/v1/posts/p/likes?limit=9999").problem(400, "invalid-parameter");
    assert_eq!(detail, "parameter \"limit\" is \"9999\": give an integer 1 to 1000");
    let detail = client.put("/v1/posts/%ff/likes/u").problem(400, "invalid-id");
    assert!(detail.starts_with("post \"%ff\" is not UTF-8"), "{detail}");
}

#[test]
fn a_body_that_is_not_said_to_be_json_is_refused_where_that_matters() {
    let served = Served::start();
    let mut client = served.client();
    let body = br#"{"posts":["p"]}"#;
    for (content_type, status) in [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/vnd.feed+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let headers = [("content-type", content_type)];
        let answer = client.request("POST", "/v1/query", &headers, body);
        assert_eq!(answer.status, status, "{content_type}");
        if status == 415 {
            let detail = answer.problem(415, "unsupported-media-type");
            assert!(detail.contains(content_type), "{detail}");
        }
    }
    assert_eq!(client.request("POST", "/v1/query", &[], body).status, 200);
}

/// Requests that are described and not made here: one has an answer without end, one stops the node, and one
/// answers 404 for a member that is not there.
const NOT_MADE: [(&str, &str); 3] = [
    ("GET", "/v1/cluster/events"),
    ("POST", "/v1/cluster/leave"),
    ("DELETE", "/v1/cluster/members/{name}"),
];

#[test]
fn every_method_that_a_route_is_not_described_with_is_405_with_allow() {
    let served = Served::start();
    let mut client = served.client();
    let description: Value = client.get("/openapi.json").json();
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() >= 16, "{} paths", paths.len());
    for (template, operations) in paths {
        let path = template.replace("{slug}", "not-found").replace(['{', '}'], "");
        for method in METHODS {
            // Whoever may GET may also ask for the head of it.
            let described = if method == "HEAD" { "get" } else { &method.to_lowercase() };
            if NOT_MADE.contains(&(method, template)) {
                continue;
            }
            let headers = [("content-type", "application/json")];
            let answer = client.request(method, &path, &headers, b"");
            if operations.get(described).is_some() {
                assert!(![404, 405].contains(&answer.status), "{method} {path} is described");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path} is not described");
            let allowed = answer.header("allow").unwrap();
            let mut allowed = allowed.split(',').map(|allowed| allowed.to_lowercase());
            assert!(allowed.all(|allowed| allowed == "head" || operations.get(&allowed).is_some()));
            if method != "HEAD" {
                answer.problem(405, "method-not-allowed");
            }
        }
    }
}

#[test]
fn the_committed_openapi_description_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("LIKEWISE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, openapi_json()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == openapi_json(),
        "docs/openapi.json is not what the code describes: if the change is meant, run\n\
         LIKEWISE_BLESS=1 cargo test -p likewise openapi"
    );
    let document: Value = serde_json::from_str(&committed).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}
