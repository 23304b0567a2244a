//! Which pages of other origins may read answers, as browsers ask it.
//!
//! Source: the Fetch standard, "HTTP-CORS protocol". [`mark`] stands outside everything that may answer, so that
//! a page can read errors too; [`preflight`] stands around each route, before anything that asks who somebody is:
//! a preflight carries no token. The browser's own credentials are never asked for: a token is a header, which a
//! page has or has not.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::config::edge::CorsOrigins;

/// Seconds for which a browser may remember the answer to a preflight. Then it asks again: whoever takes an origin
/// off the list wants to see it gone.
const PREFLIGHT_SECONDS: u32 = 600;

/// Headers that a page may send, beyond those that any page may.
const SENT: &str = "authorization, content-type, if-none-match, x-request-id";

/// Headers that a page may read, beyond those that any page may.
const READ: &str = "etag, likewise-node, likewise-truncated, ratelimit, ratelimit-policy, \
                    retry-after, x-request-id";

/// Whose pages may read. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Cors(Arc<CorsOrigins>);

impl Cors {
    /// Lets the pages of these origins in.
    pub(crate) fn new(origins: CorsOrigins) -> Self {
        Self(Arc::new(origins))
    }

    /// What is answered to a request from `origin`, if it may read the answer.
    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match (&*self.0, origin) {
            (CorsOrigins::Any, _) => Some(HeaderValue::from_static("*")),
            (CorsOrigins::Listed(list), Some(origin)) if list.contains(origin) => {
                Some(origin.clone())
            }
            (CorsOrigins::Listed(_), _) => None,
        }
    }
}

/// Says in an answer who may read it.
pub(crate) async fn mark(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    let allowed = cors.allowed(request.headers().get(ORIGIN));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if matches!(*cors.0, CorsOrigins::Listed(_)) {
        // Whoever keeps answers must not give one page what another was answered.
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if let Some(allowed) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
    }
    response
}

/// What a route answers to preflights. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Preflights {
    cors: Cors,
    methods: HeaderValue,
}

impl Preflights {
    /// Those of a route that takes `methods`.
    pub(crate) fn new(cors: &Cors, methods: &[Method]) -> Self {
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let methods = HeaderValue::from_str(&names.join(", ")).expect("methods are tokens");
        Self { cors: cors.clone(), methods }
    }
}

/// Answers what a browser asks before it lets a page send a request.
pub(crate) async fn preflight(
    State(preflights): State<Preflights>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let asks = headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || !asks {
        return next.run(request).await;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    // To any other origin nothing is said, and its browser takes that for a no.
    if preflights.cors.allowed(headers.get(ORIGIN)).is_some() {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, preflights.methods.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_SECONDS));
    }
    response
}
