//! What happens around every request, whatever its route: bounds, figures, a span and the node's name.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use opentelemetry::context::FutureExt;
use prometheus_client::metrics::gauge::Gauge;
use tower::{Layer, Service};

use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::leftover::Leftover;
use crate::http::limits::URI_BYTES_MAX;
use crate::metrics::{RouteMeter, Shed};
use crate::traces::{Begins, RequestSpan};

/// The header that names the node on every answer.
pub(crate) static NODE_HEADER: HeaderName = HeaderName::from_static("likewise-node");

/// The template of requests whose path has no route.
pub(crate) const UNKNOWN: &str = "unknown";

/// Whether a route gives way when the node has too much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shedding {
    /// It does.
    Sheds,
    /// It is for those who look after the node, who need it most just then.
    AlwaysServed,
}

/// Wraps one route.
#[derive(Clone)]
pub(crate) struct Observe {
    api: Api,
    template: &'static str,
    meter: Arc<RouteMeter>,
    shedding: Shedding,
}

/// One wrapped route.
#[derive(Clone)]
pub(crate) struct Observed<S> {
    inner: S,
    observe: Observe,
}

impl Observe {
    /// Observes the route with this template.
    pub(crate) fn new(api: &Api, template: &'static str, shedding: Shedding) -> Self {
        let meter = Arc::new(api.metrics.meter(template));
        Self { api: api.clone(), template, meter, shedding }
    }

    /// The span of a request, where it belongs to a trace.
    fn span(&self, request: &Request) -> Option<RequestSpan> {
        let begins = match self.shedding {
            Shedding::Sheds => Begins::Sometimes,
            Shedding::AlwaysServed => Begins::Never,
        };
        let template = Some(self.template).filter(|&template| template != UNKNOWN);
        self.api.node.traces()?.request(request, template, begins)
    }

    /// Whether the request may go on. It is in flight until the guard is dropped.
    fn admit(&self, request: &Request) -> Result<InFlight, ApiError> {
        let in_flight = InFlight::begin(&self.api.metrics.requests_in_flight);
        let max = self.api.limits.requests_max;
        if self.shedding == Shedding::Sheds && in_flight.number > max {
            self.api.metrics.count_shed(Shed::Requests);
            return Err(ApiError::TooMany { what: "requests", max });
        }
        match request.uri().path_and_query().map_or(0, |uri| uri.as_str().len()) {
            bytes if bytes > URI_BYTES_MAX => Err(ApiError::UriTooLong(bytes)),
            _ => Ok(in_flight),
        }
    }
}

/// Counts a request for as long as it lives, even if the client goes away in the middle.
struct InFlight {
    gauge: Gauge,
    number: usize,
}

impl InFlight {
    fn begin(gauge: &Gauge) -> Self {
        let before = gauge.inc();
        Self { gauge: gauge.clone(), number: usize::try_from(before).unwrap_or(0) + 1 }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observed { inner, observe: self.clone() }
    }
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let begun = Instant::now();
        let method = request.method().clone();
        let observe = self.observe.clone();
        let span = self.observe.span(&request);
        let (request, leftover) = Leftover::of(request);
        let admitted = match observe.admit(&request) {
            Ok(guard) => Ok((guard, self.inner.call(request))),
            Err(error) => Err(error),
        };
        Box::pin(async move {
            let mut response = match admitted {
                Ok((_in_flight, answer)) => match &span {
                    Some(span) => answer.with_context(span.context()).await?,
                    None => answer.await?,
                },
                Err(error) => error.into_response(),
            };
            if response.status().as_u16() >= 400 {
                leftover.forget().await;
            }
            let node: HeaderValue = observe.api.node_header.clone();
            response.headers_mut().insert(NODE_HEADER.clone(), node);
            observe.meter.count(&method, response.status(), begun.elapsed());
            span.iter().for_each(|span| span.answered(response.status()));
            Ok(response)
        })
    }
}
