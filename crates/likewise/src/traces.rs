//! Traces: what a request waited for, and when its like arrived at each node, told to an OpenTelemetry
//! collector.
//!
//! ```text
//! node a   PUT /v1/posts/{post}/likes/{user}  ├──────────────┤
//!            └ commit                           ├──────────┤      from the node's queue until it is durable
//! node b         └ apply                             ├──────────┤ from the frame of a until it is durable
//! node c         └ apply                              ├───────┤
//! ```
//!
//! All of it is off unless a collector is named: a node without one has no [`Traces`], and asks for nothing but
//! whether there are any. [`parent`] reads what a request says of the trace that it belongs to, [`spans`] makes
//! the spans, [`export`] sends them away. Where a write belongs travels with it to the other nodes: see
//! `likewise_replica::trace`.
//!
//! The span of a request is where the work for it finds it: in OpenTelemetry's context of the present task. No
//! handler has to pass it on.
//!
//! No span holds a post or a user.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

use crate::config::tracing::TraceConfig;
use crate::traces::export::Figures;

mod parent;

mod spans;

mod export;

pub use export::ExportError;
pub(crate) use spans::{Begins, RequestSpan, Waiting};

/// How long a node that stops may take to send its last spans. Those that have not gone by then are lost.
const FLUSH_TIME: Duration = Duration::from_secs(3);

/// Where the spans of a node go. Cheap to clone.
#[derive(Clone)]
pub struct Traces(Arc<Inner>);

struct Inner {
    /// The name of the node.
    node: String,
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    figures: Arc<Figures>,
}

impl Traces {
    /// Starts the thread that sends the spans of the node of this name. It connects with the first ones.
    ///
    /// # Errors
    /// Where an `OTEL_*` variable asks for what can't be done.
    pub fn start(config: &TraceConfig, node: &str) -> Result<Self, ExportError> {
        let (processor, figures) = export::processor(&config.url)?;
        let ratio = Sampler::TraceIdRatioBased(config.ratio.value());
        let provider = SdkTracerProvider::builder()
            .with_resource(export::resource(node))
            // Whoever brings a trace has decided already.
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_span_processor(processor)
            .build();
        let tracer = provider.tracer("likewise");
        Ok(Self(Arc::new(Inner { node: node.to_owned(), tracer, provider, figures })))
    }

    /// How many spans were sent, and how many were lost.
    #[must_use]
    pub(crate) fn figures(&self) -> &Figures {
        &self.0.figures
    }

    /// Sends what waits, within a bound, and makes no more spans. Blocks until then.
    pub(crate) fn shutdown(&self) {
        if let Err(error) = self.0.provider.shutdown_with_timeout(FLUSH_TIME) {
            tracing::debug!(%error, "the last spans were not delivered");
        }
    }
}
