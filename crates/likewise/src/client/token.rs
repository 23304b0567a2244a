//! The token that the command line shows to a node: out of a file or a variable. An argument can't hold it, as
//! everybody on the machine sees those.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ureq::http::{HeaderValue, Request, Response, header};
use ureq::middleware::{Middleware, MiddlewareNext};
use ureq::{Body, SendBody};

use crate::access::is_token;

/// The variable that may hold a token where no file is named.
const VARIABLE: &str = "LIKEWISE_TOKEN";

/// Bytes of a file with a token. A longer one is an error: no header holds so much.
const FILE_BYTES_MAX: u64 = 8 << 10;

/// The value of the header that shows a token. It has no `Debug`: nothing may print it.
#[derive(Clone)]
pub(crate) struct Token(HeaderValue);

/// Where a token should have been.
#[derive(Debug)]
enum TokenSource {
    /// In a file.
    File(PathBuf),
    /// In the variable.
    Variable,
}

/// Why there is no token where there should be one. It never shows what is there.
#[derive(Debug)]
pub struct TokenError {
    source: TokenSource,
    /// What the system says, where the file can't be read.
    cause: Option<io::Error>,
}

impl Token {
    /// The token of `file`, or else of the variable; `None` where neither is there.
    ///
    /// # Errors
    /// Where the file can't be read, or what is there is no token.
    pub(crate) fn find(file: Option<&Path>) -> Result<Option<Self>, TokenError> {
        if let Some(file) = file {
            let failed = |cause| TokenError { source: TokenSource::File(file.to_owned()), cause };
            let mut text = String::new();
            let opened = File::open(file).map_err(|error| failed(Some(error)))?;
            let read = opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
            let bytes = read.map_err(|error| failed(Some(error)))?;
            if bytes as u64 > FILE_BYTES_MAX {
                return Err(failed(None));
            }
            return Self::of_text(&text).map(Some).ok_or_else(|| failed(None));
        }
        let Some(text) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let token = text.to_str().and_then(Self::of_text);
        let failed = || TokenError { source: TokenSource::Variable, cause: None };
        token.map(Some).ok_or_else(failed)
    }

    fn of_text(text: &str) -> Option<Self> {
        let token = Some(text.trim()).filter(|token| is_token(token))?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// The header as a line of a request.
    pub(crate) fn header_line(&self) -> String {
        let value = self.0.to_str().expect("it was made of printable ASCII");
        format!("{}: {value}\r\n", header::AUTHORIZATION)
    }
}

/// Shows the token with each request. Where a node sends the client elsewhere, it is not shown there.
impl Middleware for Token {
    fn handle(
        &self,
        mut request: Request<SendBody<'_>>,
        next: MiddlewareNext<'_>,
    ) -> Result<Response<Body>, ureq::Error> {
        request.headers_mut().insert(header::AUTHORIZATION, self.0.clone());
        next.handle(request)
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, &self.cause) {
            (TokenSource::File(file), Some(cause)) => write!(
                f,
                "can't read a token from {}: {cause}; check what --token-file or LIKEWISE_TOKEN_FILE names",
                file.display()
            ),
            (TokenSource::File(file), None) => write!(
                f,
                "the file {} holds no token: it should hold one as `likewise token` prints it, and nothing else",
                file.display()
            ),
            (TokenSource::Variable, _) => write!(
                f,
                "the variable {VARIABLE} holds no token: set it to one as `likewise token` prints it, or unset it"
            ),
        }
    }
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_file(bytes: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let token = Token::find(Some(file.path())).map_err(|error| error.to_string())?;
        Ok(token.expect("a file was named").header_line())
    }

    #[test]
    fn a_file_holds_one_token_with_or_without_line_breaks() {
        for text in ["a.b-c", "a.b-c\n", "\r\n a.b-c \r\n"] {
            assert_eq!(of_file(text.as_bytes()).unwrap(), "authorization: Bearer a.b-c\r\n");
        }
    }

    #[test]
    fn what_is_no_token_is_named_and_not_shown() {
        let long = vec![b'a'; FILE_BYTES_MAX as usize];
        assert!(of_file(&long).is_ok());
        assert!(of_file(&[&long[..], b"a"].concat()).is_err());
        for bytes in
            [&b""[..], b"\n", b"secret secret", b"secret\nsecret", b"secret\r\nx: y", b"\xff"]
        {
            let error = of_file(bytes).unwrap_err();
            assert!(error.contains("token") && !error.contains("secret"), "{error}");
        }
        let error = Token::find(Some(Path::new("/not/there"))).err().unwrap().to_string();
        assert!(error.contains("/not/there") && error.contains("--token-file"), "{error}");
    }
}
