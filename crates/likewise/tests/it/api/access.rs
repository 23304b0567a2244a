//! Who gets where: every method of every route, asked by everybody; and what they are told.

use std::collections::BTreeSet;
use std::path::Path;

use likewise::Config;
use likewise::config::settings::Settings;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::{Answer, Served};
use crate::access::{JWKS, SECRET, but, claims, golden, now, signed, signed_by};

/// What each method of each route needs, written down a second time: "-" is nothing, and "write" is also for the
/// user whose like it is.
const NEEDS: &[(&str, &str, &str)] = &[
    ("PUT", "/v1/posts/{post}/likes/{user}", "write"),
    ("DELETE", "/v1/posts/{post}/likes/{user}", "write"),
    ("GET", "/v1/posts/{post}/likes/{user}", "read"),
    ("GET", "/v1/posts/{post}/likes", "read"),
    ("GET", "/v1/posts/{post}/reactions", "read"),
    ("GET", "/v1/posts/{post}", "read"),
    ("POST", "/v1/query", "read"),
    ("POST", "/v1/likes", "write"),
    ("GET", "/v1/export", "read"),
    ("GET", "/v1/backup", "admin"),
    ("POST", "/v1/restore", "admin"),
    ("GET", "/v1/top", "read"),
    ("POST", "/like", "write"),
    ("GET", "/likes", "read"),
    ("GET", "/", "-"),
    ("GET", "/v1/cluster", "read"),
    ("GET", "/v1/cluster/events", "read"),
    ("DELETE", "/v1/cluster/members/{name}", "admin"),
    ("GET", "/livez", "-"),
    ("GET", "/readyz", "-"),
    ("GET", "/metrics", "-"),
    ("GET", "/openapi.json", "-"),
    ("GET", "/problems/{slug}", "-"),
    // The last, as it stops the node.
    ("POST", "/v1/cluster/leave", "admin"),
];

/// A token of this right, the same each time.
pub(crate) fn token(right: &str) -> String {
    format!("a-token-that-gives-{right}-to-a-test")
}

/// The line of a tokens file for it.
pub(crate) fn line(right: &str, token: &str) -> String {
    let hash: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{right} sha256:{hash} {right} of a test\n")
}

/// A node that knows a token of each right, and the keys of an issuer.
fn guarded(folder: &Path) -> Served {
    let (tokens, keys) = (folder.join("tokens"), folder.join("jwks.json"));
    let lines = ["read", "write", "admin"].map(|right| line(right, &token(right)));
    std::fs::write(&tokens, lines.concat()).unwrap();
    std::fs::write(&keys, JWKS).unwrap();
    let settings = Settings {
        name: Some("test-node".to_owned()),
        http: Some("127.0.0.1:0".to_owned()),
        in_memory: Some(true),
        tokens_file: Some(tokens),
        jwks_file: Some(keys),
        jwt_issuer: Some("https://issuer.example".to_owned()),
        jwt_audience: Some("likewise".to_owned()),
        ..Settings::default()
    };
    Served::start_with(Config::new(settings).unwrap())
}

/// Everybody who asks: who they are, what they show, and why they are known or not.
fn callers() -> Vec<(&'static str, Option<String>, &'static str)> {
    let changed = |name, value| signed(&but(claims("ann"), name, value));
    let bearer = |token: String| Some(format!("Bearer {token}"));
    let header = json!({ "alg": "HS256", "kid": "h" });
    vec![
        ("nobody", None, "missing"),
        ("basic", Some("Basic YW5uOnNlY3JldA==".to_owned()), "missing"),
        ("two words", bearer("two words".to_owned()), "malformed"),
        ("stranger", bearer("f".repeat(64)), "unknown"),
        ("read", bearer(token("read")), "read"),
        ("write", bearer(token("write")), "write"),
        ("admin", Some(format!("bEARER  {}", token("admin"))), "admin"),
        ("own user", bearer(signed(&claims("ann"))), "ann"),
        ("own user by RS256", bearer(golden("RS256")), "ann"),
        ("own user by EdDSA", bearer(golden("EdDSA")), "ann"),
        ("other user", bearer(signed(&claims("bob"))), "bob"),
        ("expired", bearer(changed("exp", json!(now() - 60))), "expired"),
        ("not yet", bearer(changed("nbf", json!(now() + 60))), "not-yet-valid"),
        ("no end", bearer(changed("exp", Value::Null)), "claims"),
        ("no user", bearer(changed("sub", Value::Null)), "claims"),
        ("wrong issuer", bearer(changed("iss", json!("joe"))), "issuer"),
        ("no audience", bearer(changed("aud", Value::Null)), "audience"),
        ("wrong key", bearer(signed_by(&[7; 32], &header, &claims("ann"))), "signature"),
        (
            "unknown key",
            bearer(signed_by(SECRET, &json!({ "alg": "HS256", "kid": "x" }), &claims("ann"))),
            "key",
        ),
        ("wrong algorithm", bearer(golden("RS512")), "key"),
        ("RSA key as a secret", bearer(golden("confused_n")), "signature"),
        ("no algorithm", bearer(golden("none")), "jwt"),
        ("no JWT", bearer("a.b.c".to_owned()), "jwt"),
    ]
}

/// The status that is owed: 0 where the request is let in.
fn expected(need: &str, known: &str, writes_own: bool) -> u16 {
    let rank = |right| ["-", "read", "write", "admin"].iter().position(|&known| known == right);
    match (rank(known), known) {
        _ if need == "-" => 0,
        (Some(held), _) => {
            if Some(held) >= rank(need) {
                0
            } else {
                403
            }
        }
        (None, "ann" | "bob") if need == "read" => 0,
        // The rejected line of a bulk write is no denial of the whole.
        (None, "ann") if need == "write" => 0,
        (None, "bob") if need == "write" => {
            if writes_own {
                0
            } else {
                403
            }
        }
        (None, "ann" | "bob") => 403,
        (None, _) => 401,
    }
}

fn ask(served: &Served, method: &str, template: &str, shown: Option<&str>) -> Answer {
    let path =
        template.replace("{slug}", "forbidden").replace("{user}", "ann").replace(['{', '}'], "");
    let path = if path == "/likes" { "/likes?post=p".to_owned() } else { path };
    let body = match path.as_str() {
        "/like" | "/v1/likes" => r#"{"post":"p","user":"ann"}"#,
        "/v1/query" => r#"{"posts":["p"]}"#,
        _ => "",
    };
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(shown.map(|shown| ("authorization", shown)));
    let mut client = served.client();
    if template == "/v1/cluster/events" {
        // An answer without end: its head is enough.
        return client.request_head(method, &path, &headers);
    }
    client.request(method, &path, &headers, body.as_bytes())
}

#[test]
fn every_method_of_every_route_is_open_to_those_who_have_its_right_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let served = guarded(folder.path());
    let (mut asked, mut wrong) = (0, Vec::new());
    for (method, template, need) in NEEDS {
        // Whoever stops the node comes last.
        let mut callers = callers();
        callers.sort_by_key(|(_, _, known)| *known == "admin");
        for (who, shown, known) in callers {
            let answer = ask(&served, method, template, shown.as_deref());
            let expected = expected(need, known, *template == "/v1/likes");
            let status = Some(answer.status).filter(|status| [401, 403].contains(status));
            let case = format!("{method} {template} by {who}: {}", answer.status);
            if status.unwrap_or_default() != expected {
                wrong.push(case);
            } else if expected != 0 {
                refused(&answer, need, known, shown.as_deref().unwrap_or_default(), &case);
            }
            asked += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(asked, 24 * 23);
}

/// A refusal tells what to do in the words of RFC 9457 and RFC 6750, and never repeats the token.
fn refused(answer: &Answer, need: &str, known: &str, shown: &str, case: &str) {
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let realm = "Bearer realm=\"likewise\"";
    let (slug, error) = match (answer.status, known) {
        (401, "missing") => ("missing-token", String::new()),
        (401, _) => ("invalid-token", ", error=\"invalid_token\"".to_owned()),
        (_, "bob") if need == "write" => ("forbidden", ", error=\"insufficient_scope\"".to_owned()),
        _ => ("forbidden", format!(", error=\"insufficient_scope\", scope=\"{need}\"")),
    };
    assert_eq!(challenge, format!("{realm}{error}"), "{case}");
    if answer.body.is_empty() {
        return;
    }
    let detail = answer.problem(answer.status, slug);
    assert!(detail.contains(": "), "{case}: no remedy in {detail:?}");
    for secret in shown.split([' ', '.']).filter(|part| part.len() > 8) {
        assert!(!answer.text().contains(secret), "{case}: {detail}");
    }
}

#[test]
fn the_table_here_is_that_of_the_description_and_so_of_the_routes() {
    let document: Value = serde_json::from_str(likewise::http::openapi_json()).unwrap();
    let scheme = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&json!("http"), &json!("bearer")));
    let mut described = BTreeSet::new();
    for (template, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let need = match &operation["security"] {
                Value::Array(none) if none.is_empty() => "-",
                needed => needed[0]["bearer"][0].as_str().unwrap(),
            };
            described.insert((method.to_uppercase(), template.as_str(), need));
        }
    }
    let table = NEEDS.iter().map(|&(method, template, need)| (method.to_owned(), template, need));
    assert_eq!(described, table.collect());
}

#[test]
fn a_user_writes_only_their_own_lines_of_a_bulk() {
    let folder = tempfile::tempdir().unwrap();
    let served = guarded(folder.path());
    let body = "{\"post\":\"p\",\"user\":\"ann\"}\n{\"post\":\"p\",\"user\":\"bob\"}\n\n{\"post\":\"q\",\"user\":\"ann\"}\n";
    let write = |shown: &str| {
        let headers = [("authorization", shown)];
        served.client().request("POST", "/v1/likes", &headers, body.as_bytes()).json()
    };
    let own = write(&format!("Bearer {}", signed(&claims("ann"))));
    assert_eq!((&own["accepted"], &own["rejected"]), (&json!(2), &json!(1)));
    assert_eq!(own["errors"][0]["line"], 2);
    let detail = own["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("user \"bob\" is not the sub of the JWT: "), "{detail}");
    let nobodys = write(&format!("Bearer {}", signed(&claims("p"))));
    assert_eq!((&nobodys["accepted"], &nobodys["rejected"]), (&json!(0), &json!(3)));
    let reader = format!("Bearer {}", token("read"));
    let path = "/v1/posts/p/likes";
    let users = served.client().request("GET", path, &[("authorization", &reader)], b"").json();
    assert_eq!(users["users"], json!(["ann"]), "what was rejected was not written");
    let all = write(&format!("Bearer {}", token("write")));
    assert_eq!((&all["accepted"], &all["rejected"]), (&json!(3), &json!(0)));
}

#[test]
fn a_user_is_the_sub_to_the_byte_on_every_way_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let served = guarded(folder.path());
    for (subject, user, is_own) in [
        ("ann", "ann", true),
        ("ann", "%61nn", true),
        ("ann", "Ann", false),
        ("ann", "ann%20", false),
        ("ann", "ann%00", false),
        ("", "ann", false),
        ("\u{e9}", "%C3%A9", true),
        ("\u{e9}", "e%CC%81", false),
        ("https://a/b", "https%3A%2F%2Fa%2Fb", true),
    ] {
        let shown = format!("Bearer {}", signed(&claims(subject)));
        let headers = [("authorization", shown.as_str())];
        for (method, query) in [("PUT", ""), ("DELETE", ""), ("PUT", "?consistency=quorum")] {
            let path = format!("/v1/posts/p/likes/{user}{query}");
            let status = served.client().request(method, &path, &headers, b"").status;
            // There are no voters, and that is told only to those who may write.
            let allowed = if query.is_empty() { 200 } else { 400 };
            assert_eq!(status, if is_own { allowed } else { 403 }, "{subject} {method} {path}");
        }
    }
}

#[test]
fn refusals_are_counted_by_their_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let served = guarded(folder.path());
    let denied = || {
        let metrics = served.client().get("/metrics");
        let of_reason = |line: &str| {
            let rest = line.strip_prefix("likewise_http_denied_total{reason=\"")?;
            let (reason, count) = rest.split_once("\"} ")?;
            Some((reason.to_owned(), count.parse::<u64>().unwrap()))
        };
        metrics.text().lines().filter_map(of_reason).collect::<Vec<_>>()
    };
    let before = denied();
    assert_eq!(before.len(), 13, "{before:?}");
    assert!(before.iter().all(|(_, count)| *count == 0), "{before:?}");
    for (_, shown, known) in callers() {
        let answer = ask(&served, "PUT", "/v1/posts/{post}/likes/{user}", shown.as_deref());
        let reason = match known {
            "read" => "right",
            "bob" => "user",
            known => known,
        };
        let counted = denied().into_iter().find(|(known, _)| known == reason);
        assert_eq!(counted.is_some_and(|(_, count)| count > 0), answer.status > 400, "{known}");
    }
    assert!(denied().iter().all(|(_, count)| *count > 0), "each has a caller here");
}

#[test]
fn a_token_in_the_query_or_the_body_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let served = guarded(folder.path());
    let path = format!("/v1/top?access_token={}", token("read"));
    served.client().get(&path).problem(401, "missing-token");
    let body = format!("access_token={}", token("read"));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = served.client().request("POST", "/v1/query", &headers, body.as_bytes());
    answer.problem(401, "missing-token");
    let twice = format!("Bearer {}", token("read"));
    let headers = [("authorization", twice.as_str()), ("authorization", twice.as_str())];
    served.client().request("GET", "/v1/top", &headers, b"").problem(401, "invalid-token");
}

#[test]
fn routes_and_methods_that_are_not_there_are_told_to_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let served = guarded(folder.path());
    served.client().get("/nowhere").problem(404, "not-found");
    let answer = served.client().request("PATCH", "/v1/cluster/leave", &[], b"");
    answer.problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
    // The head of an answer is guarded as the answer is.
    let answer = served.client().request("HEAD", "/v1/top", &[], b"");
    assert_eq!(answer.status, 401);
}
