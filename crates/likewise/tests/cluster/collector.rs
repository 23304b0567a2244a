//! A collector of traces on loopback: takes OTLP over HTTP and remembers the spans.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;

/// Bytes of one export. One that claims more is no export of a test.
const EXPORT_BYTES_MAX: usize = 16 << 20;

/// A span that came, with what its sender says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where it has none.
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) kind: SpanKind,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    /// Those of the span.
    pub(crate) attributes: Vec<(String, String)>,
    /// Those of the sender.
    pub(crate) resource: Vec<(String, String)>,
}

impl Span {
    /// The value of an attribute of the span.
    pub(crate) fn attribute(&self, key: &str) -> Option<&str> {
        value(&self.attributes, key)
    }

    /// The name of the node that sent it.
    pub(crate) fn node(&self) -> &str {
        self.of_sender("service.instance.id")
    }

    /// What the sender says of itself; empty where it does not.
    pub(crate) fn of_sender(&self, key: &str) -> &str {
        value(&self.resource, key).unwrap_or_default()
    }
}

fn value<'a>(attributes: &'a [(String, String)], key: &str) -> Option<&'a str> {
    attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// Listens as long as the test process lives.
pub(crate) struct Collector {
    /// Where it takes spans.
    pub(crate) url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                // A node that goes away ends it.
                std::thread::spawn(move || serve(&stream.unwrap(), &kept));
            }
        });
        Self { url, spans }
    }

    /// The spans that have come so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

/// Answers one export after the other, until the connection ends.
fn serve(stream: &TcpStream, kept: &Mutex<Vec<Span>>) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let (mut line, mut head) = (String::new(), Vec::new());
        while reader.read_line(&mut line).ok()? > 0 && !line.trim().is_empty() {
            head.push(line.trim().to_lowercase());
            line.clear();
        }
        assert_eq!(head.first()?, "post /v1/traces http/1.1");
        assert!(head.contains(&"content-type: application/x-protobuf".to_owned()), "{head:?}");
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a body has a length").parse().unwrap();
        assert!(length <= EXPORT_BYTES_MAX, "{length} bytes");
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let export = ExportTraceServiceRequest::decode(&*body).expect("it is OTLP");
        kept.lock().unwrap().extend(spans(export));
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        writer.write_all(answer.as_bytes()).ok()?;
    }
}

fn spans(export: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for sender in export.resource_spans {
        let resource = attributes(&sender.resource.unwrap_or_default().attributes);
        for span in sender.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                kind: span.kind(),
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                state: span.trace_state,
                begin: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                attributes: attributes(&span.attributes),
                resource: resource.clone(),
            });
        }
    }
    spans
}

fn attributes(all: &[KeyValue]) -> Vec<(String, String)> {
    let text = |it: &KeyValue| match it.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    all.iter().map(|it| (it.key.clone(), text(it))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
