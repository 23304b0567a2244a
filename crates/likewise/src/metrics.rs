//! Named figures for Prometheus, in base units.
//!
//! No label holds a post, a user or anything else that a client may choose: the number of series is
//! bounded by the routes. What a request touches is looked up once, when the routes are built; the node's
//! own figures are read when somebody asks.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{Method, StatusCode};
use likewise_state::length::Action;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::access::denial::Denial;
use crate::cluster::Cluster;
use crate::metrics::collector::NodeCollector;
use crate::metrics::process::ProcessCollector;

mod collector;

mod cluster;

mod votes;

mod process;

mod lines;

/// The media type of [`Metrics::text`].
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets of request durations. A read takes tens of microseconds, a durable write
/// hundreds to some thousands; what is above a second is trouble and needs no detail.
const DURATION_BUCKETS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_4, 0.000_8, 0.001_5, 0.003, 0.006, 0.012, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 5.0, 30.0,
];

/// The methods that routes take, and one for all others.
const METHODS: [&str; 6] = ["GET", "PUT", "DELETE", "POST", "HEAD", "other"];

/// The classes of status that answers have.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Whether an operation changed anything.
const CHANGES: [&str; 3] = ["false", "true", "unknown"];

/// Where a request or a connection was shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shed {
    /// At the bound of connections.
    Connections,
    /// At the bound of requests.
    Requests,
    /// At the bound of bulk requests.
    Bulk,
}

/// All figures of one server.
pub(crate) struct Metrics {
    registry: Registry,
    of_process: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    operations: Family<OperationLabels, Counter>,
    known_operations: [[Counter; 3]; 2],
    shed: Family<ShedLabels, Counter>,
    denied: Family<DeniedLabels, Counter>,
    /// Requests being worked on.
    pub(crate) requests_in_flight: Gauge,
    /// Connections open.
    pub(crate) connections: Gauge,
    /// Connections accepted.
    pub(crate) connections_accepted: Counter,
    /// TLS handshakes that came to nothing.
    pub(crate) tls_handshakes_failed: Counter,
    /// Requests of clients that sent more than they may.
    pub(crate) rate_limited: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    action: &'static str,
    changed: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShedLabels {
    at: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeniedLabels {
    reason: &'static str,
}

impl Metrics {
    /// Figures of a server of a node of `cluster`, all at zero; `stale` counts files that can't be read again.
    pub(crate) fn new(cluster: Cluster, stale: Gauge) -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATION_BUCKETS);
        let operations = Family::<OperationLabels, Counter>::default();
        let known =
            |action, changed| operations.get_or_create_owned(&OperationLabels { action, changed });
        let mut metrics = Self {
            registry: Registry::with_prefix("likewise"),
            of_process: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(durations),
            known_operations: [
                CHANGES.map(|changed| known("unlike", changed)),
                CHANGES.map(|changed| known("like", changed)),
            ],
            operations,
            shed: Family::default(),
            denied: Family::default(),
            requests_in_flight: Gauge::default(),
            connections: Gauge::default(),
            connections_accepted: Counter::default(),
            tls_handshakes_failed: Counter::default(),
            rate_limited: Counter::default(),
        };
        for at in [Shed::Connections, Shed::Requests, Shed::Bulk] {
            drop(metrics.shed.get_or_create(&at.labels()));
        }
        for reason in Denial::REASONS {
            drop(metrics.denied.get_or_create(&DeniedLabels { reason }));
        }
        metrics.register();
        metrics.registry.register(
            "files_stale",
            "Certificates, keys and the like whose files have changed to what can't be used: the old are in force",
            stale,
        );
        metrics.registry.register_collector(Box::new(NodeCollector(cluster)));
        metrics.of_process.register_collector(Box::new(ProcessCollector));
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "Which Likewise this is", Info::new(version));
        let start: Gauge<f64, AtomicU64> = Gauge::default();
        start.set(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64()));
        registry.register_with_unit("start_time", "When serving began", Unit::Seconds, start);
        registry.register(
            "http_requests",
            "Requests answered, by route, method and class of status",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to the head of its answer",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests being worked on",
            self.requests_in_flight.clone(),
        );
        registry.register("http_connections", "Connections open", self.connections.clone());
        registry.register(
            "http_connections_accepted",
            "Connections accepted, those beyond the bound included",
            self.connections_accepted.clone(),
        );
        registry.register(
            "tls_handshakes_failed",
            "Connections that ended before client and node had agreed on TLS",
            self.tls_handshakes_failed.clone(),
        );
        registry.register(
            "rate_limited",
            "Requests answered 429: their client had sent more than it may",
            self.rate_limited.clone(),
        );
        registry.register(
            "shed",
            "Connections and requests turned away because there were too many, by the bound they met",
            self.shed.clone(),
        );
        registry.register(
            "http_denied",
            "Requests, and lines of bulk requests, that were not let in, by the reason",
            self.denied.clone(),
        );
        registry.register(
            "operations",
            "Likes and unlikes done, by whether they changed anything",
            self.operations.clone(),
        );
    }

    /// The meter of the route with this template.
    pub(crate) fn meter(&self, route: &'static str) -> RouteMeter {
        RouteMeter {
            route,
            requests: self.requests.clone(),
            durations: self.durations.clone(),
            methods: Default::default(),
        }
    }

    /// Counts a like or unlike that was done. Of one that the voters stand behind nobody knows whether it
    /// changed anything.
    pub(crate) fn count_operation(&self, action: Action, changed: Option<bool>) {
        let of_action = &self.known_operations[usize::from(action == Action::Like)];
        of_action[changed.map_or(2, usize::from)].inc();
    }

    /// Counts a connection or request that was turned away.
    pub(crate) fn count_shed(&self, at: Shed) {
        self.shed.get_or_create(&at.labels()).inc();
    }

    /// Counts a request or a line that was not let in.
    pub(crate) fn count_denied(&self, reason: &'static str) {
        self.denied.get_or_create(&DeniedLabels { reason }).inc();
    }

    /// All figures as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(16 << 10);
        encode_registry(&mut text, &self.of_process)
            .and_then(|()| encode(&mut text, &self.registry))
            .expect("a string takes all that is written");
        text
    }
}

impl Shed {
    const fn labels(self) -> ShedLabels {
        let at = match self {
            Self::Connections => "connections",
            Self::Requests => "requests",
            Self::Bulk => "bulk",
        };
        ShedLabels { at }
    }
}

/// The figures of one route. A series begins to exist with its first request.
pub(crate) struct RouteMeter {
    route: &'static str,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    methods: [MethodMeter; METHODS.len()],
}

#[derive(Default)]
struct MethodMeter {
    classes: [OnceLock<Counter>; CLASSES.len()],
    duration: OnceLock<Histogram>,
}

impl RouteMeter {
    /// Counts an answer.
    pub(crate) fn count(&self, method: &Method, status: StatusCode, took: Duration) {
        let other = METHODS.len() - 1;
        let of_method = METHODS.iter().position(|&known| known == method).unwrap_or(other);
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        let (route, method) = (self.route, METHODS[of_method]);
        let meter = &self.methods[of_method];
        let counter = meter.classes[class].get_or_init(|| {
            let status = CLASSES[class];
            self.requests.get_or_create_owned(&RequestLabels { route, method, status })
        });
        counter.inc();
        let duration = meter
            .duration
            .get_or_init(|| self.durations.get_or_create_owned(&RouteLabels { route, method }));
        duration.observe(took.as_secs_f64());
    }
}
