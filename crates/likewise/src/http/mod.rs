//! The HTTP side of a node: every route, and the loop that accepts connections.
//!
//! In reading order: [`mod@limits`] (every bound), [`problem`] and [`error`] (every error), [`parameters`] and [`body`]
//! (what a request says), [`votes`] (what stands behind the answer), then the routes themselves: [`likes`], [`posts`],
//! [`query`], [`bulk`], [`export`], [`backup`], [`restore`], [`classic`], [`members`], [`events`], [`operate`].
//!
//! The table of [`mod@route`]s below says what each method needs, and [`mod@access`] (with [`bearer`]) holds requests to
//! it. [`observe`] and [`leftover`] are around each route, [`connections`] (with [`stalls`]) around all, and [`openapi`]
//! describes them. [`mod@edge`] puts in between what was asked for, and nothing else: [`tls`], [`client_address`],
//! [`rates`], [`cors`], [`access_log`].
//!
//! Nothing here knows the replica or the journal: a write goes through [`Node::write`], a read to the
//! state that the node shares.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper::body::Body as _;
use likewise_replica::write::{Outcome, Writes};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::access::Access;
use crate::access::right::Need;
use crate::cluster::Cluster;
use crate::consistency::Consistency;
use crate::http::edge::{Edge, surround};
use crate::http::error::ApiError;
use crate::http::limits::{BACKUPS_MAX, BULK_BYTES_MAX, EVENT_STREAMS_MAX, EXPORTS_MAX, SCANS_MAX};
use crate::http::observe::{Shedding, UNKNOWN};
use crate::http::route::{Route, route};
use crate::metrics::{Metrics, Shed};
use crate::node::Node;

pub(crate) mod limits;

mod problem;

mod error;

mod parameters;

mod body;

mod answers;

mod votes;

mod likes;

mod posts;

mod query;

mod lines;

mod pace;

mod bulk;

mod export;

mod backup;

mod restore;

mod classic;

mod members;

mod events;

mod operate;

mod leftover;

mod bearer;

mod access;

mod route;

mod observe;

pub(crate) mod connections;

mod stalls;

mod client_address;

mod rates;

mod cors;

mod access_log;

pub mod tls;

pub(crate) mod edge;

mod openapi;

pub(crate) mod fuzz;

pub(crate) use bearer::token as token_of;
pub use limits::ServeLimits;
pub use openapi::openapi_json;

/// The routes of a node, to be handed to [`serve`].
pub struct Routes {
    cluster: Cluster,
    consistency: Consistency,
    edge: Edge,
    access: Access,
}

/// The routes of a node of `cluster`; `consistency` is what a request gets that asks for nothing. They are open to
/// everybody, unless something else is said with [`Routes::guarded_by`].
#[must_use]
pub fn router(cluster: Cluster, consistency: Consistency) -> Routes {
    Routes { cluster, consistency, edge: Edge::default(), access: Access::default() }
}

impl Routes {
    /// The same routes, with this between them and the network.
    pub(crate) fn behind(self, edge: Edge) -> Self {
        Self { edge, ..self }
    }

    /// The same routes, where `access` says who may do what.
    #[must_use]
    pub fn guarded_by(self, access: Access) -> Self {
        Self { access, ..self }
    }
}

/// Serves `routes` on `listener` until `shutdown` is ready, then finishes the requests in flight, within
/// a bound, and returns.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()>,
) {
    let api = Api::new(routes, limits);
    let router = build(&api);
    connections::accept(listener, router, &api, shutdown).await;
}

/// What all routes share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

pub(crate) struct Shared {
    node: Node,
    cluster: Cluster,
    /// What a request gets that asks for nothing.
    consistency: Consistency,
    edge: Edge,
    /// Who may do what.
    access: Access,
    limits: ServeLimits,
    metrics: Metrics,
    node_header: HeaderValue,
    scans: Arc<Semaphore>,
    bulk_requests: Semaphore,
    exports: Arc<Semaphore>,
    backups: Arc<Semaphore>,
    event_streams: Arc<Semaphore>,
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Api {
    fn new(routes: Routes, limits: ServeLimits) -> Self {
        let Routes { cluster, consistency, edge, access } = routes;
        let node = cluster.node().clone();
        // A header holds less than a name may.
        let name = utf8_percent_encode(node.name(), CONTROLS).to_string();
        Self(Arc::new(Shared {
            node_header: HeaderValue::from_str(&name).expect("what is left is printable ASCII"),
            scans: Arc::new(Semaphore::new(SCANS_MAX)),
            bulk_requests: Semaphore::new(limits.bulk_requests_max),
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
            backups: Arc::new(Semaphore::new(BACKUPS_MAX)),
            event_streams: Arc::new(Semaphore::new(EVENT_STREAMS_MAX)),
            metrics: Metrics::new(cluster.clone(), edge.stale.clone()),
            node,
            cluster,
            consistency,
            edge,
            access,
            limits,
        }))
    }

    /// Does `writes` once they are durable, or says why not.
    async fn write(&self, writes: Writes) -> Result<Vec<Outcome>, ApiError> {
        write_within(&self.node, writes, self.limits.write_time).await
    }

    /// A place for a long body to write from, which is free again when it is dropped.
    fn place_for_bulk(&self, body: &Body) -> Result<SemaphorePermit<'_>, ApiError> {
        let max = self.limits.bulk_requests_max;
        let place = self.bulk_requests.try_acquire().map_err(|_| {
            self.metrics.count_shed(Shed::Bulk);
            ApiError::TooMany { what: "bulk requests", max }
        })?;
        if body.size_hint().lower() > BULK_BYTES_MAX {
            Err(ApiError::BulkTooLarge)
        } else {
            Ok(place)
        }
    }

    /// Runs a long look through the state where it holds up nobody. Only a few run at once.
    async fn scan<T: Send + 'static>(
        &self,
        look: impl FnOnce(&likewise_state::state::State) -> T + Send + 'static,
    ) -> T {
        let permit = self.scans.clone().acquire_owned().await.expect("it is never closed");
        let state = self.node.state().clone();
        let scanned = tokio::task::spawn_blocking(move || {
            // The permit goes with the work: it goes on when the client goes away.
            let _permit = permit;
            look(&state)
        });
        scanned.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}

/// Does `writes`; where they are not durable after `time`, their outcome is unknown.
async fn write_within(
    node: &Node,
    writes: Writes,
    time: Duration,
) -> Result<Vec<Outcome>, ApiError> {
    match timeout(time, node.write(writes)).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(ApiError::Unanswered { seconds: time.as_secs() }),
    }
}

/// The table of routes: whether each gives way, and what each of its methods needs.
fn routes() -> [Route; 22] {
    use Need::{Admin, Nothing, Read, WriteAsUser};
    use Shedding::{AlwaysServed, Sheds};
    [
        route("/v1/posts/{post}/likes/{user}", Sheds)
            .put(WriteAsUser, likes::like)
            .delete(WriteAsUser, likes::unlike)
            .get(Read, likes::read),
        route("/v1/posts/{post}/likes", Sheds).get(Read, posts::likers),
        route("/v1/posts/{post}/reactions", Sheds).get(Read, posts::reactions),
        route("/v1/posts/{post}", Sheds).get(Read, posts::read),
        route("/v1/query", Sheds).post(Read, query::query),
        route("/v1/likes", Sheds).post(WriteAsUser, bulk::write),
        route("/v1/export", Sheds).get(Read, export::export),
        route("/v1/backup", Sheds).get(Admin, backup::read),
        route("/v1/restore", Sheds).post(Admin, restore::write),
        route("/v1/top", Sheds).get(Read, posts::top),
        route("/like", Sheds).post(WriteAsUser, classic::like),
        route("/likes", Sheds).get(Read, classic::likes),
        route("/", Sheds).get(Nothing, classic::node),
        route("/v1/cluster", AlwaysServed).get(Read, members::read),
        route("/v1/cluster/events", Sheds).get(Read, events::stream),
        route("/v1/cluster/leave", AlwaysServed).post(Admin, members::leave),
        route("/v1/cluster/members/{name}", AlwaysServed).delete(Admin, members::forget),
        route("/livez", AlwaysServed).get(Nothing, operate::livez),
        route("/readyz", AlwaysServed).get(Nothing, operate::readyz),
        route("/metrics", AlwaysServed).get(Nothing, operate::metrics),
        route("/openapi.json", AlwaysServed).get(Nothing, openapi::serve),
        route("/problems/{slug}", AlwaysServed).get(Nothing, operate::problem),
    ]
}

/// All routes, each with what is around it.
fn build(api: &Api) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, route| {
        let (template, shedding) = (route.template, route.shedding);
        let methods = surround(api, template, shedding, route.guarded(api));
        router.route(template, methods)
    });
    let unknown = surround(api, UNKNOWN, Shedding::Sheds, any(not_found));
    router.fallback_service(unknown.with_state(api.clone())).with_state(api.clone())
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::MethodNotAllowed { method, path: uri.path().to_owned() }
}

async fn not_found(uri: Uri) -> Response {
    // A path may be long, and whoever sent it knows it.
    ApiError::NotFound(uri.path().chars().take(200).collect()).into_response()
}
