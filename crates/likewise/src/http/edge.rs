//! What stands between the network and the routes where somebody has asked for it. Where nobody has, it is not
//! there at all: no layer, no look at a header.

use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use prometheus_client::metrics::gauge::Gauge;
use rustls::ServerConfig;

use crate::config::edge::EdgeConfig;
use crate::http::client_address::TrustedProxies;
use crate::http::cors::{self, Cors, Preflights};
use crate::http::observe::{Observe, Shedding};
use crate::http::rates::{self, Rates};
use crate::http::tls::{self, TlsError};
use crate::http::{Api, access_log, openapi};
use crate::reload::{Reloaded, Reloader};

/// All of it; its default is nothing.
#[derive(Clone, Default)]
pub(crate) struct Edge {
    /// The certificate that connections are greeted with.
    pub(crate) tls: Option<Reloaded<ServerConfig>>,
    /// Whose pages may read answers.
    pub(crate) cors: Option<Cors>,
    /// How many requests a client may send.
    pub(crate) rates: Option<Rates>,
    /// Whose word on a client's address is believed, where the address matters.
    pub(crate) proxies: Option<Arc<TrustedProxies>>,
    /// Whether each request is logged.
    pub(crate) access_log: bool,
    /// How old a connection may become.
    pub(crate) connection_age_max: Option<Duration>,
    /// How many files changed to something that can't be used.
    pub(crate) stale: Gauge,
}

impl Edge {
    /// Makes what the settings ask for. The reloader reads the files of it, now and when they change.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub(crate) fn new(config: &EdgeConfig, reloader: &mut Reloader) -> Result<Self, TlsError> {
        let tls = config.tls.clone().map(|files| {
            let paths = vec![files.certificate.clone(), files.key.clone()];
            reloader.add("the certificate", paths, move || tls::load(&files))
        });
        let needs_address = config.rate.is_some() || config.access_log;
        let proxies = || Arc::new(TrustedProxies(config.trusted_proxies.clone()));
        Ok(Self {
            tls: tls.transpose()?,
            cors: config.cors.clone().map(Cors::new),
            rates: config.rate.map(Rates::new),
            proxies: needs_address.then(proxies),
            access_log: config.access_log,
            connection_age_max: config.connection_age_max,
            stale: reloader.stale(),
        })
    }
}

/// Puts around a route what belongs there, the innermost first. The marks of [`cors`] and the log stand outside
/// of what sheds requests: a page must be able to read that too, and whoever reads the log wants to see it.
pub(crate) fn surround(
    api: &Api,
    template: &'static str,
    shedding: Shedding,
    mut methods: MethodRouter<Api>,
) -> MethodRouter<Api> {
    let edge = &api.edge;
    if let Some(rates) = edge.rates.as_ref().filter(|_| shedding == Shedding::Sheds) {
        let state = (rates.clone(), api.metrics.rate_limited.clone());
        methods = methods.layer(from_fn_with_state(state, rates::limit));
    }
    if let Some(cors) = &edge.cors {
        let taken = openapi::methods(template);
        if !taken.is_empty() {
            let preflights = Preflights::new(cors, &taken);
            methods = methods.layer(from_fn_with_state(preflights, cors::preflight));
        }
    }
    methods = methods.layer(Observe::new(api, template, shedding));
    if let Some(cors) = &edge.cors {
        methods = methods.layer(from_fn_with_state(cors.clone(), cors::mark));
    }
    if edge.access_log {
        methods = methods.layer(from_fn_with_state(api.node_header.clone(), access_log::log));
    }
    methods
}
