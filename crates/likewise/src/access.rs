//! Who may do what over HTTP: the tokens of a file, and JWTs that name a user.
//!
//! ```text
//! Authorization: Bearer TOKEN ──> a token of the file? ──> its right (read, write or admin)
//!                                 a JWT by a key of the JWKS? ──> its user: reads all, writes their own likes
//!                                 otherwise 401
//! ```
//!
//! In reading order: [`right`] (what is given and what is needed), [`tokens`], [`jwt`] with [`jwks`] and [`signature`]
//! behind it, [`denial`] and [`file_error`] (what is said where something is wrong). Which route needs what stands in
//! the table of routes in [`crate::http`], which also asks [`Access`] about each request. With neither file everything
//! is open, and nobody asks.

use std::path::{Path, PathBuf};

use crate::access::denial::Denial;
use crate::access::file_error::{AccessFileError, FileKind};
use crate::access::jwks::Keys;
use crate::access::jwt::Verifier;
use crate::access::right::Caller;
use crate::access::tokens::Tokens;
use crate::reload::{self, Reloaded, Reloader};

pub mod right;

pub(crate) mod tokens;

pub(crate) mod jwks;

pub(crate) mod signature;

pub(crate) mod jwt;

pub(crate) mod denial;

pub mod file_error;

/// Where it is written who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// The file of tokens.
    pub tokens_file: Option<PathBuf>,
    /// The file of keys that JWTs are signed with.
    pub jwks_file: Option<PathBuf>,
    /// Who must have issued a JWT, where that is asked for.
    pub jwt_issuer: Option<String>,
    /// For whom a JWT must be.
    pub jwt_audience: Option<String>,
}

impl AccessSettings {
    /// Whether everybody may do everything.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.tokens_file.is_none() && self.jwks_file.is_none()
    }
}

/// Who may do what. The files behind it are read again when they change.
#[derive(Clone, Default)]
pub struct Access {
    tokens: Option<Reloaded<Tokens>>,
    jwts: Option<Reloaded<Verifier>>,
}

impl Access {
    /// Reads the files, now and whenever `reloader` finds that one has changed.
    ///
    /// # Errors
    /// What is wrong with a file.
    pub(crate) fn load(
        settings: &AccessSettings,
        reloader: &mut Reloader,
    ) -> Result<Self, AccessFileError> {
        let mut access = Self::default();
        if let Some(file) = settings.tokens_file.clone() {
            let files = vec![file.clone()];
            let load = move || Tokens::parse(&file, &read(FileKind::Tokens, &file)?);
            access.tokens = Some(reloader.add("the tokens", files, load)?);
        }
        if let Some(file) = settings.jwks_file.clone() {
            let (files, settings) = (vec![file.clone()], settings.clone());
            let load = move || verifier(&file, &settings);
            access.jwts = Some(reloader.add("the keys of JWTs", files, load)?);
        }
        Ok(access)
    }

    /// Whether everybody may do everything.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.tokens.is_none() && self.jwts.is_none()
    }

    /// Who shows this token.
    pub(crate) fn caller(&self, token: &str) -> Result<Caller, Denial> {
        let (tokens, jwts) =
            (self.tokens.as_ref().map(Reloaded::now), self.jwts.as_ref().map(Reloaded::now));
        caller(tokens.as_deref(), jwts.as_deref(), token)
    }
}

/// Who shows this token, where these are taken.
pub(crate) fn caller(
    tokens: Option<&Tokens>,
    jwts: Option<&Verifier>,
    token: &str,
) -> Result<Caller, Denial> {
    match (tokens.and_then(|tokens| tokens.find(token)), jwts) {
        (Some(holder), _) => Ok(holder),
        // What has no point can be no JWT, and was meant for a token.
        (None, Some(jwts)) if token.contains('.') => jwts.user(token).map(Caller::User),
        (None, _) => Err(Denial::Unknown),
    }
}

/// Whether a text is one that a token can be: RFC 6750 calls it `b64token`.
pub(crate) fn is_token(text: &str) -> bool {
    let may_be = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    !text.is_empty() && text.bytes().all(may_be)
}

fn verifier(file: &Path, settings: &AccessSettings) -> Result<Verifier, AccessFileError> {
    let keys = Keys::parse(file, &read(FileKind::Jwks, file)?)?;
    if keys.unused > 0 {
        tracing::warn!(
            file = %file.display(),
            unused = keys.unused,
            used = keys.len(),
            "the file has keys that are for something else than signatures by HS256, RS256 or EdDSA"
        );
    }
    Ok(Verifier::new(keys, settings.jwt_issuer.as_deref(), settings.jwt_audience.as_deref()))
}

fn read(kind: FileKind, file: &Path) -> Result<Vec<u8>, AccessFileError> {
    reload::bytes(file).map_err(|error| kind.unreadable(file, error))
}
