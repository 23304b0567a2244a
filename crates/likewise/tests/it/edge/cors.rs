//! What browsers are told.

use likewise::config::settings::Settings;
use likewise::http::openapi_json;
use serde_json::Value;

use super::{served, texts};
use crate::api::client::{Answer, Client};

const SHOP: &str = "https://shop.example";

fn with_origins(origins: &[&str]) -> Settings {
    Settings { cors_origins: texts(origins), ..Settings::default() }
}

fn from(client: &mut Client, origin: &str, method: &str, path: &str) -> Answer {
    client.request(method, path, &[("origin", origin)], b"")
}

fn preflight(client: &mut Client, origin: &str, path: &str) -> Answer {
    let headers = [("origin", origin), ("access-control-request-method", "PUT")];
    client.request("OPTIONS", path, &headers, b"")
}

/// The routes of the description, with ids in their places and their methods.
fn routes() -> Vec<(String, Vec<String>)> {
    let document: Value = serde_json::from_str(openapi_json()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .map(|(template, item)| {
            let path = template.replace(['{', '}'], "");
            let mut methods: Vec<String> =
                item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
            methods.sort();
            (path, methods)
        })
        .collect()
}

fn sorted(list: &str) -> Vec<String> {
    let mut list: Vec<String> = list.split(',').map(|item| item.trim().to_owned()).collect();
    list.sort();
    list
}

#[test]
fn a_preflight_is_told_the_methods_of_its_route() {
    let served = served(with_origins(&[SHOP, "http://localhost:3000"]));
    let mut client = served.client();
    let routes = routes();
    assert!(routes.len() >= 20, "{routes:?}");
    for (path, methods) in routes {
        let answer = preflight(&mut client, SHOP, &path);
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP));
        assert_eq!(sorted(answer.header("access-control-allow-methods").unwrap()), methods);
        let sent = sorted(answer.header("access-control-allow-headers").unwrap());
        for header in ["authorization", "content-type"] {
            assert!(sent.contains(&header.to_owned()), "{sent:?}");
        }
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        assert_eq!(answer.header("vary"), Some("origin"));
        assert_eq!(answer.header("likewise-node"), Some("test-node"));
        // What the router itself says, which knows its methods from nobody.
        let refused = from(&mut client, SHOP, "PATCH", &path);
        let mut allow = sorted(refused.header("allow").unwrap());
        allow.retain(|method| method != "HEAD");
        assert_eq!(allow, methods, "{path}");
    }
    let answer = preflight(&mut client, "https://other.example", "/v1/posts/p/likes/u");
    assert_eq!(answer.status, 204);
    for header in ["origin", "methods", "headers"] {
        assert_eq!(answer.header(&format!("access-control-allow-{header}")), None);
    }
    assert_eq!(preflight(&mut client, SHOP, "/nowhere").status, 404);
}

#[test]
fn answers_and_errors_can_be_read_by_the_pages_of_listed_origins_alone() {
    let served = served(with_origins(&[SHOP, "http://localhost:3000"]));
    let mut client = served.client();
    let long = format!("/v1/posts/p?kind={}", "k".repeat(9_000));
    for (method, path, status) in [
        ("PUT", "/v1/posts/p/likes/u", 200),
        ("GET", "/livez", 200),
        ("GET", "/v1/posts/p?kind=%20", 400),
        ("GET", "/nowhere", 404),
        ("OPTIONS", "/v1/posts/p", 405),
        // The one that is answered furthest out.
        ("GET", &long, 414),
    ] {
        let answer = from(&mut client, SHOP, method, path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP), "{path}");
        let read = sorted(answer.header("access-control-expose-headers").unwrap());
        for header in ["etag", "likewise-node", "ratelimit", "ratelimit-policy", "retry-after"] {
            assert!(read.contains(&header.to_owned()), "{read:?}");
        }
        for (headers, name) in [
            (&[("origin", "https://other.example")][..], "other"),
            (&[("origin", "https://shop.example.evil")], "longer"),
            (&[("origin", "http://shop.example")], "less safe"),
            (&[("origin", "null")], "null"),
            (&[], "none"),
        ] {
            let answer = client.request(method, path, headers, b"");
            assert_eq!(answer.status, status, "{name}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{name}");
            assert_eq!(answer.header("vary"), Some("origin"), "{name}");
        }
    }
}

#[test]
fn a_star_lets_every_page_in() {
    let served = served(with_origins(&["*"]));
    let mut client = served.client();
    let answer = from(&mut client, "https://other.example", "GET", "/nowhere");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("vary"), None);
    let answer = preflight(&mut client, "https://other.example", "/v1/posts/p/likes/u");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(answer.header("access-control-allow-methods").is_some());
}

#[test]
fn nothing_is_said_where_nobody_asked_for_it() {
    let served = served(Settings::default());
    let mut client = served.client();
    let answers = [
        from(&mut client, SHOP, "GET", "/livez"),
        from(&mut client, SHOP, "GET", "/nowhere"),
        preflight(&mut client, SHOP, "/v1/posts/p/likes/u"),
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 404, 405]);
    for answer in answers {
        for header in ["vary", "ratelimit", "ratelimit-policy", "x-request-id"] {
            assert_eq!(answer.header(header), None);
        }
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}
