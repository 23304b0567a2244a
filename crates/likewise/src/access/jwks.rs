//! The file of keys that JWTs are signed with: a JWK Set, as issuers publish it.
//!
//! Sources: RFC 7517 (JWK), RFC 7518 (HMAC and RSA keys), RFC 8037 (Ed25519 keys). A key is for one algorithm, the
//! one that it names or else that of its kind, and never for another: what is signed with HS256 by the text of a
//! public RSA key is so no signature at all.

use std::path::Path;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::jwk::{KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};

use crate::access::file_error::{AccessFileError, FileKind};

/// Keys of a file that are of use. One more is an error: a JWT that names none of them is tried with each.
pub(crate) const KEYS_MAX: usize = 16;

/// The least bytes of a key of HS256, as RFC 7518 demands. A shorter one is an error.
pub(crate) const SECRET_BYTES_MIN: usize = 32;

/// The least bits of the modulus of an RSA key. A shorter one is an error: such keys have been broken.
pub(crate) const RSA_BITS_MIN: usize = 2_048;

/// The most bits of it. A longer one is an error: each request would take as long as it takes to check.
pub(crate) const RSA_BITS_MAX: usize = 8_192;

/// Bytes of a public key of Ed25519.
const ED25519_BYTES: usize = 32;

/// The keys that JWTs may be signed with. It has no `Debug`: nothing may print it.
pub(crate) struct Keys {
    /// At least one of them.
    keys: Vec<Key>,
    /// Keys of the file that are for something else.
    pub(crate) unused: usize,
}

/// One key.
pub(crate) struct Key {
    /// Its name, where it has one.
    id: Option<String>,
    /// The only algorithm that it is for.
    pub(crate) algorithm: Algorithm,
    /// What checks signatures.
    pub(crate) verifying: DecodingKey,
}

impl Keys {
    /// Reads the bytes of a file; `file` is for errors.
    pub(crate) fn parse(file: &Path, bytes: &[u8]) -> Result<Self, AccessFileError> {
        // What the decoder says may show a part of a key: only the place is told.
        let set: JwkSet = serde_json::from_slice(bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let problem =
                r#"is not as in a JWK Set, {"keys": [...]}: copy the file from the issuer again"#;
            FileKind::Jwks.wrong_at(file, place, problem)
        })?;
        let mut keys: Vec<Key> = Vec::new();
        let mut unused = 0;
        for (number, jwk) in (1..).zip(&set.keys) {
            let wrong = |problem| FileKind::Jwks.wrong_at(file, format!("key {number}"), problem);
            let Some(key) = Key::of_jwk(jwk).map_err(wrong)? else {
                unused += 1;
                continue;
            };
            if keys.len() == KEYS_MAX {
                return Err(wrong(format!(
                    "is one more than the {KEYS_MAX} of a file: remove those that the issuer uses no more"
                )));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            let problem = "holds no key for signatures by HS256, RS256 or EdDSA: copy the file of the issuer whose JWTs are to be taken";
            return Err(FileKind::Jwks.wrong(file, problem));
        }
        Ok(Self { keys, unused })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that a JWT of this header may be signed with. A name helps to find a key and proves nothing: a
    /// key or a JWT without one fits all.
    pub(crate) fn fitting<'a>(
        &'a self,
        algorithm: Algorithm,
        id: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| {
            let named = key.id.as_deref().zip(id).is_none_or(|(known, wanted)| known == wanted);
            key.algorithm == algorithm && named
        })
    }
}

impl Key {
    /// The key that a JWK is, or `None` where it is for something else than the signatures of JWTs that are taken
    /// here. The error says what is wrong with it, and what to do.
    fn of_jwk(jwk: &Jwk) -> Result<Option<Self>, String> {
        let named = jwk.common.key_algorithm;
        let is_for = |algorithm| named.is_none_or(|named| named == algorithm);
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::OctetKey(_) if is_for(KeyAlgorithm::HS256) => Algorithm::HS256,
            AlgorithmParameters::RSA(_) if is_for(KeyAlgorithm::RS256) => Algorithm::RS256,
            AlgorithmParameters::OctetKeyPair(pair)
                if pair.curve == EllipticCurve::Ed25519 && is_for(KeyAlgorithm::EdDSA) =>
            {
                Algorithm::EdDSA
            }
            AlgorithmParameters::Other(other) => return incomplete(other.fields.get("kty")),
            _ => return Ok(None),
        };
        if !is_for_signatures(jwk) {
            return Ok(None);
        }
        let verifying = DecodingKey::from_jwk(jwk)
            .map_err(|_| "is not base64url: copy the key again, without spaces and =".to_owned())?;
        let verifying = judged(verifying)?;
        Ok(Some(Self { id: jwk.common.key_id.clone(), algorithm, verifying }))
    }
}

/// Whether somebody meant the key for signatures, or did not say.
fn is_for_signatures(jwk: &Jwk) -> bool {
    let usage = jwk.common.public_key_use.as_ref();
    let operations = jwk.common.key_operations.as_ref();
    usage.is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && operations.is_none_or(|all| all.contains(&KeyOperations::Verify))
}

/// What becomes of a key of which the decoder makes nothing: it is of a kind that it does not know, or it lacks
/// something.
fn incomplete(kind: Option<&serde_json::Value>) -> Result<Option<Key>, String> {
    match kind.and_then(serde_json::Value::as_str) {
        None => Err("has no kty: copy the key again".to_owned()),
        Some("oct") => Err("has no k, a text: copy the key again".to_owned()),
        Some("RSA") => Err("lacks n or e, two texts: copy the key again".to_owned()),
        // A curve that the decoder does not know looks the same.
        Some(_) => Ok(None),
    }
}

/// The key, where it is strong enough.
fn judged(key: DecodingKey) -> Result<DecodingKey, String> {
    use jsonwebtoken::AlgorithmFamily::{Ec, Ed, Hmac, Rsa};
    match (key.family(), key.kind()) {
        (Hmac, DecodingKeyKind::SecretOrDer(secret)) if secret.len() < SECRET_BYTES_MIN => {
            Err(format!(
                "is a secret of {} bytes: HS256 needs {SECRET_BYTES_MIN} random ones at least",
                secret.len()
            ))
        }
        (Ed, DecodingKeyKind::SecretOrDer(point)) if point.len() != ED25519_BYTES => Err(format!(
            "has an x of {} bytes: a key of Ed25519 has {ED25519_BYTES}, copy it again",
            point.len()
        )),
        (Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => rsa(n, e),
        (Hmac | Ed, DecodingKeyKind::SecretOrDer(_)) => Ok(key),
        (Ec | Rsa | Hmac | Ed, _) => unreachable!("a JWK of this kind makes no such key"),
    }
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<DecodingKey, String> {
    // Some issuers write a sign byte, which the checking of signatures takes for an error.
    let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
    let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = 8 * modulus.len() - unused;
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Err(format!(
            "is an RSA key of {bits} bits: use one of {RSA_BITS_MIN} to {RSA_BITS_MAX}"
        ));
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let is_small = exponent.len() <= 4;
    if !is_odd(modulus) || !is_odd(exponent) || !is_small || exponent == [1] {
        return Err(
            "is no RSA key: n and e are odd, and e is mostly AQAB; copy it again".to_owned()
        );
    }
    Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests;
