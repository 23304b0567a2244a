//! JWTs: who signed one, for whom, until when.
//!
//! Sources: RFC 7519 (JWT), RFC 7515 (signatures), RFC 8725 (what goes wrong with them).

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use crate::access::denial::Denial;
use crate::access::jwks::Keys;
use crate::access::signature;

/// How far the clocks of issuer and node may be apart: a JWT is taken for so much longer and earlier than it says.
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);

/// What is asked of every JWT.
pub(crate) struct Verifier {
    keys: Keys,
    /// One for each algorithm that is taken, as each JWT must have the algorithm of its key.
    validations: [Validation; 3],
}

/// What a JWT says that is of use here. Its times, issuer and audience are judged by the library.
#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl Verifier {
    /// Takes JWTs that are signed with one of `keys`, and come from `issuer` and are for `audience` where that is
    /// said.
    pub(crate) fn new(keys: Keys, issuer: Option<&str>, audience: Option<&str>) -> Self {
        signature::install();
        let algorithms = [Algorithm::HS256, Algorithm::RS256, Algorithm::EdDSA];
        Self { keys, validations: algorithms.map(|it| validation(it, issuer, audience)) }
    }

    /// The user whom a JWT names.
    pub(crate) fn user(&self, jwt: &str) -> Result<String, Denial> {
        // The algorithm `none` is one that the library does not know: so it ends here.
        let header = decode_header(jwt).map_err(|_| Denial::JwtMalformed)?;
        // Whoever marks a header as critical must not be understood by halves.
        if header.crit.is_some() {
            return Err(Denial::JwtMalformed);
        }
        let is_of_header = |it: &&Validation| it.algorithms.contains(&header.alg);
        let validation = self.validations.iter().find(is_of_header).ok_or(Denial::Key)?;
        let mut denial = Denial::Key;
        for key in self.keys.fitting(header.alg, header.kid.as_deref()) {
            match decode::<Claims>(jwt, &key.verifying, validation) {
                Ok(decoded) => return Ok(decoded.claims.sub),
                Err(error) => denial = denied(error.kind()),
            }
            // The signature is judged first: whatever else is wrong, no other key makes it right.
            if denial != Denial::Signature {
                break;
            }
        }
        Err(denial)
    }
}

fn validation(algorithm: Algorithm, issuer: Option<&str>, audience: Option<&str>) -> Validation {
    let mut validation = Validation::new(algorithm);
    let mut required = vec!["exp", "sub"];
    validation.leeway = LEEWAY.as_secs();
    validation.validate_nbf = true;
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    // Without one the library refuses what names any: RFC 7519 demands it.
    if let Some(audience) = audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation
}

fn denied(error: &ErrorKind) -> Denial {
    match error {
        ErrorKind::InvalidSignature => Denial::Signature,
        ErrorKind::ExpiredSignature => Denial::Expired,
        ErrorKind::ImmatureSignature => Denial::NotYetValid,
        ErrorKind::InvalidIssuer => Denial::Issuer,
        ErrorKind::InvalidAudience => Denial::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Denial::Issuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Denial::Audience,
        ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::Json(_) => Denial::Claims,
        // What is no base64url, above all.
        _ => Denial::JwtMalformed,
    }
}

#[cfg(test)]
mod tests;
