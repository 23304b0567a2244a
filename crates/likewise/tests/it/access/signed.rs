//! JWTs as an issuer signs them, for tests of those who check them.
//!
//! The files beside this one were made by PyJWT, so that what is checked is not only our own idea of a JWT:
//! `jwks.json` has the public keys, `jwts.json` a JWT by each, and some that nobody may take.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

/// The secret of the key `h` in `jwks.json`.
pub(crate) const SECRET: &[u8] = b"a secret of a test, of 32 bytes.";

/// The keys of the issuer.
pub(crate) const JWKS: &str = include_str!("jwks.json");

/// A JWT of `jwts.json`. It is for ann, from `https://issuer.example` to `likewise`, until the year 2100.
pub(crate) fn golden(name: &str) -> String {
    let all: Value = serde_json::from_str(include_str!("jwts.json")).expect("it is JSON");
    all[name].as_str().expect("it is there").to_owned()
}

/// What a JWT says that is taken, for `user` and for the next minutes.
pub(crate) fn claims(user: &str) -> Value {
    json!({
        "sub": user, "exp": now() + 600, "iss": "https://issuer.example", "aud": "likewise",
    })
}

/// The time as JWTs have it.
pub(crate) fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    since.as_secs().cast_signed()
}

/// A JWT by HS256 under the right secret.
pub(crate) fn signed(claims: &Value) -> String {
    signed_by(SECRET, &json!({ "alg": "HS256", "kid": "h" }), claims)
}

/// A JWT by HMAC and SHA-256, whatever its header says.
pub(crate) fn signed_by(secret: &[u8], header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// `claims` with one of them replaced, or taken away where it is null.
pub(crate) fn but(mut claims: Value, name: &str, value: Value) -> Value {
    let fields = claims.as_object_mut().expect("claims are an object");
    match value {
        Value::Null => drop(fields.remove(name)),
        value => drop(fields.insert(name.to_owned(), value)),
    }
    claims
}
