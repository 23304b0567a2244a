//! What the settings mean: [`Settings`] as typed become a [`Config`] that is valid.
//!
//! [`Config::new`] is the only place that judges a value; [`settings`] has what may be typed, [`mod@error`]
//! what is said of a value that means nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use likewise_journal::journal::Durability;
use likewise_journal::limits::NODE_BYTES_MAX;
use likewise_replica::quorum::voters::Voters;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::access::AccessSettings;
use crate::cluster::handshake::Versions;
use crate::config::edge::EdgeConfig;
use crate::config::error::{ConfigError, invalid};
use crate::config::settings::Settings;
use crate::config::tracing::TraceConfig;
use crate::consistency::Consistency;
use crate::http::ServeLimits;

pub mod settings;

pub mod error;

mod access;

pub mod edge;

mod cluster;

mod votes;

pub mod tracing;

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text an event, in colours on a terminal.
    Human,
    /// A JSON object an event.
    Json,
}

/// The valid settings of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The name of the node.
    pub name: String,
    /// Whether nobody chose the name: a data folder that has one keeps it then.
    pub name_is_default: bool,
    /// The address that clients reach.
    pub http: SocketAddr,
    /// The folder that keeps the likes, or `None` to keep nothing.
    pub data: Option<PathBuf>,
    /// What an acknowledgement is worth.
    pub durability: Durability,
    /// The name of the cluster.
    pub cluster_name: String,
    /// How to be one of many, or `None` for a node by itself.
    pub cluster: Option<ClusterConfig>,
    /// Whose majority stands behind requests at other levels than the local one, or `None` to refuse those.
    pub voters: Option<Voters>,
    /// What a request gets that asks for nothing.
    pub consistency: Consistency,
    /// Where it is written who may do what.
    pub access: AccessSettings,
    /// Client connections at once.
    pub connections_max: usize,
    /// What is between clients and the routes.
    pub edge: EdgeConfig,
    /// How logs look.
    pub log_format: LogFormat,
    /// What is logged.
    pub log: String,
    /// Where spans go, or `None` to make none.
    pub traces: Option<TraceConfig>,
}

/// How to meet other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The address to listen on, by UDP and TCP.
    pub bind: SocketAddr,
    /// Where others reach it, as host and port; looked up at the start.
    pub advertise: Option<String>,
    /// Where clients reach HTTP, as host and port.
    pub advertise_http: Option<String>,
    /// Whom to join, as hosts and ports; looked up at each try.
    pub join: Vec<String>,
    /// The file with the cluster's secret.
    pub key_file: Option<PathBuf>,
    /// The versions of the protocol to speak with them: those of this release, whatever was typed. The drill of
    /// a rolling update changes it, to be a node of the next one.
    pub versions: Versions,
}

impl Config {
    /// Overlays what was typed over the file over the defaults, and judges the result.
    ///
    /// # Errors
    /// The first value that means nothing, or what is wrong with the file.
    pub fn load(typed: &Settings, file: Option<&Path>) -> Result<Self, ConfigError> {
        let file = file.map(Settings::from_file).transpose()?.unwrap_or_default();
        Self::new(file.overlaid(typed))
    }

    /// Judges settings; a missing one is at its default.
    ///
    /// # Errors
    /// The first value that means nothing.
    ///
    /// # Panics
    /// Never: the defaults set every field.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let name_is_default = settings.name.is_none();
        let settings = Settings::defaults().overlaid(&settings);
        let set = "the defaults set every field";
        let cluster = cluster::cluster(&settings)?;
        let voters = votes::voters(&settings)?;
        let edge = edge::edge(&settings)?;
        let access = access::access(&settings)?;
        let traces = tracing::traces(&settings)?;
        let in_memory = settings.in_memory.expect(set);
        let data = settings.data.expect(set);
        let connections_max = settings.connections_max.expect(set);
        if connections_max == 0 {
            return Err(invalid("connections-max", 0, "use a number from 1 on"));
        }
        if data.as_os_str().is_empty() && !in_memory {
            return Err(invalid("data", "", "name a folder, or set in-memory"));
        }
        let config = Self {
            cluster,
            consistency: votes::consistency(&settings.consistency.expect(set), voters.as_ref())?,
            voters,
            name: name("name", settings.name.expect(set))?,
            name_is_default,
            http: address("http", &settings.http.expect(set))?,
            data: (!in_memory).then_some(data),
            durability: durability(&settings.durability.expect(set))?,
            cluster_name: name("cluster-name", settings.cluster_name.expect(set))?,
            access,
            connections_max: connections_max as usize,
            edge,
            log_format: log_format(&settings.log_format.expect(set))?,
            log: log(settings.log.expect(set))?,
            traces,
        };
        config.judge_votes(&config.name)?;
        Ok(config)
    }

    /// A node for a test: on a free port, with its likes in `data` or in memory.
    ///
    /// # Panics
    /// Never: these settings are valid.
    #[must_use]
    pub fn for_tests(data: Option<PathBuf>) -> Self {
        let settings = Settings {
            name: Some("test-node".to_owned()),
            http: Some("127.0.0.1:0".to_owned()),
            in_memory: Some(data.is_none()),
            data,
            ..Settings::default()
        };
        Self::new(settings).expect("the settings of tests are valid")
    }

    /// What whoever starts the node should know about these settings, a sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        access::open_door(self.http, &self.access).into_iter().collect()
    }

    /// The bounds of the HTTP server.
    #[must_use]
    pub fn serve_limits(&self) -> ServeLimits {
        ServeLimits { connections_max: self.connections_max, ..ServeLimits::default() }
    }
}

fn name(setting: &'static str, value: String) -> Result<String, ConfigError> {
    let fits = !value.is_empty() && value.len() <= NODE_BYTES_MAX;
    if fits && !value.contains(char::is_control) {
        return Ok(value);
    }
    let remedy = format!("use 1 to {NODE_BYTES_MAX} bytes of text without control characters");
    Err(invalid(setting, value, &remedy))
}

fn address(setting: &'static str, value: &str) -> Result<SocketAddr, ConfigError> {
    let remedy = "use an IP address and a port, such as 127.0.0.1:8080 or [::]:8080";
    // The one name that everybody tries.
    let address = match value.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => value.to_owned(),
    };
    address.parse().map_err(|_| invalid(setting, value, remedy))
}

fn durability(value: &str) -> Result<Durability, ConfigError> {
    match value {
        "always" => Ok(Durability::Always),
        "interval" => Ok(Durability::Interval),
        "never" => Ok(Durability::Never),
        _ => Err(invalid("durability", value, "use always, interval or never")),
    }
}

fn log_format(value: &str) -> Result<LogFormat, ConfigError> {
    match value {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err(invalid("log-format", value, "use human or json")),
    }
}

fn log(value: String) -> Result<String, ConfigError> {
    let remedy =
        "use error, warn, info, debug or trace, or a list such as info,likewise::node=debug";
    // A lone name would be taken for a module to log in full: far more likely it is a misspelt level.
    let is_level = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
    let fits = value.split(',').all(is_level) && value.parse::<Targets>().is_ok();
    if fits { Ok(value) } else { Err(invalid("log", value, remedy)) }
}
