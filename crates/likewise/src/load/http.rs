//! Just enough HTTP/1.1 for a load: requests from text, answers measured by their Content-Length.

use super::Talk;

/// Bytes of an answer's body. A longer one ends the measurement: no answer to a load has so many.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Longest answer that is shown where it is not the one that was hoped for, in bytes.
const SHOWN_BYTES_MAX: usize = 300;

/// A connection that speaks HTTP and takes its requests from a function.
pub struct Http<F>(F);

impl<F: FnMut(&mut Vec<u8>) -> bool + Send + 'static> Http<F> {
    /// A connection on which `ask` appends each request, as [`request`] makes it; `false` ends it.
    pub const fn new(ask: F) -> Self {
        Self(ask)
    }
}

impl<F: FnMut(&mut Vec<u8>) -> bool + Send + 'static> Talk for Http<F> {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        (self.0)(request)
    }

    fn answer(&mut self, received: &[u8]) -> Result<Option<usize>, String> {
        let Some((head, body)) = head_and_body(received) else { return Ok(None) };
        if body > BODY_BYTES_MAX {
            return Err(format!("the node announces an answer of {body} bytes, which none has"));
        }
        let bytes = head + body;
        if received.len() < bytes {
            return Ok(None);
        }
        if received.get(9) == Some(&b'2') {
            return Ok(Some(bytes));
        }
        let shown = &received[..bytes.min(SHOWN_BYTES_MAX)];
        Err(format!("the node answers {}", String::from_utf8_lossy(shown)))
    }
}

/// Appends a request with a JSON body, which may be empty.
pub fn request(to: &mut Vec<u8>, method: &str, path: &str, body: &[u8]) {
    request_with("", to, method, path, body);
}

/// The same with more lines in its head, each with its end.
pub fn request_with(lines: &str, to: &mut Vec<u8>, method: &str, path: &str, body: &[u8]) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: likewise\r\n{lines}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    to.extend_from_slice(head.as_bytes());
    to.extend_from_slice(body);
}

/// The lengths of head and body, once the head is there.
fn head_and_body(received: &[u8]) -> Option<(usize, usize)> {
    let mut head = 0;
    let mut body = 0;
    for line in received.split_inclusive(|&byte| byte == b'\n') {
        head += line.len();
        if line == b"\r\n" {
            return Some((head, body));
        }
        let Some((name, value)) = line.split_at_checked(16) else { continue };
        if name[..15].eq_ignore_ascii_case(b"content-length:") {
            let digits = name[15..].iter().chain(value).filter(|byte| byte.is_ascii_digit());
            body = digits.fold(0usize, |number, digit| {
                number.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<Option<usize>, String> {
        Http::new(|_: &mut Vec<u8>| true).answer(text.as_bytes())
    }

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nx: y\r\n\r\n0123456789ab";
        assert_eq!(answer(whole), Ok(Some(whole.len())));
        assert_eq!(answer(&format!("{whole}HTTP/1.1 ")), Ok(Some(whole.len())));
        for cut in 0..whole.len() {
            assert_eq!(answer(&whole[..cut]), Ok(None), "{cut} bytes");
        }
        assert_eq!(answer("HTTP/1.1 204 No Content\r\n\r\n"), Ok(Some(27)));
    }

    #[test]
    fn an_answer_longer_than_any_is_refused_and_not_waited_for() {
        for length in ["16777217", "18446744073709551615", "99999999999999999999999"] {
            let error = answer(&format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"));
            assert!(error.unwrap_err().contains("which none has"));
        }
    }

    #[test]
    fn an_answer_that_is_no_success_is_shown() {
        let error = answer("HTTP/1.1 503 x\r\ncontent-length:4\r\n\r\nbusy").unwrap_err();
        assert!(error.ends_with("busy"), "{error}");
    }
}
