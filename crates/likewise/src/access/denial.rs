//! Why a request is not let in.
//!
//! Nothing here holds a token or a part of one: a denial is answered and counted, and either may end in a log.

use std::fmt;

use crate::access::jwt::LEEWAY;
use crate::access::right::Right;

/// Why a request is not let in. Its `Display` says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// It has no header `Authorization` of the scheme Bearer.
    Missing,
    /// It has a header `Authorization` that holds no token, or several of them.
    Malformed,
    /// Its token is none of the file, and no JWT is taken or it is none.
    Unknown,
    /// Its JWT is none that can be read.
    JwtMalformed,
    /// No key of the JWKS file has the algorithm and the key id of its JWT.
    Key,
    /// Its JWT was signed by somebody else, or was changed.
    Signature,
    /// Its JWT has lost its force.
    Expired,
    /// Its JWT has no force yet.
    NotYetValid,
    /// Its JWT comes from somebody else.
    Issuer,
    /// Its JWT is for somebody else.
    Audience,
    /// Its JWT lacks a claim that it must have.
    Claims,
    /// Its token does not give the right that the route needs.
    Right(Right),
    /// Its JWT is that of another user.
    User {
        /// Whose like was to be written.
        user: String,
    },
}

impl Denial {
    /// Each value that [`Self::reason`] has, for figures that begin at zero.
    pub(crate) const REASONS: [&'static str; 13] = [
        "missing",
        "malformed",
        "unknown",
        "jwt",
        "key",
        "signature",
        "expired",
        "not-yet-valid",
        "issuer",
        "audience",
        "claims",
        "right",
        "user",
    ];

    /// In a word.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::JwtMalformed => "jwt",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Right(_) => "right",
            Self::User { .. } => "user",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "the request shows no token: send the header `Authorization: Bearer TOKEN`",
            ),
            Self::Malformed => f.write_str(
                "the header Authorization is not the word Bearer, a space and one token: send it once, as `Authorization: Bearer TOKEN`",
            ),
            Self::Unknown => f.write_str(
                "the token is none that this node knows: it may have been replaced, ask the node's operator for one",
            ),
            Self::JwtMalformed => f.write_str(
                "the token is neither one that this node knows nor a JWT that it can read: it takes HS256, RS256 and EdDSA, without critical extensions",
            ),
            Self::Key => f.write_str(
                "the JWT names a key or an algorithm that this node has no key for: get a new one from the issuer, or have the node's JWKS file brought up to date",
            ),
            Self::Signature => f.write_str(
                "the signature of the JWT is not that of its key: send the JWT as the issuer gave it, whole",
            ),
            Self::Expired => f.write_str("the JWT has expired: get a new one from the issuer"),
            Self::NotYetValid => write!(
                f,
                "the JWT is not valid yet, by more than {} seconds: wait, or have the clocks of issuer and node set right",
                LEEWAY.as_secs()
            ),
            Self::Issuer => f.write_str(
                "the JWT is not of the issuer whose JWTs this node takes: get one from that issuer",
            ),
            Self::Audience => f.write_str(
                "the JWT is for another audience than this node: ask the issuer for one for this service",
            ),
            Self::Claims => f.write_str(
                "the JWT lacks a claim or has it in a form that means nothing: it must have exp, a number, and sub, a text",
            ),
            Self::Right(right) => write!(
                f,
                "the token does not give the right {:?}, which this needs: use one that does",
                right.as_str()
            ),
            Self::User { user } => write!(
                f,
                "user {user:?} is not the sub of the JWT: with a JWT write only the likes of its own user"
            ),
        }
    }
}
