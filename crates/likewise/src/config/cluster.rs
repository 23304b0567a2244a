//! Judges all that concerns other nodes.

use std::net::SocketAddr;

use crate::cluster::handshake::Versions;
use crate::config::error::{ConfigError, invalid};
use crate::config::settings::Settings;
use crate::config::{ClusterConfig, address};

/// How to meet other nodes, where there may be any.
pub(super) fn cluster(settings: &Settings) -> Result<Option<ClusterConfig>, ConfigError> {
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
    let versions = Versions::SPOKEN;
    Ok(Some(ClusterConfig { bind, advertise, advertise_http, join, key_file, versions }))
}

fn host_and_port(setting: &'static str, value: &str) -> Result<(), ConfigError> {
    let parts = value.rsplit_once(':');
    let fits = parts.is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let remedy = "use a name or an IP address, and a port, such as likes-0.likes:9293";
    if fits { Ok(()) } else { Err(invalid(setting, value, remedy)) }
}
