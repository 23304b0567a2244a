//! Who may do what: the files of tokens and keys, and the header by which a client shows a token.

use axum::http::HeaderValue;
use likewise::fuzz::{self, Gate};

use crate::{Bound, Target, assert_says_something};

/// [`tokens_file`]
pub const TOKENS_FILE: Target = Target {
    name: "tokens_file",
    run: tokens_file,
    seeds: tokens_seeds,
    // 64 tokens at most, with their names, in a list that doubles; an error holds a few words.
    bound: Bound { constant: 24 << 10, factor: 1 },
    slowness: 1,
};

/// [`jwks_file`]
pub const JWKS_FILE: Target = Target {
    name: "jwks_file",
    run: jwks_file,
    seeds: jwks_seeds,
    // A key keeps all that it has and is not known, at 32 bytes for a value of two signs, in lists that double, and
    // is looked at from two sides.
    bound: Bound { constant: 16 << 10, factor: 256 },
    slowness: 2,
};

/// [`authorization`]
pub const AUTHORIZATION: Target = Target {
    name: "authorization",
    run: authorization,
    seeds: authorization_seeds,
    // The files; the head of a JWT keeps all that it has and is not known, as a key does, and is read twice.
    bound: Bound { constant: 64 << 10, factor: 512 },
    slowness: 2,
};

const TOKEN: &str = "a-token-of-our-own-with-32-bytes";
const HASH: &str = "2cff189d46b24af69f3a7d337c195aa51f55940f9576e913614510dd5e535d75";
const JWKS: &str = include_str!("../../likewise/tests/it/access/jwks.json");
const JWTS: &str = include_str!("../../likewise/tests/it/access/jwts.json");

/// The shortest run of letters and digits that might be a secret.
const SECRET_BYTES_MIN: usize = 16;

/// Nothing that may be a secret is ever shown.
fn assert_shows_nothing_of(data: &[u8], shown: &str) {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    for word in data.split(|byte| !is_of_word(byte)) {
        let shows = word.len() >= SECRET_BYTES_MIN
            && shown.as_bytes().windows(word.len()).any(|part| part == word);
        assert!(!shows, "a secret is shown: {shown}");
    }
}

/// A file of tokens.
pub fn tokens_file(data: &[u8]) {
    match fuzz::tokens_file(data, TOKEN) {
        Ok(is_found) => {
            let text = String::from_utf8_lossy(data).to_lowercase();
            assert!(!is_found || text.contains(HASH), "a token that is not there is found");
        }
        Err(error) => {
            assert_says_something(&error);
            assert_shows_nothing_of(data, &format!("{error} {error:?}"));
        }
    }
}

fn tokens_seeds() -> Vec<Vec<u8>> {
    let usual = format!("# tokens\n\nread sha256:{HASH} web\nwrite  sha256:{}\n", "0".repeat(64));
    let many: String = (0..65).map(|number| format!("admin sha256:{number:064} n\n")).collect();
    let wrong = format!("read {TOKEN}\n");
    [usual, many, wrong, String::new()].map(String::into_bytes).to_vec()
}

/// A file of keys.
pub fn jwks_file(data: &[u8]) {
    match fuzz::jwks_file(data) {
        Ok(keys) => assert!((1..=16).contains(&keys), "{keys} keys"),
        Err(error) => {
            assert_says_something(&error);
            assert_shows_nothing_of(data, &format!("{error} {error:?}"));
        }
    }
}

fn jwks_seeds() -> Vec<Vec<u8>> {
    let others = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","x5c":["AA"]},{"kty":"OKP","crv":"X25519","x":"AA"},{"kty":"RSA","n":"AQ","e":"AQAB","d":[0,{"a":0}]}]}"#;
    let secret = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTMyLWI","use":"sig","alg":"HS256","key_ops":["verify"]}]}"#;
    [JWKS, others, secret, "{}"].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// The header of a client, or several in as many lines: nobody is let in but who was before.
pub fn authorization(data: &[u8]) {
    let tokens = format!("read sha256:{HASH} reader");
    let gate = Gate::new(tokens.as_bytes(), JWKS.as_bytes()).expect("the files are in order");
    let values = data.split(|&byte| byte == b'\n').map(HeaderValue::from_bytes);
    let Ok(values) = values.collect::<Result<Vec<_>, _>>() else { return };
    match gate.caller(&values) {
        Ok(name) => assert!(name == "reader" || name == "ann", "{name} is let in"),
        Err(denial) => {
            assert_says_something(&denial);
            assert_shows_nothing_of(data, &denial);
        }
    }
}

fn authorization_seeds() -> Vec<Vec<u8>> {
    let jwts: serde_json::Value = serde_json::from_str(JWTS).expect("it is JSON");
    let jwts = jwts.as_object().expect("it has names").values();
    let mut seeds: Vec<String> =
        jwts.map(|jwt| format!("Bearer {}", jwt.as_str().expect("a JWT is a text"))).collect();
    seeds.extend([
        format!("bearer  {TOKEN} "),
        format!("Bearer {TOKEN}\nBasic YTpi"),
        "Bearer a.b.c".to_owned(),
    ]);
    // A head with things that nobody knows: {"alg":"HS256","jwk":{"kty":"x"},"x":[[0,1],{"y":null}]}
    seeds.push(
        "Bearer eyJhbGciOiJIUzI1NiIsImp3ayI6eyJrdHkiOiJ4In0sIngiOltbMCwxXSx7InkiOm51bGx9XX0.e30.AA"
            .to_owned(),
    );
    seeds.into_iter().map(String::into_bytes).collect()
}
