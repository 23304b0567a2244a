//! What a request says of the trace that it belongs to: the headers `traceparent` and `tracestate`.
//!
//! A header that is not exactly as it should be is as good as none: then the request begins a trace of its
//! own, as the standard wants it.
//!
//! Source: <https://www.w3.org/TR/trace-context/>, sections 3.2 and 3.3.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of a `traceparent` of version 00. Later versions may go on behind them.
const TRACEPARENT_BYTES: usize = 55;

/// Bytes of all `tracestate` headers of a request, as many as everybody should pass on. Where there are more
/// none of it is.
const TRACESTATE_BYTES_MAX: usize = 512;

/// The span that caused a request, where its headers name one.
pub(super) fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let (Some(only), None) = (values.next(), values.next()) else { return None };
    let (trace, span, flags) = traceparent(only.as_bytes())?;
    Some(SpanContext::new(trace, span, flags, true, tracestate(headers)))
}

/// Takes apart `VERSION-TRACE-SPAN-FLAGS`.
fn traceparent(value: &[u8]) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (head, more) = value.split_at_checked(TRACEPARENT_BYTES)?;
    let [version] = hex(&head[..2])?;
    let is_at_end = match version {
        0 => more.is_empty(),
        0xff => false,
        _ => matches!(more.first(), None | Some(b'-')),
    };
    let is_divided = [2, 35, 52].iter().all(|&at| head[at] == b'-');
    let trace = TraceId::from_bytes(hex(&head[3..35])?);
    let span = SpanId::from_bytes(hex(&head[36..52])?);
    let [flags] = hex(&head[53..])?;
    let is_valid = trace != TraceId::INVALID && span != SpanId::INVALID;
    // Flags that nobody here knows the meaning of are not passed on.
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    (is_at_end && is_divided && is_valid).then_some((trace, span, flags))
}

/// Bytes from twice as many digits, which must be in lower case.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// What other systems have to say of the trace, which is kept with its spans.
fn tracestate(headers: &HeaderMap) -> TraceState {
    let values = headers.get_all(&TRACESTATE).iter().map(|value| value.to_str().unwrap_or("="));
    // A text that makes no sense spoils the whole, as it should.
    let state = values.collect::<Vec<_>>().join(",");
    if state.len() > TRACESTATE_BYTES_MAX {
        return TraceState::NONE;
    }
    TraceState::from_str(&state).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(values: &[(&HeaderName, &str)]) -> HeaderMap {
        let value = |value: &str| HeaderValue::from_str(value).unwrap();
        values.iter().map(|&(name, text)| (name.clone(), value(text))).collect()
    }

    fn of(traceparent: &str) -> Option<SpanContext> {
        parent(&headers(&[(&TRACEPARENT, traceparent)]))
    }

    #[test]
    fn a_traceparent_as_the_standard_shows_it_is_understood() {
        let sampled = of(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        assert_eq!(sampled.trace_id().to_string(), TRACE);
        assert_eq!(sampled.span_id().to_string(), SPAN);
        assert!(sampled.is_sampled() && sampled.is_remote());
        assert!(!of(&format!("00-{TRACE}-{SPAN}-00")).unwrap().is_sampled());
    }

    #[test]
    fn flags_without_a_meaning_are_dropped() {
        for (flags, expected) in [("ff", 1), ("03", 1), ("fe", 0), ("02", 0)] {
            let context = of(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
            assert_eq!(context.trace_flags().to_u8(), expected, "{flags}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_like_this_one() {
        for version in ["01", "cc", "fe"] {
            let short = format!("{version}-{TRACE}-{SPAN}-01");
            assert!(of(&short).is_some_and(|it| it.is_sampled()), "{short}");
            assert!(of(&format!("{short}-what-the-future-will-be-like")).is_some());
            assert!(of(&format!("{short}.what-the-future-will-be-like")).is_none());
            assert!(of(&format!("{short}0")).is_none());
        }
    }

    #[test]
    fn what_is_not_as_it_should_be_is_no_traceparent() {
        let (upper, zeros) = (TRACE.to_uppercase(), "0".repeat(32));
        let wrong = [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-001"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-0x"),
            format!("00-{TRACE}-{SPAN}-.0"),
            format!("00-{TRACE}-{SPAN}_01"),
            format!("00-{TRACE}_{SPAN}-01"),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{upper}-{SPAN}-01"),
            format!("00-{TRACE}-00F067AA0BA902B7-01"),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &SPAN[1..]),
            format!("00-{TRACE}-{SPAN}0-01"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("000-{TRACE}-{SPAN}-01"),
            format!(".0-{TRACE}-{SPAN}-01"),
            format!("CC-{TRACE}-{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01 "),
        ];
        for value in wrong {
            assert_eq!(of(&value), None, "{value:?}");
        }
        let twice = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(parent(&headers(&[(&TRACEPARENT, &twice), (&TRACEPARENT, &twice)])), None);
        assert_eq!(parent(&HeaderMap::new()), None);
        let mut bytes = HeaderMap::new();
        let value = [b"00-", &[0xe9; 32][..], b"-00f067aa0ba902b7-01"].concat();
        bytes.insert(&TRACEPARENT, HeaderValue::from_bytes(&value).unwrap());
        assert_eq!(parent(&bytes), None);
    }

    #[test]
    fn a_tracestate_is_kept_where_it_makes_sense_and_is_not_too_long() {
        let traceparent = format!("00-{TRACE}-{SPAN}-01");
        let state = |states: &[&str]| {
            let states = states.iter().map(|state| (&TRACESTATE, *state));
            let all: Vec<_> = [(&TRACEPARENT, &*traceparent)].into_iter().chain(states).collect();
            parent(&headers(&all)).unwrap().trace_state().header()
        };
        assert_eq!(state(&["rojo=00f067aa0ba902b7,congo=t61"]), "rojo=00f067aa0ba902b7,congo=t61");
        assert_eq!(state(&["rojo=1", "congo=2"]), "rojo=1,congo=2");
        assert_eq!(state(&[]), "");
        assert_eq!(state(&["rojo"]), "");
        let (fits, long) = (format!("a={}", "b".repeat(256)), format!("a={}", "b".repeat(600)));
        assert_eq!(state(&[&fits]), fits);
        assert_eq!(state(&[&long]), "");
        assert_eq!(state(&[&fits, &fits]), "");
    }
}
