//! Lines out of a stream of bytes, and what one line of a bulk write says.

use std::borrow::Cow;
use std::fmt;

use likewise_state::id::Like;
use likewise_state::length::{Action, CausalLength};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use utoipa::ToSchema;

use crate::http::limits::LINE_BYTES_MAX;

/// Cuts a stream into lines. A line that lies whole in one piece of the stream is not copied.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line whose end has not arrived.
    carried: Vec<u8>,
    /// Whether `carried` was handed out, so that it can go.
    is_spent: bool,
    /// Whether the line in hand is too long, so that the rest of it is skipped.
    is_too_long: bool,
    number: u64,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NumberedLine<'a> {
    /// Its number, the first being 1.
    pub(crate) number: u64,
    /// Its bytes without the line feed; `None` where it has more than [`LINE_BYTES_MAX`].
    pub(crate) bytes: Option<&'a [u8]>,
}

impl Lines {
    /// Takes the next line from the front of `piece`; `None` once all of `piece` is taken.
    pub(crate) fn next<'a, 'p: 'a>(&'a mut self, piece: &mut &'p [u8]) -> Option<NumberedLine<'a>> {
        self.drop_spent();
        let Some(end) = piece.iter().position(|&byte| byte == b'\n') else {
            self.carry(piece);
            *piece = &[];
            return None;
        };
        let (line, rest) = (&piece[..end], &piece[end + 1..]);
        *piece = rest;
        self.number += 1;
        if self.carried.is_empty() && !self.is_too_long {
            let bytes = (line.len() <= LINE_BYTES_MAX).then_some(line);
            return Some(NumberedLine { number: self.number, bytes });
        }
        self.carry(line);
        Some(self.hand_out())
    }

    /// The last line, where the stream does not end with a line feed.
    pub(crate) fn last(&mut self) -> Option<NumberedLine<'_>> {
        self.drop_spent();
        if self.carried.is_empty() && !self.is_too_long {
            return None;
        }
        self.number += 1;
        Some(self.hand_out())
    }

    fn carry(&mut self, bytes: &[u8]) {
        if self.carried.len() + bytes.len() > LINE_BYTES_MAX {
            self.is_too_long = true;
            self.carried.clear();
        }
        if !self.is_too_long {
            self.carried.extend_from_slice(bytes);
        }
    }

    fn hand_out(&mut self) -> NumberedLine<'_> {
        self.is_spent = true;
        let bytes = if std::mem::take(&mut self.is_too_long) { None } else { Some(&*self.carried) };
        NumberedLine { number: self.number, bytes }
    }

    fn drop_spent(&mut self) {
        if std::mem::take(&mut self.is_spent) {
            self.carried.clear();
        }
    }
}

/// One line of a bulk write. Its texts are borrowed unless they hold an escape.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BulkLine)]
pub(crate) struct WriteLine<'a> {
    /// The post.
    #[serde(borrow)]
    #[schema(value_type = String)]
    post: Cow<'a, str>,
    /// The user.
    #[serde(borrow)]
    #[schema(value_type = String)]
    user: Cow<'a, str>,
    /// Whether the user likes the post: false takes the like back.
    #[serde(default = "is_liked_by_default")]
    liked: bool,
    /// The version last seen.
    #[serde(default)]
    #[schema(value_type = Option<u32>, maximum = 2_147_483_647)]
    seen: Seen,
    /// The kind of the like.
    #[serde(borrow, default = "kind_by_default")]
    #[schema(value_type = String, pattern = "^[a-z0-9_-]{1,32}$")]
    kind: Cow<'a, str>,
}

const fn is_liked_by_default() -> bool {
    true
}

const fn kind_by_default() -> Cow<'static, str> {
    Cow::Borrowed("like")
}

/// The version that a line says its writer has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen(Option<CausalLength>);

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(SeenVisitor)
    }
}

struct SeenVisitor;

impl<'de> Visitor<'de> for SeenVisitor {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "as seen an integer 0 to {}", CausalLength::MAX)
    }

    fn visit_none<E: Error>(self) -> Result<Seen, E> {
        Ok(Seen(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_u64(self)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Seen, E> {
        let length = u32::try_from(value).ok().and_then(CausalLength::new);
        let out_of_range = || E::invalid_value(serde::de::Unexpected::Unsigned(value), &self);
        length.map(|length| Seen(Some(length))).ok_or_else(out_of_range)
    }
}

impl<'a> WriteLine<'a> {
    /// What a line says; the error says what was wrong, the value and what to do.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| {
            // The decoder counts lines within this one, which would only confuse.
            error.to_string().replace(" at line 1 column ", " at column ")
        })
    }

    /// The like that the line is about.
    pub(crate) fn like(&self) -> Result<Like<'_>, String> {
        Like::new(&self.post, &self.kind, &self.user).map_err(|error| error.to_string())
    }

    /// What the line wants of it.
    pub(crate) const fn action(&self) -> Action {
        if self.liked { Action::Like } else { Action::Unlike }
    }

    /// The version that its writer has seen.
    pub(crate) const fn seen(&self) -> Option<CausalLength> {
        self.seen.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of `pieces`, as text; those too long as `None`.
    fn lines(pieces: &[&[u8]]) -> Vec<(u64, Option<String>)> {
        let owned = |line: NumberedLine<'_>| {
            (line.number, line.bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
        };
        let mut cutter = Lines::default();
        let mut found = Vec::new();
        for piece in pieces {
            let mut rest: &[u8] = piece;
            while let Some(line) = cutter.next(&mut rest) {
                found.push(owned(line));
            }
        }
        found.extend(cutter.last().map(owned));
        found
    }

    #[test]
    fn lines_are_the_same_however_the_stream_is_cut() {
        let stream = b"one\n\ntwo\r\nthree";
        let whole = lines(&[stream]);
        let texts: Vec<_> = whole.iter().map(|(_, text)| text.as_deref().unwrap()).collect();
        assert_eq!(texts, ["one", "", "two\r", "three"]);
        for at in 0..=stream.len() {
            assert_eq!(lines(&[&stream[..at], &stream[at..]]), whole, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(lines(&bytes), whole);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_once_and_the_rest_goes_on() {
        let fits = vec![b'a'; LINE_BYTES_MAX];
        let long = vec![b'a'; LINE_BYTES_MAX + 1];
        let stream = [&fits[..], b"\n", &long, b"\n", b"x\n", &long].concat();
        for piece in [1, 7, 1_000, 5_000, stream.len()] {
            let pieces: Vec<&[u8]> = stream.chunks(piece).collect();
            let found = lines(&pieces);
            let are_whole: Vec<bool> = found.iter().map(|(_, text)| text.is_some()).collect();
            assert_eq!(are_whole, [true, false, true, false], "pieces of {piece}");
            assert_eq!(found[3].0, 4);
        }
    }

    #[test]
    fn lines_say_what_is_wrong_with_them() {
        for (line, expected) in [
            (r#"{"post":"p"}"#, "missing field `user` at column 12"),
            (r#"{"post":"p","user":"u","like":true}"#, "unknown field `like`"),
            (r#"{"post":"p","user":"u","seen":-1}"#, "integer `-1`, expected as seen an integer"),
            (r#"{"post":"p","user":"u","seen":2147483648}"#, "expected as seen an integer 0 to"),
            (r#"{"post":"","user":"u"}"#, "post is empty"),
            (r#"{"post":"p","user":"u","kind":"K"}"#, "kind \"K\" holds 'K'"),
            ("[]", "invalid length 0"),
            ("nonsense", "expected ident at column 2"),
        ] {
            let parsed = WriteLine::parse(line.as_bytes());
            let error = parsed.and_then(|line| line.like().map(|_| ())).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn plain_texts_are_borrowed_and_escaped_ones_decoded() {
        let line = WriteLine::parse(br#"{"post":"p","user":"u\u00e9","seen":null}"#).unwrap();
        assert!(matches!(line.post, Cow::Borrowed("p")) && line.user == "u\u{e9}");
        assert_eq!((line.action(), line.seen()), (Action::Like, None));
    }
}
