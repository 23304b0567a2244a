//! What the path and the query of a request say.
//!
//! Both are read straight from the URI: the routes are few and fixed, and so nothing is allocated for an
//! id that holds no percent sign.

use std::borrow::Cow;

use axum::http::Uri;
use likewise_state::id::Kind;
use likewise_state::length::CausalLength;
use percent_encoding::percent_decode_str;

use crate::http::error::ApiError;
use crate::http::limits::PAGE_MAX;

/// The part of the path number `index` (the first is 0), percent-decoded.
pub(crate) fn segment<'a>(
    uri: &'a Uri,
    index: usize,
    field: &'static str,
) -> Result<Cow<'a, str>, ApiError> {
    // The path begins with a slash, so what stands before it is empty.
    let raw = uri.path().split('/').nth(index + 1).unwrap_or_default();
    percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| ApiError::IdEncoding { field, value: raw.to_owned() })
}

/// The query's parameters, of which the route knows `N`.
#[derive(Debug)]
pub(crate) struct Parameters<'a, const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<Cow<'a, str>>; N],
}

impl<'a, const N: usize> Parameters<'a, N> {
    /// Reads the query. One that the route does not know, or one given twice, is an error: a typing
    /// error in `seen` must not silently turn a safe repeat into a second change.
    pub(crate) fn parse(uri: &'a Uri, names: &'static [&'static str; N]) -> Result<Self, ApiError> {
        let mut values = [const { None }; N];
        let query = uri.query().unwrap_or_default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).unwrap_or(Cow::Borrowed(name));
            let Some(index) = names.iter().position(|&known| known == name) else {
                return Err(ApiError::UnknownParameter { name: name.into_owned(), known: names });
            };
            let Some(decoded) = decode(value) else {
                let problem = format!(
                    "is {value:?}, which is not UTF-8 once it is percent-decoded: percent-encode UTF-8"
                );
                return Err(ApiError::Parameter { name: names[index], problem });
            };
            if values[index].replace(decoded).is_some() {
                let problem = format!("is given twice, the second time as {value:?}: give it once");
                return Err(ApiError::Parameter { name: names[index], problem });
            }
        }
        Ok(Self { names, values })
    }

    /// The value of `name`.
    pub(crate) fn text(&self, name: &'static str) -> Option<&str> {
        let index = self.names.iter().position(|&known| known == name);
        self.values[index.expect("routes ask for parameters that they know")].as_deref()
    }

    /// The kind of like that is asked for.
    pub(crate) fn kind(&self) -> Result<Kind<'_>, ApiError> {
        match self.text("kind") {
            None => Ok(Kind::LIKE),
            Some(text) => Ok(Kind::new(text)?),
        }
    }

    /// The version that the client last saw.
    pub(crate) fn seen(&self) -> Result<Option<CausalLength>, ApiError> {
        let Some(text) = self.text("seen") else { return Ok(None) };
        match digits(text).and_then(CausalLength::new) {
            Some(seen) => Ok(Some(seen)),
            None => Err(ApiError::Parameter {
                name: "seen",
                problem: format!(
                    "is {text:?}: give the version that an earlier answer gave, an integer 0 to {}",
                    CausalLength::MAX
                ),
            }),
        }
    }

    /// How many entries a page may have.
    pub(crate) fn limit(&self, default: usize) -> Result<usize, ApiError> {
        let Some(text) = self.text("limit") else { return Ok(default) };
        match digits(text) {
            Some(limit @ 1..=1_000) => Ok(limit as usize),
            _ => Err(ApiError::Parameter {
                name: "limit",
                problem: format!("is {text:?}: give an integer 1 to {PAGE_MAX}"),
            }),
        }
    }
}

const _: () = assert!(PAGE_MAX == 1_000, "the range in Parameters::limit says so");

/// The number that `text` is, in plain digits: a sign or a space is more likely an error than meant.
fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// One name or value of a query, where a plus sign is a space.
fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if raw.contains('+') {
        let spaced = raw.replace('+', " ");
        return Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned().into());
    }
    percent_decode_str(raw).decode_utf8().ok()
}

/// The text that asks for the page after `user`.
///
/// It carries the user's id and nothing else, so any node understands it, at any time. Hexadecimal
/// because every part of a URL and every shell lets it be.
pub(crate) fn cursor_after(user: &str) -> String {
    use std::fmt::Write as _;
    user.bytes().fold(String::with_capacity(2 * user.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all that is written");
        text
    })
}

/// The user whose page end `cursor` marks.
pub(crate) fn user_of_cursor(cursor: &str) -> Result<String, ApiError> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes: Option<Vec<u8>> = cursor
        .as_bytes()
        .chunks(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?))
        .collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|user| !user.is_empty()).ok_or_else(
        || ApiError::Parameter {
            name: "cursor",
            problem: format!(
                "is {cursor:?}: give the next of an earlier answer as it was, or leave it out to begin at the first user"
            ),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn ids_in_a_path_are_percent_decoded_utf_8() {
        let uri = uri("/v1/posts/https%3A%2F%2Fa.b%2Fc/likes/%F0%9F%98%80");
        assert_eq!(segment(&uri, 2, "post").unwrap(), "https://a.b/c");
        assert_eq!(segment(&uri, 4, "user").unwrap(), "\u{1f600}");
    }

    #[test]
    fn invalid_utf_8_in_a_path_names_the_field() {
        let error = segment(&uri("/v1/posts/%ff"), 2, "post").unwrap_err();
        assert!(error.to_string().starts_with("post \"%ff\" is not UTF-8"), "{error}");
    }

    #[test]
    fn parameters_are_known_given_once_and_in_range() {
        let bad = |query: &str| {
            let uri = uri(&format!("/x?{query}"));
            let parameters = Parameters::parse(&uri, &["kind", "seen", "limit"])?;
            parameters.kind()?;
            parameters.seen()?;
            parameters.limit(1)?;
            Ok::<_, ApiError>(())
        };
        for query in ["", "&", "seen=0", "seen=2147483647&kind=heart&limit=1000"] {
            bad(query).unwrap();
        }
        for query in [
            "sen=1",
            "seen",
            "seen=",
            "seen=-1",
            "seen=%2B1",
            "seen=2147483648",
            "seen=1&seen=1",
            "limit=0",
            "limit=1001",
            "kind=",
            "kind=H",
            "kind=%ff",
        ] {
            let error = bad(query).unwrap_err();
            assert_eq!(error.problem().status.as_u16(), 400, "{query}: {error}");
        }
    }

    #[test]
    fn cursors_survive_the_way_to_another_node() {
        for user in ["a", "\u{1f600}/ %", "0"] {
            assert_eq!(user_of_cursor(&cursor_after(user)).unwrap(), user);
        }
        for cursor in ["", "6", "6g", "ff", "+1"] {
            assert!(user_of_cursor(cursor).is_err(), "{cursor:?}");
        }
    }
}
