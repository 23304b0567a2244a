//! The header that shows a token: `Authorization: Bearer TOKEN`.
//!
//! Source: RFC 6750. It allows for a token in the query or the body too; but a query ends up in logs and histories,
//! so only the header counts.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::access::denial::Denial;
use crate::access::is_token;

/// The token that a request shows.
pub(crate) fn token(headers: &HeaderMap) -> Result<&str, Denial> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denial::Missing)?;
    // Which of two is meant, nobody knows: a proxy may have looked at the other.
    if values.next().is_some() {
        return Err(Denial::Malformed);
    }
    let text = value.to_str().map_err(|_| Denial::Malformed)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denial::Missing);
    }
    let token = token.trim_matches(' ');
    if is_token(token) { Ok(token) } else { Err(Denial::Malformed) }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn shown(values: &[&str]) -> Result<String, Denial> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        token(&headers).map(str::to_owned)
    }

    #[test]
    fn the_scheme_may_be_written_in_any_case() {
        for scheme in ["Bearer ", "bearer ", "BEARER   "] {
            assert_eq!(shown(&[&format!("{scheme}a.b-c_d~e+f/g= ")]).unwrap(), "a.b-c_d~e+f/g=");
        }
    }

    #[test]
    fn another_scheme_shows_no_token() {
        assert_eq!(shown(&[]), Err(Denial::Missing));
        for value in ["", "Basic dTpw", "Bearera", " Bearer a", "Token a"] {
            assert_eq!(shown(&[value]), Err(Denial::Missing), "{value}");
        }
    }

    #[test]
    fn what_is_not_one_token_is_refused_as_such() {
        for values in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer a, Bearer b"],
            &["Bearer \"a\""],
            &["Bearer \u{e9}"],
            &["Bearer a\tb"],
            &["Bearer a", "Bearer a"],
            &["Basic dTpw", "Bearer a"],
        ] {
            assert_eq!(shown(values), Err(Denial::Malformed), "{values:?}");
        }
    }
}
