//! The node as the command line sees it: requests over HTTP or HTTPS, errors in the node's own words.
//!
//! [`trust`] says whose certificates are believed.

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::args::NodeArgs;
use crate::backup::error::BackupError;
use crate::client::token::{Token, TokenError};
use crate::client::trust::Trust;

pub mod token;

pub(crate) mod trust;

/// Longest wait for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Longest wait for the head of an answer. Longer than a node waits for its disk, so that the node's own
/// word on it arrives.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// Bytes of an answer that is read whole. The longest, a page of 1,000 long ids, has one.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// How often a request is sent again to a node that asks for patience.
const PATIENCE: u32 = 30;

/// What may stand in a path or query as it is: RFC 3986 calls it unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A connection to one node, kept alive between requests.
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<Token>,
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum ClientError {
    /// The URL is none that a node can have.
    Url {
        /// The URL.
        url: String,
        /// What is wrong and what to write.
        remedy: &'static str,
    },
    /// There is no token where there should be one.
    Token(TokenError),
    /// Nobody answers, or not to the end.
    Unreachable {
        /// The node.
        url: String,
        /// What happened.
        source: ureq::Error,
    },
    /// The node refuses.
    Refused {
        /// The status.
        status: StatusCode,
        /// What the node says about it.
        detail: String,
    },
    /// The answer makes no sense: whoever answers is probably no Likewise node.
    Answer {
        /// The node.
        url: String,
        /// What came.
        answer: String,
    },
    /// A file can't be read or written.
    File {
        /// What was tried, and on which file.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// A transfer ended before its end.
    Interrupted {
        /// How far it had come.
        after: String,
        /// What ended it.
        cause: Box<Self>,
    },
    /// A post does not have as many likes as it should.
    Unexpected {
        /// The node.
        url: String,
        /// The post.
        post: String,
        /// The likes that it should have.
        expected: u64,
        /// The likes that it has.
        found: u64,
    },
    /// Some lines of an import were rejected.
    Rejected {
        /// How many.
        lines: u64,
    },
    /// A file is there that a backup would replace.
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// What a node sent is no whole backup.
    Incomplete {
        /// The node.
        url: String,
        /// What is wrong with it.
        error: BackupError,
    },
    /// A file is no backup, or a damaged one.
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        error: BackupError,
    },
    /// A backup was to be restored that can be read only once, so that it can't be checked before.
    Unchecked,
}

impl Client {
    /// A client of the node that the command line names, with the token that it names, if any.
    ///
    /// # Errors
    /// Where the URL is none of a node, or the file of certificates or the token can't be read.
    pub fn of(node: &NodeArgs) -> Result<Self, ClientError> {
        let token = Token::find(node.token_file.as_deref()).map_err(ClientError::Token)?;
        Self::with(&node.url, &Trust::of(node), token)
    }

    /// A client of the node at `url`, without a token. Connects with the first request.
    ///
    /// # Errors
    /// Where the URL is not of the form `http://host:port` or `https://host:port`.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::trusting(url, &Trust::Web)
    }

    /// The same, which believes the certificates of those that `trust` has.
    pub(crate) fn trusting(url: &str, trust: &Trust) -> Result<Self, ClientError> {
        Self::with(url, trust, None)
    }

    fn with(url: &str, trust: &Trust, token: Option<Token>) -> Result<Self, ClientError> {
        let wrong = |remedy| Err(ClientError::Url { url: url.to_owned(), remedy });
        let parts = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
        let Some((scheme, authority)) = parts else {
            return wrong("begin it with http:// or https://, for example http://127.0.0.1:8080");
        };
        let authority = authority.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['?', '#', '@', ' ']) {
            return wrong("use a host and a port, for example http://127.0.0.1:8080");
        }
        // A node is reached directly: a proxy that the environment names for the web is not meant.
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .tls_config(trust.tls_config()?)
            .timeout_connect(Some(CONNECT_TIME))
            .timeout_recv_response(Some(ANSWER_TIME));
        if let Some(token) = token.clone() {
            config = config.middleware(token);
        }
        let agent = config.build().into();
        Ok(Self { agent, base: format!("{scheme}://{authority}"), token })
    }

    /// The URL of the node.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The lines of a request's head that show the token, for those who write requests themselves.
    pub(crate) fn header_lines(&self) -> String {
        self.token.as_ref().map_or_else(String::new, Token::header_line)
    }

    /// GET, answered by JSON.
    ///
    /// # Errors
    /// Where the node can't be reached or refuses.
    pub fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.json(|| self.agent.get(self.at(path)).call())
    }

    /// PUT without a body, answered by JSON.
    ///
    /// # Errors
    /// Where the node can't be reached or refuses.
    pub fn put(&self, path: &str) -> Result<Value, ClientError> {
        self.json(|| self.agent.put(self.at(path)).send_empty())
    }

    /// DELETE, answered by JSON.
    ///
    /// # Errors
    /// Where the node can't be reached or refuses.
    pub fn delete(&self, path: &str) -> Result<Value, ClientError> {
        self.json(|| self.agent.delete(self.at(path)).call())
    }

    /// POST of JSON or lines of JSON, answered by JSON.
    ///
    /// # Errors
    /// Where the node can't be reached or refuses.
    pub fn post(&self, path: &str, media_type: &str, body: &[u8]) -> Result<Value, ClientError> {
        self.json(|| self.agent.post(self.at(path)).header("content-type", media_type).send(body))
    }

    /// GET of an answer that may be long, to be read as it arrives.
    ///
    /// # Errors
    /// Where the node can't be reached or refuses.
    pub fn stream(&self, path: &str) -> Result<impl Read + use<>, ClientError> {
        let mut response = self.patiently(|| self.agent.get(self.at(path)).call())?;
        if !response.status().is_success() {
            let text = self.text(&mut response)?;
            return Err(refused(response.status(), &text));
        }
        Ok(response.into_body().into_reader())
    }

    /// GET of a text, without patience: what the node says now is what is asked for.
    ///
    /// # Errors
    /// Where the node can't be reached or refuses.
    pub fn once(&self, path: &str) -> Result<String, ClientError> {
        let sent = self.agent.get(self.at(path)).call();
        let mut response = sent.map_err(|source| self.unreachable(source))?;
        let text = self.text(&mut response)?;
        if response.status().is_success() {
            Ok(text)
        } else {
            Err(refused(response.status(), &text))
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn json(
        &self,
        send: impl Fn() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Value, ClientError> {
        let mut response = self.patiently(send)?;
        let text = self.text(&mut response)?;
        if !response.status().is_success() {
            return Err(refused(response.status(), &text));
        }
        serde_json::from_str(&text)
            .map_err(|_| ClientError::Answer { url: self.base.clone(), answer: text })
    }

    /// Sends a request again for as long as the node answers 503, or 429, with a time to wait. To repeat any of
    /// our requests is safe, but where voters are missing the node has waited long enough already, and what it
    /// says of them is what somebody has to read.
    fn patiently(
        &self,
        send: impl Fn() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, ClientError> {
        let mut attempts = 0;
        loop {
            let mut response = send().map_err(|source| self.unreachable(source))?;
            attempts += 1;
            let header = response.headers().get("retry-after");
            let seconds: Option<u64> = header.and_then(|text| text.to_str().ok()?.parse().ok());
            match seconds {
                Some(seconds)
                    if matches!(
                        response.status(),
                        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
                    ) && attempts < PATIENCE
                        && !self.is_without_majority(&mut response)? =>
                {
                    std::thread::sleep(Duration::from_secs(seconds.min(5)));
                }
                _ => return Ok(response),
            }
        }
    }

    /// Whether a node says that too few voters have answered it.
    fn is_without_majority(&self, response: &mut Response<Body>) -> Result<bool, ClientError> {
        let text = self.text(response)?;
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        *response.body_mut() = Body::builder().data(text);
        Ok(problem["type"] == "/problems/no-majority")
    }

    fn text(&self, response: &mut Response<Body>) -> Result<String, ClientError> {
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let bytes = body.read_to_vec().map_err(|source| self.unreachable(source))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The error of an answer that ends too early.
    pub(crate) fn broken_off(&self, source: io::Error) -> ClientError {
        self.unreachable(ureq::Error::Io(source))
    }

    fn unreachable(&self, source: ureq::Error) -> ClientError {
        ClientError::Unreachable { url: self.base.clone(), source }
    }
}

/// An id as it stands in a path or a query.
#[must_use]
pub fn encoded(id: &str) -> String {
    utf8_percent_encode(id, ENCODED).to_string()
}

/// The node's own words from a problem document, or whatever else came.
fn refused(status: StatusCode, text: &str) -> ClientError {
    let document: Option<Value> = serde_json::from_str(text).ok();
    let detail = document.as_ref().and_then(|document| document["detail"].as_str());
    let shown: String = text.trim().chars().take(200).collect();
    ClientError::Refused { status, detail: detail.map_or(shown, str::to_owned) }
}

impl ClientError {
    /// The exit code that tells a script what went wrong.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted { cause, .. } => cause.exit_code(),
            Self::Url { .. } | Self::Token(_) | Self::Unchecked => 2,
            Self::Unreachable { .. } => 3,
            _ => 1,
        }
    }

    /// Wraps an error of the system in what was tried.
    pub(crate) fn file(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::File { what: what.into(), source }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, remedy } => write!(f, "the URL {url:?} is no node's: {remedy}"),
            Self::Unreachable { url, source } => {
                write!(
                    f,
                    "can't reach a node at {url}: {source}; start one with `likewise serve`, or say where it is with --url"
                )?;
                match url.starts_with("https://") {
                    true => write!(f, ", and who has signed its certificate with --ca-file"),
                    false => Ok(()),
                }
            }
            Self::Token(error) => error.fmt(f),
            Self::Refused { status, detail } => {
                write!(f, "{detail} (status {})", status.as_u16())?;
                if matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                    f.write_str(
                        "; name a file with a token by --token-file, or set LIKEWISE_TOKEN",
                    )?;
                }
                Ok(())
            }
            Self::Answer { url, answer } => {
                let shown: String = answer.chars().take(200).collect();
                write!(f, "{url} answers {shown:?}, as no Likewise node does: check --url")
            }
            Self::File { what, source } => write!(f, "can't {what}: {source}"),
            Self::Interrupted { after, cause } => {
                write!(f, "{cause}; {after}, and to begin it again is safe")
            }
            Self::Unexpected { url, post, expected, found } => write!(
                f,
                "{post:?} has {found} likes at {url}, not {expected}; `likewise members` shows whether the \
                 nodes are there and equal"
            ),
            Self::Rejected { lines } => {
                write!(
                    f,
                    "{lines} lines were rejected and the others written: mend them and import again"
                )
            }
            Self::Exists { file } => write!(
                f,
                "{} is there already: choose another name, or replace it with --force",
                file.display()
            ),
            Self::Incomplete { url, error } => write!(
                f,
                "what {url} sent is no whole backup: {error}; use nothing of it and try again"
            ),
            Self::Damaged { file, error } => write!(
                f,
                "{file} is not in order: {error}; use another copy of it or another backup"
            ),
            Self::Unchecked => write!(
                f,
                "a backup is checked to its end before anything of it is restored, and standard input can be read only once: give the name of a file"
            ),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } => Some(source),
            Self::Token(error) => error.source(),
            Self::File { source, .. } => Some(source),
            Self::Interrupted { cause, .. } => Some(cause),
            Self::Incomplete { error, .. } | Self::Damaged { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_no_node_can_have_say_what_to_write() {
        for url in ["ftp://a", "127.0.0.1:8080", "http://", "https://", "http://a b", "http://u@h"]
        {
            assert_eq!(Client::new(url).err().map(|error| error.exit_code()), Some(2), "{url}");
        }
        assert_eq!(Client::new("http://[::1]:80/").unwrap().url(), "http://[::1]:80");
        assert_eq!(Client::new("https://a:80").unwrap().url(), "https://a:80");
    }

    #[test]
    fn ids_are_encoded_whatever_they_hold() {
        assert_eq!(encoded("a/b?c=\u{e9} %"), "a%2Fb%3Fc%3D%C3%A9%20%25");
        assert_eq!(encoded("post-1_a.~"), "post-1_a.~");
    }
}
