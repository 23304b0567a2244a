//! What was asked for and what it means: [`Settings`] as typed, [`Config`] as valid.
//!
//! A setting is one field of [`Settings`]: flag, variable, key in the file, help and default all come
//! from it. [`Config::new`] is the only place that judges a value.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use likewise_journal::journal::Durability;
use likewise_journal::limits::NODE_BYTES_MAX;
use likewise_replica::quorum::voters::Voters;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::consistency::Consistency;
use crate::http::ServeLimits;

mod votes;

/// The settings of `likewise serve` as somebody wrote them: any may be missing, none is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Name of this node in answers, logs and the data folder; that of the folder, or else the host's, unless given
    #[arg(long, env = "LIKEWISE_NAME", value_name = "NAME")]
    pub name: Option<String>,

    /// Address and port to serve HTTP on; port 0 takes a free one
    #[arg(long, env = "LIKEWISE_HTTP", value_name = "ADDRESS")]
    pub http: Option<String>,

    /// Folder that keeps the likes; made where there is none
    #[arg(long, env = "LIKEWISE_DATA", value_name = "FOLDER")]
    pub data: Option<PathBuf>,

    /// Keep nothing on disk, whatever the data folder is
    #[arg(
        long,
        env = "LIKEWISE_IN_MEMORY",
        value_name = "BOOL",
        value_parser = BoolishValueParser::new(),
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub in_memory: Option<bool>,

    /// What an acknowledged like outlives: power loss (always), power loss after 100 ms (interval), a
    /// crash of the process (never)
    #[arg(long, env = "LIKEWISE_DURABILITY", value_name = "WHEN")]
    pub durability: Option<String>,

    /// Name of the cluster, the same on all its nodes: nodes of another name can't join
    #[arg(long, env = "LIKEWISE_CLUSTER_NAME", value_name = "NAME")]
    pub cluster_name: Option<String>,

    /// Address and port to meet other nodes on, by UDP and TCP; without it the node stays by itself
    #[arg(long, env = "LIKEWISE_CLUSTER", value_name = "ADDRESS")]
    pub cluster: Option<String>,

    /// Where other nodes reach that address, if it is not the one that is listened on
    #[arg(long, env = "LIKEWISE_ADVERTISE", value_name = "HOST:PORT")]
    pub advertise: Option<String>,

    /// Where clients reach the HTTP address, as the list of members shows it
    #[arg(long, env = "LIKEWISE_ADVERTISE_HTTP", value_name = "HOST:PORT")]
    pub advertise_http: Option<String>,

    /// A node to join, or a name of many; may be given more than once. Names are looked up at each try
    #[arg(long, env = "LIKEWISE_JOIN", value_name = "HOST:PORT", value_delimiter = ',')]
    pub join: Option<Vec<String>>,

    /// File with the cluster's secret, the same on all nodes; `likewise keygen` makes one
    #[arg(long, env = "LIKEWISE_CLUSTER_KEY_FILE", value_name = "FILE")]
    pub cluster_key_file: Option<PathBuf>,

    /// Listen beyond this machine without a secret: whoever reaches the port can change everything
    #[arg(
        long,
        env = "LIKEWISE_INSECURE",
        value_name = "BOOL",
        value_parser = BoolishValueParser::new(),
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub insecure: Option<bool>,

    /// Names of the nodes whose majority stands behind quorum and linearizable requests, the same on all
    /// nodes; best three or five. May be given more than once
    #[arg(long, env = "LIKEWISE_VOTERS", value_name = "NAME", value_delimiter = ',')]
    pub voters: Option<Vec<String>>,

    /// What requests get that don't say: local, quorum or linearizable
    #[arg(long, env = "LIKEWISE_CONSISTENCY", value_name = "LEVEL")]
    pub consistency: Option<String>,

    /// Client connections at once; more are answered 503
    #[arg(long, env = "LIKEWISE_CONNECTIONS_MAX", value_name = "COUNT")]
    pub connections_max: Option<u32>,

    /// Logs for people (human) or for programs (json)
    #[arg(long, env = "LIKEWISE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// What to log: a level, or a filter such as `info,likewise::node=debug`
    #[arg(long, env = "LIKEWISE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

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
    /// Client connections at once.
    pub connections_max: usize,
    /// How logs look.
    pub log_format: LogFormat,
    /// What is logged.
    pub log: String,
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
}

/// Why settings make no configuration.
#[derive(Debug)]
pub enum ConfigError {
    /// The file can't be read.
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML, or holds a key or a type that no setting has.
    Parse {
        /// The file.
        file: PathBuf,
        /// The line, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting has a value that means nothing.
    Value {
        /// The setting, as in the file.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What to write instead.
        remedy: String,
    },
}

impl Settings {
    /// What holds where nothing is said.
    #[must_use]
    pub fn defaults() -> Self {
        Self {
            name: Some(host_name()),
            http: Some("127.0.0.1:8080".to_owned()),
            data: Some(PathBuf::from("./likewise-data")),
            in_memory: Some(false),
            durability: Some("always".to_owned()),
            cluster_name: Some("likewise".to_owned()),
            cluster: None,
            advertise: None,
            advertise_http: None,
            join: None,
            cluster_key_file: None,
            insecure: Some(false),
            voters: None,
            consistency: Some(Consistency::Local.as_str().to_owned()),
            connections_max: Some(10_000),
            log_format: Some("human".to_owned()),
            log: Some("info".to_owned()),
        }
    }

    /// Reads a file of settings.
    ///
    /// # Errors
    /// Where it can't be read, is not TOML or holds a key that is no setting.
    pub fn from_file(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Read { file: file.to_owned(), source })?;
        Self::parse(file, &text)
    }

    /// Reads the text of a file of settings; `file` is for errors.
    ///
    /// # Errors
    /// Where it is not TOML or holds a key that is no setting.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Parse {
            file: file.to_owned(),
            line: error.span().map(|span| text[..span.start].matches('\n').count() + 1),
            problem: error.message().replace('\n', ", "),
        })
    }

    /// The settings as a table of those that are set.
    ///
    /// # Panics
    /// Never: all fields are texts, numbers and truth values.
    #[must_use]
    pub fn table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("texts, numbers and truth values fit a table")
    }

    /// These settings, with every one that `above` sets replaced.
    ///
    /// # Panics
    /// Never: both tables came from settings.
    #[must_use]
    pub fn overlaid(&self, above: &Self) -> Self {
        let mut table = self.table();
        table.extend(above.table());
        table.try_into().expect("a union of two tables of settings is one")
    }
}

/// The host's name, which tells the nodes of a cluster apart without anybody choosing.
fn host_name() -> String {
    let name = rustix::system::uname();
    match name.nodename().to_str() {
        Ok(name) if !name.is_empty() => name.to_owned(),
        _ => "likewise".to_owned(),
    }
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
        let cluster = cluster(&settings)?;
        let voters = votes::voters(&settings)?;
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
            connections_max: connections_max as usize,
            log_format: log_format(&settings.log_format.expect(set))?,
            log: log(settings.log.expect(set))?,
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

    /// The bounds of the HTTP server.
    #[must_use]
    pub fn serve_limits(&self) -> ServeLimits {
        ServeLimits { connections_max: self.connections_max, ..ServeLimits::default() }
    }
}

fn invalid(setting: &'static str, value: impl ToString, remedy: &str) -> ConfigError {
    ConfigError::Value { setting, value: value.to_string(), remedy: remedy.to_owned() }
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

/// Judges all that concerns other nodes.
fn cluster(settings: &Settings) -> Result<Option<ClusterConfig>, ConfigError> {
    let join = settings.join.clone().unwrap_or_default();
    let Some(bind) = &settings.cluster else {
        let remedy = "set cluster too, the address to meet other nodes on";
        let key_file = settings.cluster_key_file.as_ref().map(|file| file.display().to_string());
        let useless = [
            ("advertise", settings.advertise.clone()),
            ("advertise-http", settings.advertise_http.clone()),
            ("join", join.first().cloned()),
            ("cluster-key-file", key_file),
        ];
        let first = useless.into_iter().find_map(|(setting, value)| Some((setting, value?)));
        return first.map_or(Ok(None), |(setting, value)| Err(invalid(setting, value, remedy)));
    };
    let bind = address("cluster", bind)?;
    let key_file = settings.cluster_key_file.clone();
    if !bind.ip().is_loopback() && key_file.is_none() && settings.insecure != Some(true) {
        let remedy = "beyond this machine a cluster needs a secret: make one with `likewise keygen FILE`, \
             give it to all nodes and name it as cluster-key-file; or set insecure, if only trusted \
             machines reach the port";
        return Err(invalid("cluster", bind, remedy));
    }
    let advertise = settings.advertise.clone();
    if bind.ip().is_unspecified() && advertise.is_none() {
        let remedy = "that is every address of this machine: set advertise to the one that the other \
             nodes reach";
        return Err(invalid("cluster", bind, remedy));
    }
    for (setting, value) in
        [("advertise", &advertise), ("advertise-http", &settings.advertise_http)]
    {
        value.iter().try_for_each(|value| host_and_port(setting, value))?;
    }
    join.iter().try_for_each(|value| host_and_port("join", value))?;
    let advertised = advertise.as_ref().map_or(Some(bind), |value| value.parse().ok());
    let is_far = |join: &&String| {
        join.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback())
    };
    let far = join.iter().find(is_far);
    if let (Some(near), Some(far)) = (advertised.filter(|near| near.ip().is_loopback()), far) {
        let remedy = format!(
            "{far} can't reach this node at {near}: set advertise to an address that it reaches, or \
             cluster to one of this machine's own"
        );
        return Err(invalid("join", far, &remedy));
    }
    let advertise_http = settings.advertise_http.clone();
    Ok(Some(ClusterConfig { bind, advertise, advertise_http, join, key_file }))
}

fn host_and_port(setting: &'static str, value: &str) -> Result<(), ConfigError> {
    let parts = value.rsplit_once(':');
    let fits = parts.is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let remedy = "use a name or an IP address, and a port, such as likes-0.likes:9293";
    if fits { Ok(()) } else { Err(invalid(setting, value, remedy)) }
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

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, source } => write!(
                f,
                "can't read the settings file {}: {source}; check the path that --config or LIKEWISE_CONFIG gives",
                file.display()
            ),
            Self::Parse { file, line, problem } => {
                write!(f, "settings file {}", file.display())?;
                line.map_or(Ok(()), |line| write!(f, ", line {line}"))?;
                write!(f, ": {problem}")
            }
            Self::Value { setting, value, remedy } => write!(f, "{setting} is {value:?}: {remedy}"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Parse { .. } | Self::Value { .. } => None,
        }
    }
}
