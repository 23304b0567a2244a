//! Sends spans to a collector: OTLP as protobuf over HTTP.
//!
//! ```text
//! span ends ──> queue ──> the SDK's thread ──> POST /v1/traces
//! ```
//!
//! Nobody waits for any of it: where the queue is full, or the collector does not take them, spans are lost, which
//! is counted, and said in the log now and then. The client may block, because the SDK's batch processor has a
//! thread of its own (`BatchSpanProcessor` in `opentelemetry_sdk`), and it must not need an async runtime.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter as Exporter, SpanProcessor,
};
use ureq::Agent;

/// Spans that wait for the collector, some MB. One more is lost.
const SPANS_WAITING_MAX: usize = 4_096;

/// How long the collector may take for a batch. Then its spans are lost.
const EXPORT_TIME: Duration = Duration::from_secs(3);

/// Bytes of an answer that are read. One that is longer counts as a failure.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Time between two lines in the log about spans that the collector does not take.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Why there can be no spans: a variable of the environment asks for what can't be done.
pub type ExportError = ExporterBuildError;

/// What has become of spans.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    waiting: AtomicUsize,
    sent: AtomicU64,
    lost: AtomicU64,
}

impl Figures {
    /// Spans that the collector has taken.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Spans that nobody will see.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether one more may wait.
    fn enter(&self) -> bool {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before >= SPANS_WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        before < SPANS_WAITING_MAX
    }
}

/// Who makes the spans: the service, and which of its nodes. What the standard variables say goes over it.
pub(super) fn resource(node: &str) -> Resource {
    let (version, node) = (env!("CARGO_PKG_VERSION"), node.to_owned());
    let ours = Resource::builder_empty().with_service_name("likewise").with_attributes([
        KeyValue::new("service.version", version),
        KeyValue::new("service.instance.id", node),
    ]);
    let detectors = ours
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => detectors.with_service_name(name).build(),
        _ => detectors.build(),
    }
}

/// What takes the spans that have ended and sends them to `url`, and what is counted of it.
pub(super) fn processor(url: &str) -> Result<(Bounded, Arc<Figures>), ExportError> {
    let figures = Arc::new(Figures::default());
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Post::new(url))
        .with_endpoint(url)
        .with_timeout(EXPORT_TIME)
        .with_protocol(Protocol::HttpBinary)
        .build()?;
    let exporter = Counted { exporter, figures: figures.clone() };
    // The queue of the SDK has room for all that may wait, so that what it drops is nothing.
    let queue = BatchConfigBuilder::default().with_max_queue_size(SPANS_WAITING_MAX).build();
    let batches = BatchSpanProcessor::builder(exporter).with_batch_config(queue).build();
    Ok((Bounded { batches, figures: figures.clone() }, figures))
}

/// The SDK's queue, of which it is known how much was lost at its bound.
#[derive(Debug)]
pub(super) struct Bounded {
    batches: BatchSpanProcessor,
    figures: Arc<Figures>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, within: &Context) {
        self.batches.on_start(span, within);
    }

    fn on_end(&self, span: SpanData) {
        if self.figures.enter() {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts what becomes of each batch.
#[derive(Debug)]
struct Counted {
    exporter: SpanExporter,
    figures: Arc<Figures>,
}

impl Exporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.figures.waiting.fetch_sub(spans, Ordering::Relaxed);
        let exported = self.exporter.export(batch).await;
        let counter = if exported.is_ok() { &self.figures.sent } else { &self.figures.lost };
        counter.fetch_add(spans as u64, Ordering::Relaxed);
        exported
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Posts a batch, and says in the log when that fails.
#[derive(Debug)]
struct Post {
    agent: Agent,
    url: String,
    /// When it was last said that the collector does not take spans, where it has not taken any since.
    complained: Mutex<Option<Instant>>,
}

impl Post {
    fn new(url: &str) -> Self {
        // The collector is reached directly: a proxy that the environment names for the web is not meant.
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(EXPORT_TIME))
            .build()
            .into();
        Self { agent, url: url.to_owned(), complained: Mutex::default() }
    }

    fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let answer = self.agent.run(Request::from_parts(head, &*body))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    /// Tells the log of what has changed, and of what lasts now and then.
    fn tell(&self, problem: Option<String>) {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        match problem {
            None if complained.take().is_some() => {
                tracing::info!(url = self.url, "the trace collector takes spans again");
            }
            None => {}
            Some(_) if complained.is_some_and(|last| last.elapsed() < COMPLAINT_INTERVAL) => {}
            Some(problem) => {
                *complained = Some(Instant::now());
                tracing::warn!(
                    url = self.url,
                    problem,
                    "the trace collector takes no spans: they are lost, and nothing else is; see the metric \
                     trace_spans_lost"
                );
            }
        }
    }
}

#[async_trait]
impl HttpClient for Post {
    /// Blocks: it is called on the thread that has nothing else to do.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answered = self.post(request);
        self.tell(match &answered {
            Err(error) => Some(error.to_string()),
            Ok(answer) if !answer.status().is_success() => Some(answer.status().to_string()),
            Ok(_) => None,
        });
        Ok(answered?)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use likewise_replica::trace::TraceContext;

    use super::*;
    use crate::config::tracing::{Ratio, TraceConfig};
    use crate::traces::{FLUSH_TIME, Traces};

    /// How much longer than it promises anything may take on a machine that is busy.
    const SLACK: Duration = Duration::from_secs(10);

    /// To a collector that takes connections and never says a word.
    fn mute() -> (TcpListener, Traces) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        (listener, Traces::start(&TraceConfig { url, ratio: Ratio::ALL }, "a").unwrap())
    }

    #[test]
    fn spans_beyond_the_bound_are_lost_and_nobody_waits_for_the_others() {
        let (_listener, traces) = mute();
        let context = TraceContext { trace: [1; 16], span: [2; 8], flags: 1 };
        let spans = vec![context; 4 * SPANS_WAITING_MAX];
        let began = Instant::now();
        traces.applied("b", Duration::ZERO, &spans);
        assert!(began.elapsed() < EXPORT_TIME, "{:?}", began.elapsed());
        let figures = traces.figures();
        // The thread that sends them has at most a few batches in hand.
        assert!(figures.lost() > 2 * SPANS_WAITING_MAX as u64, "{figures:?}");
        assert!(figures.waiting.load(Ordering::Relaxed) <= SPANS_WAITING_MAX, "{figures:?}");
        assert_eq!(figures.sent(), 0);
        let began = Instant::now();
        traces.shutdown();
        assert!(began.elapsed() < FLUSH_TIME + SLACK, "{:?}", began.elapsed());
    }

    #[test]
    fn what_belongs_to_no_trace_or_is_not_sampled_makes_no_span() {
        let (_listener, traces) = mute();
        let good = TraceContext { trace: [1; 16], span: [2; 8], flags: 1 };
        let wrong = [
            TraceContext { trace: [0; 16], ..good },
            TraceContext { span: [0; 8], ..good },
            TraceContext { flags: 0, ..good },
            TraceContext { flags: 2, ..good },
        ];
        traces.applied("b", Duration::ZERO, &wrong);
        assert_eq!(traces.figures().waiting.load(Ordering::Relaxed), 0);
        assert!(traces.commit().is_none(), "there is no request");
        traces.applied("b", Duration::ZERO, &[good]);
        assert_eq!(traces.figures().waiting.load(Ordering::Relaxed), 1);
        traces.shutdown();
    }
}
