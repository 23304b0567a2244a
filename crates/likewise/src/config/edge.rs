//! Judges all that concerns the way from a client to the routes: TLS, other origins, limits, proxies, logs.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use ipnet::IpNet;

use crate::config::error::{ConfigError, invalid};
use crate::config::settings::Settings;

/// The highest rate and burst. More is an error: no node answers so many, so it would be no limit.
const RATE_MAX: u32 = 1_000_000;

/// The longest delay before a stop. More is an error: whoever stops a node waits for it, and a supervisor that
/// does not wait kills it.
const DRAIN_DELAY_MAX: Duration = Duration::from_secs(600);

/// The least age of a connection. Less is an error: each request would need a new one.
const CONNECTION_AGE_MIN: Duration = Duration::from_millis(100);

/// The greatest age of a connection. More is an error: no node runs so long, so it would be no bound.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The valid settings of all that is between clients and the routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeConfig {
    /// What TLS needs, or `None` to speak without.
    pub tls: Option<TlsFiles>,
    /// Which other origins a browser lets in, or `None` to say nothing about it.
    pub cors: Option<CorsOrigins>,
    /// How many requests a client may send, or `None` for any number.
    pub rate: Option<Rate>,
    /// Whose word on a client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether each request is logged.
    pub access_log: bool,
    /// How old a connection may become, or `None` for any age.
    pub connection_age_max: Option<Duration>,
    /// How long the node goes on serving new connections after it was told to stop.
    pub drain_delay: Duration,
}

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those that lead to an authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Origins whose pages may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// All.
    Any,
    /// Those that are listed, as browsers send them.
    Listed(Vec<HeaderValue>),
}

/// How many requests a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, on average.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// All of it.
pub(super) fn edge(settings: &Settings) -> Result<EdgeConfig, ConfigError> {
    let set = "the defaults set it";
    Ok(EdgeConfig {
        tls: tls(settings)?,
        cors: settings.cors_origins.as_deref().map(cors).transpose()?,
        rate: rate(settings)?,
        trusted_proxies: networks(settings.trusted_proxies.as_deref().unwrap_or_default())?,
        access_log: settings.access_log.expect(set),
        connection_age_max: settings.connection_age_max.as_deref().map(age).transpose()?,
        drain_delay: drain_delay(settings.drain_delay.as_deref().expect(set))?,
    })
}

fn tls(settings: &Settings) -> Result<Option<TlsFiles>, ConfigError> {
    match (settings.tls_certificate_file.clone(), settings.tls_key_file.clone()) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (Some(certificate), None) => {
            let remedy = "set tls-key-file too, the file with the key of that certificate";
            Err(invalid("tls-certificate-file", certificate.display(), remedy))
        }
        (None, Some(key)) => {
            let remedy = "set tls-certificate-file too, the file with the certificate of that key";
            Err(invalid("tls-key-file", key.display(), remedy))
        }
    }
}

fn cors(origins: &[String]) -> Result<CorsOrigins, ConfigError> {
    if origins == ["*"] {
        return Ok(CorsOrigins::Any);
    }
    let wrong = |value: &str, remedy| Err(invalid("cors-origins", value, remedy));
    if origins.is_empty() {
        return wrong("", "name the origins, or leave the setting out");
    }
    if origins.iter().any(|origin| origin == "*") {
        return wrong(&origins.join(","), "* is every origin: name it alone, or leave it out");
    }
    origins.iter().map(|value| origin(value)).collect::<Result<_, _>>().map(CorsOrigins::Listed)
}

/// One origin, as a browser sends it: what is written in another way would never fit.
fn origin(value: &str) -> Result<HeaderValue, ConfigError> {
    let wrong = |remedy| invalid("cors-origins", value, remedy);
    let usual = "use a scheme, a host and where needed a port, without a path or a slash at the end, such \
                 as https://shop.example or http://localhost:3000";
    let (scheme, authority) = value.split_once("://").ok_or_else(|| wrong(usual))?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '+' | '-' | '.'));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bracketed {
        Some(ip) => ip.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.' | '_'))
        }
    };
    if authority.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(wrong("write it in small letters, as browsers do"));
    }
    let is_port = port.is_none_or(|port| {
        port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
    });
    if !is_scheme || !is_host || !is_port {
        return Err(wrong(usual));
    }
    if matches!((scheme, port), ("http", Some("80")) | ("https", Some("443"))) {
        return Err(wrong("leave out the port: browsers do where it is the usual one"));
    }
    Ok(HeaderValue::from_str(value).expect("it is made of printable ASCII"))
}

fn rate(settings: &Settings) -> Result<Option<Rate>, ConfigError> {
    let remedy = format!("use a number from 1 to {RATE_MAX}");
    let fits = |setting, value| match value {
        1..=RATE_MAX => Ok(value),
        _ => Err(invalid(setting, value, &remedy)),
    };
    match (settings.rate_limit, settings.rate_limit_burst) {
        (None, None) => Ok(None),
        (None, Some(burst)) => {
            let remedy = "set rate-limit too, the requests a second that a client may send";
            Err(invalid("rate-limit-burst", burst, remedy))
        }
        (Some(limit), burst) => Ok(Some(Rate {
            per_second: fits("rate-limit", limit)?,
            burst: fits("rate-limit-burst", burst.unwrap_or(limit))?,
        })),
    }
}

fn networks(values: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let remedy = "use an IP address or a network, such as 10.0.0.7, 10.0.0.0/8 or fd00::/8";
    let network = |value: &String| {
        let parsed = network(value.trim());
        parsed.ok_or_else(|| invalid("trusted-proxies", value, remedy))
    };
    values.iter().map(network).collect()
}

/// The network of an address or of a prefix.
pub(crate) fn network(value: &str) -> Option<IpNet> {
    match value.parse::<IpAddr>() {
        // What reaches an IPv6 socket by IPv4 looks like this, and is compared as what it is.
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => {
            let network = value.parse::<IpNet>().ok()?.trunc();
            // No address would ever be in one of the former kind.
            let is_mapped = network.addr().to_canonical() != network.addr();
            (!is_mapped).then_some(network)
        }
    }
}

fn time(setting: &'static str, value: &str) -> Result<Duration, ConfigError> {
    let remedy = "use a number and a unit, such as 500ms, 5s or 10m";
    humantime::parse_duration(value).map_err(|_| invalid(setting, value, remedy))
}

fn age(value: &str) -> Result<Duration, ConfigError> {
    let age = time("connection-age-max", value)?;
    if (CONNECTION_AGE_MIN..=CONNECTION_AGE_MAX).contains(&age) {
        return Ok(age);
    }
    let remedy = "use a time from 100ms to 365days, best minutes, such as 10m";
    Err(invalid("connection-age-max", value, remedy))
}

fn drain_delay(value: &str) -> Result<Duration, ConfigError> {
    let delay = time("drain-delay", value)?;
    if delay <= DRAIN_DELAY_MAX {
        return Ok(delay);
    }
    let remedy = "use at most 10m: load balancers look away within seconds, and a supervisor kills a node \
                  that takes long to stop";
    Err(invalid("drain-delay", value, remedy))
}
