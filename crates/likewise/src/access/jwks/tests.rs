//! Files of keys: what is taken, what is left alone, and what is an error that shows nothing.

use super::*;

/// 32 bytes.
const SECRET: &str = r#""k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTMyLWI""#;
const POINT: &str = r#""crv":"Ed25519","x":"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg""#;
const JWKS: &str = include_str!("../../../tests/it/access/jwks.json");
const WEAK_RSA: &str = include_str!("../../../tests/it/access/weak_rsa.json");

fn parse(text: &str) -> Result<Keys, String> {
    Keys::parse(Path::new("FILE"), text.as_bytes()).map_err(|error| error.to_string())
}

fn keys(inside: &[&str]) -> Result<Keys, String> {
    let keys: Vec<String> = inside.iter().map(|key| format!("{{{key}}}")).collect();
    parse(&format!("{{\"keys\":[{}]}}", keys.join(",")))
}

#[test]
fn each_kind_of_key_is_for_its_algorithm() {
    let keys = parse(JWKS).unwrap();
    assert_eq!((keys.len(), keys.unused), (3, 0));
    for (algorithm, id) in
        [(Algorithm::HS256, "h"), (Algorithm::RS256, "r"), (Algorithm::EdDSA, "e")]
    {
        assert_eq!(keys.fitting(algorithm, Some(id)).count(), 1);
        assert_eq!(keys.fitting(algorithm, None).count(), 1);
        assert_eq!(keys.fitting(algorithm, Some("other")).count(), 0);
    }
    for other in [Algorithm::HS512, Algorithm::RS512, Algorithm::PS256, Algorithm::ES256] {
        assert_eq!(keys.fitting(other, None).count(), 0);
    }
}

#[test]
fn keys_for_something_else_are_left_alone() {
    let good = format!("\"kty\":\"oct\",{SECRET}");
    for other in [
        format!("\"kty\":\"oct\",\"alg\":\"HS512\",{SECRET}"),
        format!("\"kty\":\"oct\",\"alg\":\"A256GCM\",{SECRET}"),
        format!("\"kty\":\"oct\",\"use\":\"enc\",{SECRET}"),
        format!("\"kty\":\"oct\",\"key_ops\":[\"sign\"],{SECRET}"),
        format!("\"kty\":\"OKP\",\"alg\":\"ES256\",{POINT}"),
        r#""kty":"OKP","crv":"X25519","x":"AA""#.to_owned(),
        r#""kty":"OKP","crv":"Ed448","x":"AA""#.to_owned(),
        r#""kty":"EC","crv":"P-256","x":"AA","y":"AA""#.to_owned(),
        r#""kty":"EC","crv":"secp256k1","x":"AA","y":"AA""#.to_owned(),
        r#""kty":"RSA","alg":"RS512","n":"AA","e":"AQAB""#.to_owned(),
        r#""kty":"LWE","x":[1]"#.to_owned(),
    ] {
        let found = keys(&[&good, &other]).unwrap_or_else(|error| panic!("{other}: {error}"));
        assert_eq!((found.len(), found.unused), (1, 1), "{other}");
        let alone = keys(&[&other]).err().unwrap();
        assert!(alone.starts_with("JWKS file FILE holds no key for signatures"), "{alone}");
    }
}

#[test]
fn what_is_wrong_is_named_by_its_place_and_never_shown() {
    let secret = |k: &str| format!("\"kty\":\"oct\",\"k\":\"{k}\"");
    for (key, expected) in [
        (secret(&"A".repeat(42)), "key 2 is a secret of 31 bytes: HS256 needs 32"),
        (secret("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTMyLWI="), "key 2 is not base64url"),
        (secret("c2VjcmV0 secret"), "key 2 is not base64url"),
        (r#""kty":"oct""#.to_owned(), "key 2 has no k"),
        (r#""kty":"oct","k":["c2VjcmV0"]"#.to_owned(), "key 2 has no k"),
        (r#""kty":"RSA","n":"c2VjcmV0""#.to_owned(), "key 2 lacks n or e"),
        (r#""kid":"c2VjcmV0""#.to_owned(), "key 2 has no kty"),
        (r#""kty":"OKP","crv":"Ed25519","x":"c2VjcmV0""#.to_owned(), "key 2 has an x of 6 bytes"),
        (r#""kty":"RSA","n":"","e":"AQAB""#.to_owned(), "key 2 is an RSA key of 0 bits"),
        (r#""kty":"oct","kid":7"#.to_owned(), "line 1, column "),
        (r#""kty":"oct","k":"c2VjcmV0""#.to_owned() + ",", "line 1, column "),
    ] {
        let good = format!("\"kty\":\"oct\",{SECRET}");
        let error = keys(&[&good, &key]).err().unwrap();
        assert!(error.starts_with(&format!("JWKS file FILE: {expected}")), "{key}: {error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
    for text in
        ["", "{}", "[]", "\"c2VjcmV0\"", "{\"keys\":\"c2VjcmV0\"}", "{\"keys\":[1]}", "\u{0}"]
    {
        let error = parse(text).err().unwrap();
        assert!(
            error.starts_with("JWKS file FILE: line ") && !error.contains("c2VjcmV0"),
            "{error}"
        );
    }
    assert!(parse("{\"keys\":[]}").err().unwrap().contains("holds no key"));
}

/// The key of `jwks.json`, with another modulus or exponent.
fn rsa(modulus: Option<&str>, exponent: &str) -> Result<Keys, String> {
    let set: serde_json::Value = serde_json::from_str(JWKS).unwrap();
    let modulus = modulus.unwrap_or_else(|| set["keys"][1]["n"].as_str().unwrap());
    keys(&[&format!("\"kty\":\"RSA\",\"n\":\"{modulus}\",\"e\":\"{exponent}\"")])
}

#[test]
fn an_rsa_key_is_long_enough_and_no_longer_than_can_be_checked() {
    let error = parse(WEAK_RSA).err().unwrap();
    assert!(error.contains("key 1 is an RSA key of 1024 bits: use one of 2048 to 8192"), "{error}");
    let long = format!("{}8", "_".repeat(1_366));
    assert!(rsa(Some(&long), "AQAB").err().unwrap().contains("of 8200 bits"));
    // A sign byte adds nothing to a key.
    assert!(
        rsa(Some(&format!("AAAA{}", "_".repeat(340))), "AQAB")
            .err()
            .unwrap()
            .contains("of 2040 bits")
    );
    assert!(rsa(None, "AQAB").is_ok() && rsa(None, "AAEAAQ").is_ok() && rsa(None, "Aw").is_ok());
    for exponent in ["", "AA", "AQ", "AQAA", "__________8"] {
        assert!(rsa(None, exponent).err().unwrap().contains("key 1 is no RSA key"), "{exponent}");
    }
}

#[test]
fn a_file_has_a_bounded_number_of_keys() {
    let key = format!("\"kty\":\"oct\",{SECRET}");
    let many = vec![key.as_str(); KEYS_MAX];
    assert_eq!(keys(&many).unwrap().len(), KEYS_MAX);
    let error = keys(&[many.as_slice(), &[&key]].concat()).err().unwrap();
    assert!(error.contains("key 17 is one more than the 16"), "{error}");
}
