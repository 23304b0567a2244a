//! JWTs of another implementation, and of our own with one thing wrong.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use signed::{JWKS, SECRET, but, claims, golden, now, signed, signed_by};

#[path = "../../../tests/it/access/signed.rs"]
mod signed;

const ISSUER: &str = "https://issuer.example";

fn keys(text: &str) -> Keys {
    Keys::parse(Path::new("FILE"), text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn verifier() -> Verifier {
    Verifier::new(keys(JWKS), Some(ISSUER), Some("likewise"))
}

fn ann() -> Result<String, Denial> {
    Ok("ann".to_owned())
}

#[test]
fn jwts_of_another_implementation_are_taken_by_each_algorithm() {
    for algorithm in ["HS256", "RS256", "EdDSA"] {
        assert_eq!(verifier().user(&golden(algorithm)), ann(), "{algorithm}");
    }
    assert_eq!(verifier().user(&signed(&claims("ann"))), ann());
}

#[test]
fn the_algorithm_is_that_of_the_key_and_no_other() {
    for (name, denial) in [
        ("none", Denial::JwtMalformed),
        ("RS512", Denial::Key),
        ("HS512", Denial::Key),
        // HS256, signed by the text of the public RSA key.
        ("confused_pem", Denial::Key),
        ("confused_n", Denial::Signature),
        ("crit", Denial::JwtMalformed),
    ] {
        assert_eq!(verifier().user(&golden(name)), Err(denial), "{name}");
    }
    // Even where nothing but the RSA key is there, and the JWT does not name one.
    let set: Value = serde_json::from_str(JWKS).unwrap();
    let only_rsa = json!({ "keys": [set["keys"][1]] }).to_string();
    let verifier = Verifier::new(keys(&only_rsa), None, Some("likewise"));
    assert_eq!(verifier.user(&golden("RS256")), ann());
    for name in ["confused_pem", "confused_n", "HS256", "EdDSA"] {
        assert_eq!(verifier.user(&golden(name)), Err(Denial::Key), "{name}");
    }
}

#[test]
fn a_jwt_is_taken_within_its_time_and_a_little_more() {
    let leeway = i64::try_from(LEEWAY.as_secs()).unwrap();
    let at = |name, time: i64| verifier().user(&signed(&but(claims("ann"), name, json!(time))));
    assert_eq!(at("exp", now() - leeway + 20), ann());
    assert_eq!(at("exp", now() - leeway - 2), Err(Denial::Expired));
    assert_eq!(at("exp", 0), Err(Denial::Expired));
    assert_eq!(at("exp", -1), Err(Denial::Claims));
    assert_eq!(at("nbf", now() + leeway - 2), ann());
    assert_eq!(at("nbf", now() + leeway + 20), Err(Denial::NotYetValid));
    assert_eq!(at("nbf", i64::MAX), Err(Denial::NotYetValid));
}

#[test]
fn each_claim_must_be_there_and_be_right() {
    for (name, value, denial) in [
        ("exp", Value::Null, Denial::Claims),
        ("exp", json!("4102444800"), Denial::Claims),
        ("exp", json!({}), Denial::Claims),
        ("exp", json!(1e300), Denial::Claims),
        ("nbf", json!("0"), Denial::Claims),
        ("sub", Value::Null, Denial::Claims),
        ("sub", json!(1), Denial::Claims),
        ("sub", json!(["ann"]), Denial::Claims),
        ("iss", Value::Null, Denial::Issuer),
        ("iss", json!("https://issuer.example/"), Denial::Issuer),
        ("aud", Value::Null, Denial::Audience),
        ("aud", json!("Likewise"), Denial::Audience),
        ("aud", json!(["others", "more"]), Denial::Audience),
        ("aud", json!([]), Denial::Audience),
    ] {
        let jwt = signed(&but(claims("ann"), name, value.clone()));
        assert_eq!(verifier().user(&jwt), Err(denial), "{name} {value}");
    }
    let both = but(claims("ann"), "aud", json!(["others", "likewise"]));
    assert_eq!(verifier().user(&signed(&both)), ann());
}

#[test]
fn an_issuer_that_is_not_asked_for_may_be_any_and_an_audience_must_be_none() {
    let verifier = Verifier::new(keys(JWKS), None, None);
    let unmarked = but(but(claims("ann"), "aud", Value::Null), "iss", Value::Null);
    assert_eq!(verifier.user(&signed(&unmarked)), ann());
    assert_eq!(verifier.user(&signed(&but(unmarked, "iss", json!("x")))), ann());
    assert_eq!(verifier.user(&signed(&claims("ann"))), Err(Denial::Audience));
}

#[test]
fn any_change_breaks_the_signature() {
    let jwt = signed(&claims("ann"));
    let parts: Vec<&str> = jwt.split('.').collect();
    let other = signed(&claims("bob"));
    let other: Vec<&str> = other.split('.').collect();
    let mixed = [parts[0], other[1], parts[2]].join(".");
    assert_eq!(verifier().user(&mixed), Err(Denial::Signature));
    let bare = format!("{}.{}.", parts[0], parts[1]);
    assert_eq!(verifier().user(&bare), Err(Denial::Signature));
    let header = json!({ "alg": "HS256", "kid": "h" });
    let forged = signed_by(b"another secret of 32 bytes......", &header, &claims("ann"));
    assert_eq!(verifier().user(&forged), Err(Denial::Signature));
    // What is wrong besides is not told to who can't sign.
    let old = but(claims("ann"), "exp", json!(0));
    assert_eq!(verifier().user(&signed_by(b"x", &header, &old)), Err(Denial::Signature));
}

#[test]
fn a_key_id_finds_a_key_and_a_jwt_without_one_is_tried_with_all() {
    let by = |header| verifier().user(&signed_by(SECRET, &header, &claims("ann")));
    assert_eq!(by(json!({ "alg": "HS256" })), ann());
    assert_eq!(by(json!({ "alg": "HS256", "kid": "H" })), Err(Denial::Key));
    assert_eq!(by(json!({ "alg": "HS256", "kid": "r" })), Err(Denial::Key));
    assert_eq!(by(json!({ "alg": "HS256", "kid": 1 })), Err(Denial::JwtMalformed));
    // While an issuer changes its key, two of them are in force, here without names.
    let set: Value = serde_json::from_str(JWKS).unwrap();
    let (new, old) = (
        json!({ "kty": "oct", "k": "bmV3".repeat(12) }),
        but(set["keys"][0].clone(), "kid", Value::Null),
    );
    let verifier =
        Verifier::new(keys(&json!({ "keys": [new, old] }).to_string()), None, Some("likewise"));
    for header in [json!({ "alg": "HS256" }), json!({ "alg": "HS256", "kid": "h" })] {
        assert_eq!(verifier.user(&signed_by(SECRET, &header, &claims("ann"))), ann());
        assert_eq!(verifier.user(&signed_by(&b"new".repeat(12), &header, &claims("ann"))), ann());
        assert_eq!(
            verifier.user(&signed_by(b"x", &header, &claims("ann"))),
            Err(Denial::Signature)
        );
    }
}

#[test]
fn what_is_no_jwt_is_refused_as_such() {
    for text in ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "bnVsbA.e30.e30"] {
        assert_eq!(verifier().user(text), Err(Denial::JwtMalformed), "{text}");
    }
}
