//! Doors to what says who may do what: the files of an operator, and the header of a client.

use std::path::Path;

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;

use crate::access::caller;
use crate::access::file_error::AccessFileError;
use crate::access::jwks::Keys;
use crate::access::jwt::Verifier;
use crate::access::right::Caller;
use crate::access::tokens::Tokens;
use crate::http::token_of;

/// Reads a file of tokens, and says whether this token is one of them.
///
/// # Errors
/// What is wrong with it.
pub fn tokens_file(bytes: &[u8], token: &str) -> Result<bool, AccessFileError> {
    Ok(Tokens::parse(Path::new("FILE"), bytes)?.find(token).is_some())
}

/// Reads a file of keys, and says how many are of use.
///
/// # Errors
/// What is wrong with it.
pub fn jwks_file(bytes: &[u8]) -> Result<usize, AccessFileError> {
    Keys::parse(Path::new("FILE"), bytes).map(|keys| keys.len())
}

/// A node's tokens and keys.
pub struct Gate {
    tokens: Tokens,
    jwts: Verifier,
}

impl Gate {
    /// With these files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(tokens: &[u8], jwks: &[u8]) -> Result<Self, AccessFileError> {
        let file = Path::new("FILE");
        let (tokens, keys) = (Tokens::parse(file, tokens)?, Keys::parse(file, jwks)?);
        Ok(Self { tokens, jwts: Verifier::new(keys, None, Some("likewise")) })
    }

    /// Who sends a request with these headers `Authorization`: the name of a token, or a user.
    ///
    /// # Errors
    /// Why they are not let in.
    pub fn caller(&self, values: &[HeaderValue]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.clone());
        }
        let known = token_of(&headers)
            .and_then(|token| caller(Some(&self.tokens), Some(&self.jwts), token));
        match known {
            Ok(Caller::Holder { name, .. }) => Ok(name),
            Ok(Caller::User(user)) => Ok(user),
            Err(denial) => Err(format!("{denial} {denial:?}")),
        }
    }
}
