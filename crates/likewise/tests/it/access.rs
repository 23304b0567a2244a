//! Who may do what: JWTs for tests here and there, and files that change while a node runs.

mod signed;

pub(crate) use signed::{JWKS, SECRET, but, claims, golden, now, signed, signed_by};
