//! What a person sees when a node starts: where it is, what it remembers, what to type next.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use likewise_journal::recovery::Recovery;
use likewise_state::state::Totals;

use crate::{Config, Server};

/// The banner; printed by its `Display`.
pub struct Banner<'a> {
    /// The name of the node.
    pub name: &'a str,
    /// The address that it serves.
    pub address: SocketAddr,
    /// Whether clients speak TLS.
    pub tls: bool,
    /// The address that other nodes reach, if there may be any.
    pub cluster: Option<SocketAddr>,
    /// The data folder, or `None` for a node in memory.
    pub data: Option<&'a Path>,
    /// What was found there.
    pub recovery: Option<&'a Recovery>,
    /// What is known now.
    pub totals: Totals,
    /// What whoever started the node should know, a sentence each: [`Config::warnings`] has them.
    pub warnings: &'a [String],
    /// How long the start took.
    pub took: Duration,
}

/// The URL of a node on this machine that listens on `address`, also where that is every address.
#[must_use]
pub fn url(address: SocketAddr, tls: bool) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = url(self.address, self.tls);
        writeln!(f, "likewise {} · node {}", env!("CARGO_PKG_VERSION"), self.name)?;
        writeln!(f, "  serving  {url}")?;
        if let Some(address) = self.cluster {
            writeln!(f, "  cluster  {address}")?;
        }
        match (self.data, self.recovery) {
            (Some(folder), Some(recovery)) => {
                write!(f, "  data     {} · ", folder.display())?;
                self.recovered(recovery, f)?;
            }
            (Some(folder), None) => writeln!(f, "  data     {}", folder.display())?,
            (None, _) => writeln!(f, "  data     in memory: likes are gone when the node stops")?,
        }
        for warning in self.warnings {
            writeln!(f, "  WARNING  {warning}")?;
        }
        writeln!(f, "  try      curl -X PUT {url}/v1/posts/hello/likes/you")?;
        writeln!(f, "  ready in {} ms", self.took.as_millis())
    }
}

impl<'a> Banner<'a> {
    /// The banner of a server that is bound with `config`, which took so long.
    #[must_use]
    pub fn of(
        server: &'a Server,
        config: &'a Config,
        warnings: &'a [String],
        took: Duration,
    ) -> Self {
        Self {
            name: server.node().name(),
            address: server.http_address(),
            tls: config.edge.tls.is_some(),
            cluster: server.cluster_address(),
            data: config.data.as_deref(),
            recovery: server.recovery(),
            totals: server.node().state().totals(),
            warnings,
            took,
        }
    }
}

impl Banner<'_> {
    /// The same as an event, for logs that a program reads.
    pub fn log(&self) {
        for warning in self.warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(
            node = self.name,
            url = url(self.address, self.tls),
            cluster = self.cluster.map(|address| address.to_string()),
            data = self.data.map(|folder| folder.display().to_string()),
            likes = self.totals.likes,
            posts = self.totals.posts,
            users = self.totals.users,
            milliseconds = self.took.as_millis() as u64,
            "ready"
        );
    }

    fn recovered(&self, recovery: &Recovery, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if recovery.created {
            return writeln!(f, "new");
        }
        let Totals { posts, likes, users } = self.totals;
        write!(f, "recovered {likes} likes of {posts} posts by {users} users")?;
        match &recovery.snapshot {
            Some(file) => writeln!(f, " from {file} and {} journal records", recovery.records),
            None => writeln!(f, " from {} journal records", recovery.records),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_node_on_every_address_can_be_typed() {
        assert_eq!(url("0.0.0.0:80".parse().unwrap(), false), "http://127.0.0.1:80");
        assert_eq!(url("[::]:80".parse().unwrap(), false), "http://[::1]:80");
        assert_eq!(url("192.0.2.1:80".parse().unwrap(), true), "https://192.0.2.1:80");
    }

    #[test]
    fn warnings_stand_between_what_a_node_is_and_what_to_type_next() {
        let mut banner = Banner {
            name: "n",
            address: "0.0.0.0:80".parse().unwrap(),
            tls: false,
            cluster: None,
            data: None,
            recovery: None,
            totals: Totals::default(),
            warnings: &[],
            took: Duration::ZERO,
        };
        assert!(!banner.to_string().contains("WARNING"));
        let warnings = ["one".to_owned(), "two".to_owned()];
        banner.warnings = &warnings;
        let text = banner.to_string();
        assert!(text.contains("stops\n  WARNING  one\n  WARNING  two\n  try  "), "{text}");
    }
}
