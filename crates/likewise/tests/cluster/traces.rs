//! Traces as an operator meets them: one shows a like arriving everywhere, and a collector that is not there costs
//! nobody anything.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tempfile::TempDir;

use super::ask::{PATIENCE, agent, check, fetch, metric, until};
use super::collector::{Collector, Span};
use super::nodes::{Node, Setup, until_together};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// How long a node may take to stop where its collector does not answer: the bound on its last spans, and as much
/// as it takes without traces, on a machine that is busy.
const STOP_TIME: Duration = Duration::from_secs(13);

/// How long a write may take on a machine that is busy: less than a collector that does not answer would add.
const WRITE_TIME: Duration = Duration::from_secs(3);

/// A node whose spans go to `endpoint`, soon.
fn setup(name: &str, folder: &TempDir, endpoint: &str, more: &[&str]) -> Setup {
    let mut setup =
        Setup::new(name, folder.path()).with(&["--trace-endpoint", endpoint]).with(more);
    setup.under = ["env", "OTEL_BSP_SCHEDULE_DELAY=50"].map(str::to_owned).to_vec();
    setup
}

/// Nodes that send spans to `collector`, and one more that does not.
fn cluster(names: &[&str], folder: &TempDir, collector: &Collector, more: &[&str]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for name in names {
        let joins = nodes.first().map(|node| node.address.clone());
        let mut setup = setup(name, folder, &collector.url, more);
        setup.joins.extend(joins);
        nodes.push(setup.start());
    }
    let silent = Setup::new("silent", folder.path()).with(more).join(&nodes[0].address);
    nodes.push(silent.start());
    until_together(&nodes.iter().collect::<Vec<_>>());
    nodes
}

fn put(node: &Node, path: &str, headers: &[(&str, &str)]) -> u16 {
    let request = agent(PATIENCE).put(format!("{}{path}", node.url));
    let request = headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
    request.send_empty().unwrap().status().as_u16()
}

fn traceparent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-{CALLER}-{flags}")
}

/// The spans of one trace, once there are so many.
fn of_trace(collector: &Collector, trace: &str, count: usize) -> Vec<Span> {
    until(&format!("{count} spans of {trace}"), PATIENCE, || {
        let spans: Vec<Span> =
            collector.spans().into_iter().filter(|span| span.trace == trace).collect();
        check(spans.len() >= count, || format!("{spans:#?}")).map(|()| spans)
    })
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// Stops the nodes, which sends what they have left to send.
fn stop(nodes: &mut [Node]) {
    nodes.iter_mut().for_each(Node::terminate);
    nodes.iter_mut().for_each(|node| assert!(node.ended().success()));
}

#[test]
fn one_trace_shows_a_like_arriving_everywhere() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let mut nodes = cluster(&["a", "b", "c"], &folder, &collector, &["--trace-ratio", "0"]);
    // Neither of these is wanted: nobody decided to see the first, and somebody not to see the second.
    assert_eq!(put(&nodes[1], "/v1/posts/hidden/likes/first", &[]), 200);
    let unsampled = [("traceparent", &*traceparent(&TRACE.replace('4', "5"), "00"))];
    assert_eq!(put(&nodes[1], "/v1/posts/hidden/likes/second", &unsampled), 200);
    let traceparent = traceparent(TRACE, "01");
    let headers = [("traceparent", &*traceparent), ("tracestate", "rojo=1")];
    assert_eq!(put(&nodes[1], "/v1/posts/hidden/likes/third", &headers), 200);
    let spans = of_trace(&collector, TRACE, 4);
    nodes.iter().take(3).for_each(Node::until_handed_over);
    stop(&mut nodes);
    assert_eq!(collector.spans().len(), 4, "nothing else has come: {:#?}", collector.spans());

    let request = named(&spans, "PUT /v1/posts/{post}/likes/{user}")[0];
    assert_eq!((request.node(), &*request.parent, &*request.state), ("b", CALLER, "rojo=1"));
    assert_eq!(request.kind, SpanKind::Server);
    for (key, value) in [
        ("http.request.method", "PUT"),
        ("http.route", "/v1/posts/{post}/likes/{user}"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(request.attribute(key), Some(value), "{request:#?}");
    }
    assert_eq!(request.of_sender("service.name"), "likewise");
    assert_eq!(request.of_sender("service.version"), env!("CARGO_PKG_VERSION"));
    let commit = named(&spans, "commit")[0];
    assert_eq!((commit.node(), &commit.parent), ("b", &request.id));
    assert!(request.begin <= commit.begin && commit.end <= request.end);
    let mut applied = named(&spans, "apply");
    applied.sort_by_key(|span| span.node());
    assert_eq!(applied.iter().map(|span| span.node()).collect::<Vec<_>>(), ["a", "c"]);
    for span in applied {
        assert_eq!((&span.parent, span.kind), (&commit.id, SpanKind::Consumer));
        assert_eq!(span.attribute("likewise.node"), Some(span.node()));
        assert_eq!(span.attribute("likewise.peer"), Some("b"));
        assert!(span.begin <= span.end);
    }
    // What is in a trace is read by more people than what is in a database.
    let all = format!("{spans:?}");
    assert!(!all.contains("hidden") && !all.contains("third"), "{all}");
}

#[test]
fn a_request_that_voters_answer_shows_their_rounds() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let mut nodes = cluster(&["a", "b"], &folder, &collector, &["--voters", "a,b,silent"]);
    until("a can ask all voters", PATIENCE, || {
        let askable = metric(&nodes[0].url, "likewise_votes_voters_askable")?;
        check(askable == 3.0, || format!("{askable} can be asked"))
    });
    let headers = [("traceparent", &*traceparent(TRACE, "01"))];
    let path = "/v1/posts/p/likes/u?consistency=linearizable&timeout=30s";
    assert_eq!(put(&nodes[0], path, &headers), 200);
    let spans = of_trace(&collector, TRACE, 3);
    let request = named(&spans, "PUT /v1/posts/{post}/likes/{user}")[0];
    let votes = named(&spans, "votes")[0];
    assert_eq!((votes.node(), &votes.parent), ("a", &request.id));
    assert_eq!(votes.attribute("likewise.level"), Some("linearizable"));
    // One to read what the write aims at, and one to write it.
    let rounds: u32 = votes.attribute("likewise.rounds").unwrap().parse().unwrap();
    assert!(rounds >= 2, "{votes:#?}");
    let applied = named(&spans, "apply")[0];
    assert_eq!((applied.node(), &applied.parent), ("b", &votes.id));
    stop(&mut nodes);
}

#[test]
fn a_request_begins_a_trace_unless_it_is_one_of_those_that_look_after_the_node() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let mut node = setup("a", &folder, &collector.url, &[]).start();
    node.until_ready();
    for path in ["/livez", "/metrics", "/v1/cluster", "/nowhere/hidden", "/v1/top"] {
        fetch(&format!("{}{path}", node.url)).unwrap();
    }
    stop(std::slice::from_mut(&mut node));
    let mut spans = collector.spans();
    spans.sort_by_key(|span| span.begin);
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["GET", "GET /v1/top"]);
    assert!(spans.iter().all(|span| span.parent.is_empty() && span.trace.len() == 32));
    assert_ne!(spans[0].trace, spans[1].trace);
    assert_eq!(spans[0].attribute("http.response.status_code"), Some("404"));
    assert_eq!(spans[0].attribute("http.route"), None);
}

/// One that refuses connections, and one that takes them and never says a word.
#[test]
fn a_collector_that_does_not_answer_costs_its_spans_and_nothing_else() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    for endpoint in [gone, mute.local_addr().unwrap()] {
        let folder = tempfile::tempdir().unwrap();
        let mut node = setup("a", &folder, &format!("http://{endpoint}"), &[]).start();
        node.until_ready();
        for user in 0..50 {
            let began = Instant::now();
            assert_eq!(put(&node, &format!("/v1/posts/p/likes/{user}"), &[]), 200);
            assert!(began.elapsed() < WRITE_TIME, "{:?}", began.elapsed());
        }
        until("lost spans are counted", PATIENCE, || {
            let lost = metric(&node.url, "likewise_trace_spans_lost_total")?;
            check(lost > 0.0, || format!("{lost} spans are lost"))
        });
        assert_eq!(metric(&node.url, "likewise_trace_spans_sent_total"), Ok(0.0));
        let is_told = |line: &str| line.contains("collector takes no spans");
        assert!(node.line(is_told).is_some(), "the log says nothing");
        let began = Instant::now();
        stop(std::slice::from_mut(&mut node));
        assert!(began.elapsed() < STOP_TIME, "{:?}", began.elapsed());
    }
}
