//! What was asked for: the settings of `likewise serve`, as flags, variables and keys of a file.
//!
//! A setting is one field here: flag, variable, key in the file, help and default all come from it. What
//! its value means is judged in [`crate::config`].

use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use serde::{Deserialize, Serialize};

use crate::config::error::ConfigError;
use crate::config::tracing::Ratio;
use crate::consistency::Consistency;

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

    /// File of tokens that clients show, a line each; `likewise token` makes one. Without it and a JWKS file
    /// everybody may do everything
    #[arg(long, env = "LIKEWISE_TOKENS_FILE", value_name = "FILE")]
    pub tokens_file: Option<PathBuf>,

    /// File of the keys (a JWK Set) of an issuer whose JWTs let users read, and write their own likes
    #[arg(long, env = "LIKEWISE_JWKS_FILE", value_name = "FILE")]
    pub jwks_file: Option<PathBuf>,

    /// Who must have issued a JWT: its `iss`, which is not looked at unless given
    #[arg(long, env = "LIKEWISE_JWT_ISSUER", value_name = "TEXT")]
    pub jwt_issuer: Option<String>,

    /// For whom a JWT must be: in its `aud`; a JWT that has one is refused unless this is given
    #[arg(long, env = "LIKEWISE_JWT_AUDIENCE", value_name = "TEXT")]
    pub jwt_audience: Option<String>,

    /// Client connections at once; more are answered 503
    #[arg(long, env = "LIKEWISE_CONNECTIONS_MAX", value_name = "COUNT")]
    pub connections_max: Option<u32>,

    /// File with the certificate to speak TLS with, and those that lead to its authority, as PEM; read again on
    /// SIGHUP and when it changed
    #[arg(long, env = "LIKEWISE_TLS_CERTIFICATE_FILE", value_name = "FILE")]
    pub tls_certificate_file: Option<PathBuf>,

    /// File with the key of that certificate, as PEM
    #[arg(long, env = "LIKEWISE_TLS_KEY_FILE", value_name = "FILE")]
    pub tls_key_file: Option<PathBuf>,

    /// Origins whose pages may use this node in a browser, such as https://shop.example, or * for all; may be given
    /// more than once
    #[arg(long, env = "LIKEWISE_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origins: Option<Vec<String>>,

    /// Requests a second that this node answers to one client address (an IPv6 /64 counts as one); more are answered
    /// 429. A bulk request counts as one
    #[arg(long, env = "LIKEWISE_RATE_LIMIT", value_name = "COUNT")]
    pub rate_limit: Option<u32>,

    /// Requests that a client may send at once; as many as rate-limit unless given
    #[arg(long, env = "LIKEWISE_RATE_LIMIT_BURST", value_name = "COUNT")]
    pub rate_limit_burst: Option<u32>,

    /// Addresses or networks of proxies, such as 10.0.0.0/8, whose word on the client's address (X-Forwarded-For) is
    /// believed, for rate limits and the access log; may be given more than once
    #[arg(long, env = "LIKEWISE_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<String>>,

    /// Log each request, with its path and the client's address: posts and users are in the path
    #[arg(
        long,
        env = "LIKEWISE_ACCESS_LOG",
        value_name = "BOOL",
        value_parser = BoolishValueParser::new(),
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub access_log: Option<bool>,

    /// Close a client's connection once it is so old, after the answer under way, such as 10m: so that clients which
    /// keep connections find nodes that were added
    #[arg(long, env = "LIKEWISE_CONNECTION_AGE_MAX", value_name = "TIME")]
    pub connection_age_max: Option<String>,

    /// How long to say "not ready" and still take new connections once told to stop, for load balancers that look
    /// away late
    #[arg(long, env = "LIKEWISE_DRAIN_DELAY", value_name = "TIME")]
    pub drain_delay: Option<String>,

    /// Logs for people (human) or for programs (json)
    #[arg(long, env = "LIKEWISE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// What to log: a level, or a filter such as `info,likewise::node=debug`
    #[arg(long, env = "LIKEWISE_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// Collector of OpenTelemetry that traces are sent to, by OTLP over HTTP; without it there are none
    #[arg(long, env = "LIKEWISE_TRACE_ENDPOINT", value_name = "URL")]
    pub trace_endpoint: Option<String>,

    /// How many requests begin a trace, from 0 to 1; one that brings a trace goes on with it in any case
    #[arg(long, env = "LIKEWISE_TRACE_RATIO", value_name = "RATIO")]
    pub trace_ratio: Option<Ratio>,
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
            tokens_file: None,
            jwks_file: None,
            jwt_issuer: None,
            jwt_audience: None,
            connections_max: Some(10_000),
            tls_certificate_file: None,
            tls_key_file: None,
            cors_origins: None,
            rate_limit: None,
            rate_limit_burst: None,
            trusted_proxies: None,
            access_log: Some(false),
            connection_age_max: None,
            drain_delay: Some("0s".to_owned()),
            log_format: Some("human".to_owned()),
            log: Some("info".to_owned()),
            trace_endpoint: None,
            trace_ratio: Some(Ratio::ALL),
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
