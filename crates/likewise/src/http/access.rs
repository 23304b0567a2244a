//! The gate before each method of a route, and what a handler learns of who has passed it.
//!
//! ```text
//! request ──> gate: token ──> caller ──> has what the method needs ──> handler, which asks its Author
//!                  401 ┘                         403 ┘                       whose likes it may write
//! ```
//!
//! Where everybody may do everything there is no gate, so that it costs nothing.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use likewise_state::id::UserId;

use crate::access::denial::Denial;
use crate::access::right::{Caller, Need};
use crate::http::error::ApiError;
use crate::http::{Api, bearer};

/// Guards one method of a route.
#[derive(Clone)]
pub(crate) struct Gate {
    api: Api,
    need: Need,
}

impl Gate {
    /// A gate for this need; `None` where everybody may pass.
    pub(crate) fn new(api: &Api, need: Need) -> Option<Self> {
        let is_open = api.access.is_open() || need == Need::Nothing;
        (!is_open).then(|| Self { api: api.clone(), need })
    }

    /// Lets a request through to the handler, which finds its [`Caller`] in the request, or says why not.
    pub(crate) async fn guard(
        State(gate): State<Self>,
        mut request: Request,
        next: Next,
    ) -> Result<Response, ApiError> {
        let caller = gate.admit(&request).map_err(|denial| gate.api.denied(denial))?;
        if gate.need == Need::Admin {
            note(&caller, &request);
        }
        request.extensions_mut().insert(caller);
        Ok(next.run(request).await)
    }

    fn admit(&self, request: &Request) -> Result<Caller, Denial> {
        let caller = self.api.access.caller(bearer::token(request.headers())?)?;
        match self.need.right() {
            Some(right) if !caller.has(self.need) => Err(Denial::Right(right)),
            _ => Ok(caller),
        }
    }
}

/// What operators do is rare, and somebody may ask later who it was.
fn note(caller: &Caller, request: &Request) {
    if let Caller::Holder { name, .. } = caller {
        let (method, path) = (request.method(), request.uri().path());
        tracing::info!(%method, path, token = name, "asked for by an operator");
    }
}

/// In whose name a request writes. Whatever writes a like asks it first. `None` where nobody is asked who they are.
pub(crate) struct Author(Option<(Caller, Api)>);

impl Author {
    /// Whether the request may write likes of this user.
    pub(crate) fn may_like_as(&self, user: UserId<'_>) -> Result<(), ApiError> {
        let user = user.as_str();
        match &self.0 {
            Some((caller, api)) if !caller.may_like_as(user) => {
                Err(api.denied(Denial::User { user: user.to_owned() }))
            }
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Api> for Author {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        if api.access.is_open() {
            return Ok(Self(None));
        }
        // The gate has put it there. If there ever were none, nobody may write.
        let caller = parts.extensions.remove().ok_or_else(|| api.denied(Denial::Missing))?;
        Ok(Self(Some((caller, api.clone()))))
    }
}

impl Api {
    /// The error of a request that is not let in; counts it.
    fn denied(&self, denial: Denial) -> ApiError {
        self.metrics.count_denied(denial.reason());
        ApiError::Denied(denial)
    }
}

/// What RFC 6750 has a client told about the token that it should have shown.
pub(crate) fn challenge(denial: &Denial) -> HeaderValue {
    const REALM: &str = "Bearer realm=\"likewise\"";
    let text = match denial {
        // Who shows nothing has made no mistake.
        Denial::Missing => REALM.to_owned(),
        Denial::Right(right) => {
            format!("{REALM}, error=\"insufficient_scope\", scope=\"{}\"", right.as_str())
        }
        Denial::User { .. } => format!("{REALM}, error=\"insufficient_scope\""),
        _ => format!("{REALM}, error=\"invalid_token\""),
    };
    HeaderValue::try_from(text).expect("it is printable ASCII")
}
