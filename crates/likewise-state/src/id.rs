//! Post, user and kind: checked once, and right ever after.
//!
//! All three borrow their text, so that a batch of a million likes needs no million allocations.

use std::fmt;

/// The longest post or user id, in bytes of UTF-8. Longer ones are refused: an id is a name, and a
/// name that needs more can be hashed by the application.
pub const ID_BYTES_MAX: usize = 512;

/// The longest name of a kind, in bytes. Longer ones are refused.
pub const KIND_BYTES_MAX: usize = 32;

/// What is liked: 1 to [`ID_BYTES_MAX`] bytes of any UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostId<'a>(&'a str);

/// Who likes: 1 to [`ID_BYTES_MAX`] bytes of any UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId<'a>(&'a str);

/// What is counted, for reactions of more than one sort: 1 to [`KIND_BYTES_MAX`] bytes of `[a-z0-9_-]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind<'a>(&'a str);

/// One like: the key of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Like<'a> {
    /// The post.
    pub post: PostId<'a>,
    /// The kind of the like.
    pub kind: Kind<'a>,
    /// The user.
    pub user: UserId<'a>,
}

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdError {
    /// The text is empty.
    Empty {
        /// `post`, `user` or `kind`.
        field: &'static str,
    },
    /// The text is too long.
    TooLong {
        /// `post`, `user` or `kind`.
        field: &'static str,
        /// How long it is, in bytes.
        bytes: usize,
        /// How long it may be, in bytes.
        bytes_max: usize,
    },
    /// The text holds a character that a kind may not hold.
    KindCharacter {
        /// The text.
        kind: String,
        /// The character.
        character: char,
    },
}

impl<'a> PostId<'a> {
    /// Checks the length of `text`.
    pub fn new(text: &'a str) -> Result<Self, IdError> {
        check_length("post", text, ID_BYTES_MAX).map(|()| Self(text))
    }

    /// The id as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> UserId<'a> {
    /// Checks the length of `text`.
    pub fn new(text: &'a str) -> Result<Self, IdError> {
        check_length("user", text, ID_BYTES_MAX).map(|()| Self(text))
    }

    /// The id as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> Kind<'a> {
    /// The kind of a like of which nothing else is said.
    pub const LIKE: Kind<'static> = Kind("like");

    /// Checks the length and the characters of `text`.
    pub fn new(text: &'a str) -> Result<Self, IdError> {
        check_length("kind", text, KIND_BYTES_MAX)?;
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        match text.chars().find(|&c| !allowed(c)) {
            None => Ok(Self(text)),
            Some(character) => Err(IdError::KindCharacter { kind: text.to_owned(), character }),
        }
    }

    /// The kind as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether this is [`Kind::LIKE`], which is stored and sent as nothing at all.
    #[must_use]
    pub fn is_like(self) -> bool {
        self == Kind::LIKE
    }
}

impl<'a> Like<'a> {
    /// Checks the three texts.
    pub fn new(post: &'a str, kind: &'a str, user: &'a str) -> Result<Self, IdError> {
        Ok(Self { post: PostId::new(post)?, kind: Kind::new(kind)?, user: UserId::new(user)? })
    }
}

fn check_length(field: &'static str, text: &str, bytes_max: usize) -> Result<(), IdError> {
    match text.len() {
        0 => Err(IdError::Empty { field }),
        bytes if bytes > bytes_max => Err(IdError::TooLong { field, bytes, bytes_max }),
        _ => Ok(()),
    }
}

impl IdError {
    /// The field that was wrong: `post`, `user` or `kind`.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Empty { field } | Self::TooLong { field, .. } => field,
            Self::KindCharacter { .. } => "kind",
        }
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { field } => {
                write!(f, "{field} is empty: give it at least one character")
            }
            Self::TooLong { field, bytes, bytes_max } => write!(
                f,
                "{field} has {bytes} bytes: give it at most {bytes_max}, for example by hashing it"
            ),
            Self::KindCharacter { kind, character } => {
                write!(f, "kind {kind:?} holds {character:?}: use only a to z, 0 to 9, '_' and '-'")
            }
        }
    }
}

impl std::error::Error for IdError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_any_text_of_1_to_512_bytes() {
        let longest = "é".repeat(ID_BYTES_MAX / 2);
        assert_eq!(PostId::new(&longest).unwrap().as_str(), longest);
        assert!(UserId::new("https://example.org/?q=1 \u{1f600}\0").is_ok());
        assert_eq!(UserId::new(""), Err(IdError::Empty { field: "user" }));
        let too_long = format!("{longest}x");
        let error = PostId::new(&too_long).unwrap_err();
        assert_eq!(
            error.to_string(),
            "post has 513 bytes: give it at most 512, for example by hashing it"
        );
    }

    #[test]
    fn kinds_are_short_names() {
        assert!(Kind::new("thumbs-up_2").is_ok());
        assert!(Kind::new(&"k".repeat(33)).is_err());
        assert_eq!(
            Kind::new("Heart").unwrap_err().to_string(),
            "kind \"Heart\" holds 'H': use only a to z, 0 to 9, '_' and '-'"
        );
    }
}
