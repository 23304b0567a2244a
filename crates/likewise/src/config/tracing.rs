//! Judges all that concerns traces.

use std::fmt;
use std::num::ParseFloatError;
use std::str::FromStr;

use axum::http::Uri;
use serde::{Deserialize, Serialize};

use crate::config::error::{ConfigError, invalid};
use crate::config::settings::Settings;

/// Where collectors take traces, below the address that is set.
const TRACES_PATH: &str = "/v1/traces";

/// Where spans go, and of which requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceConfig {
    /// The whole URL that they are posted to.
    pub url: String,
    /// Of how many requests, of those that bring no trace.
    pub ratio: Ratio,
}

/// A number as somebody wrote it, for a share of a whole. Equal where its bits are: what is no number would
/// else differ from itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(f64);

impl Ratio {
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// The number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Ratio {}

impl FromStr for Ratio {
    type Err = ParseFloatError;

    fn from_str(text: &str) -> Result<Self, ParseFloatError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where spans go, where they go anywhere.
pub(super) fn traces(settings: &Settings) -> Result<Option<TraceConfig>, ConfigError> {
    let ratio = settings.trace_ratio.unwrap_or(Ratio::ALL);
    if !(0.0..=1.0).contains(&ratio.value()) {
        let remedy = "use a share of all requests from 0 to 1, such as 0.01";
        return Err(invalid("trace-ratio", ratio, remedy));
    }
    let Some(endpoint) = &settings.trace_endpoint else { return Ok(None) };
    Ok(Some(TraceConfig { url: url(endpoint)?, ratio }))
}

/// The URL that spans are posted to, from the address of a collector.
fn url(endpoint: &str) -> Result<String, ConfigError> {
    let wrong = |remedy| Err(invalid("trace-endpoint", endpoint, remedy));
    if endpoint.starts_with("https://") {
        return wrong(
            "spans are sent over plain http only: name a collector on this machine or in this network, which may \
             go on over https",
        );
    }
    let remedy = "use the address at which a collector takes OTLP over http, such as \
                  http://127.0.0.1:4318";
    let Ok(uri) = endpoint.parse::<Uri>() else { return wrong(remedy) };
    let Some(authority) = uri.authority() else { return wrong(remedy) };
    let is_plain = uri.query().is_none() && !endpoint.contains('#');
    let has_host = !authority.host().is_empty() && !authority.as_str().contains('@');
    // A port that is no number is no port for the type, and stays in the text.
    let has_port = authority.port().is_some() || authority.as_str() == authority.host();
    if uri.scheme_str() != Some("http") || !is_plain || !has_host || !has_port {
        return wrong(remedy);
    }
    let base = endpoint.trim_end_matches('/');
    Ok(if base.ends_with(TRACES_PATH) { base.to_owned() } else { base.to_owned() + TRACES_PATH })
}
