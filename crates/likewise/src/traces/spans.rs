//! The spans themselves: of a request, of what it waits for, and of a write of another node.

use std::time::{Duration, SystemTime};

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use likewise_replica::quorum::request::Level;
use likewise_replica::trace::TraceContext;
use opentelemetry::context::Context;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags,
    TraceId, TraceState, Tracer,
};
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::trace::Span;

use crate::traces::Traces;
use crate::traces::parent::parent;

// The names of https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
const METHOD: Key = Key::from_static_str("http.request.method");
const ROUTE: Key = Key::from_static_str("http.route");
const STATUS: Key = Key::from_static_str("http.response.status_code");

// Those of this service.
const NODE: Key = Key::from_static_str("likewise.node");
const PEER: Key = Key::from_static_str("likewise.peer");
const LEVEL: Key = Key::from_static_str("likewise.level");
const ROUNDS: Key = Key::from_static_str("likewise.rounds");

/// Whether a request that brings no trace may begin one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    /// It may, as often as the settings say.
    Sometimes,
    /// It may not: it comes every few seconds from those who look after the node, and says nothing.
    Never,
}

/// The span of a request, within which all work for it is done.
#[derive(Clone)]
pub(crate) struct RequestSpan(Context);

/// The span of something that a request waits for. It ends when this is dropped.
pub(crate) struct Waiting(Span);

impl Traces {
    /// The span of a request to the route with this template; `None` where it belongs to no trace. A request
    /// whose path has no route has no template.
    pub(crate) fn request(
        &self,
        request: &Request,
        template: Option<&'static str>,
        begins: Begins,
    ) -> Option<RequestSpan> {
        let parent = parent(request.headers());
        let is_wanted =
            parent.as_ref().map_or(begins == Begins::Sometimes, SpanContext::is_sampled);
        if !is_wanted {
            return None;
        }
        let within = Context::new();
        let within =
            parent.into_iter().fold(within, |it, parent| it.with_remote_span_context(parent));
        // Its name is made once it is known that somebody will see it.
        let builder = SpanBuilder::from_name("").with_kind(SpanKind::Server);
        let mut span = self.0.tracer.build_with_context(builder, &within);
        if !span.is_recording() {
            return None;
        }
        let (method, shown) = method(request.method());
        span.update_name(
            template.map_or_else(|| shown.to_owned(), |route| format!("{shown} {route}")),
        );
        span.set_attribute(KeyValue::new(METHOD, method));
        template.into_iter().for_each(|route| span.set_attribute(KeyValue::new(ROUTE, route)));
        Some(RequestSpan(Context::new().with_span(span)))
    }

    /// The span of a write on its way to the disk, where the present task works for a request that has one.
    pub(crate) fn commit(&self) -> Option<Waiting> {
        self.waiting("commit")
    }

    /// The span of the rounds in which voters are asked, with what they are to stand behind.
    pub(crate) fn votes(&self, level: Level) -> Option<Waiting> {
        let mut waiting = self.waiting("votes")?;
        let level = match level {
            Level::Quorum => "quorum",
            Level::Linearizable => "linearizable",
        };
        waiting.0.set_attribute(KeyValue::new(LEVEL, level));
        Some(waiting)
    }

    fn waiting(&self, name: &'static str) -> Option<Waiting> {
        Context::map_current(|within| {
            within
                .has_active_span()
                .then(|| Waiting(self.0.tracer.start_with_context(name, within)))
        })
    }

    /// Says that writes of these contexts, which `peer` mailed, have become durable here just now, after
    /// `took`: a span for each.
    pub(crate) fn applied(&self, peer: &str, took: Duration, contexts: &[TraceContext]) {
        let now = SystemTime::now();
        for context in contexts {
            let (trace, span) =
                (TraceId::from_bytes(context.trace), SpanId::from_bytes(context.span));
            let flags = TraceFlags::new(context.flags) & TraceFlags::SAMPLED;
            let cause = SpanContext::new(trace, span, flags, true, TraceState::NONE);
            if !cause.is_valid() {
                continue;
            }
            let names = [(NODE, self.0.node.clone()), (PEER, peer.to_owned())];
            let builder = SpanBuilder::from_name("apply")
                .with_kind(SpanKind::Consumer)
                .with_start_time(now - took)
                .with_attributes(names.map(|(key, name)| KeyValue::new(key, name)));
            let within = Context::new().with_remote_span_context(cause);
            self.0.tracer.build_with_context(builder, &within).end_with_timestamp(now);
        }
    }
}

impl RequestSpan {
    /// Where the work for the request is done.
    pub(crate) fn context(&self) -> Context {
        self.0.clone()
    }

    /// The request has been answered.
    pub(crate) fn answered(&self, status: StatusCode) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new(STATUS, i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

impl Waiting {
    /// Where what it waits for belongs in its trace.
    pub(crate) fn context(&self) -> TraceContext {
        let context = self.0.span_context();
        TraceContext {
            trace: context.trace_id().to_bytes(),
            span: context.span_id().to_bytes(),
            flags: context.trace_flags().to_u8(),
        }
    }

    /// So often the voters were asked.
    pub(crate) fn rounds(&mut self, rounds: u32) {
        self.0.set_attribute(KeyValue::new(ROUNDS, i64::from(rounds)));
    }

    /// It was not done.
    pub(crate) fn failed(&mut self) {
        self.0.set_status(Status::error(""));
    }
}

/// A method as an attribute and as the beginning of a name: those that anybody may make up are all the same.
fn method(method: &Method) -> (&'static str, &'static str) {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    let known = known.into_iter().find(|known| method == known);
    known.map_or(("_OTHER", "HTTP"), |known| (known, known))
}
