//! Where a request comes from: the other end of the connection, or what proxies say of it that are trusted.
//!
//! Source: the header X-Forwarded-For, as proxies have written it for decades: each adds, at the right, the
//! address that its own connection came from. So the right-most entry that no trusted proxy has is the client's,
//! as far as anybody knows; everything to the left of it is what the client says of itself, and not believed.
//!
//! Only where a setting asks for it does a request carry a [`ClientAddress`].

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from; an extension of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Whose word on a client's address is believed.
#[derive(Debug, Default)]
pub(crate) struct TrustedProxies(pub(crate) Vec<IpNet>);

impl TrustedProxies {
    /// Where a request with these headers comes from, which came over a connection from `peer`.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = peer.to_canonical();
        let lists = headers.get_all(&X_FORWARDED_FOR).iter().rev();
        let entries = lists.flat_map(|list| list.as_bytes().rsplit(|&byte| byte == b','));
        for entry in entries {
            if !self.trusts(client) {
                break;
            }
            // What a proxy writes that is no address, such as "unknown", ends what can be known.
            let Some(address) = address(entry) else { break };
            client = address;
        }
        ClientAddress(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The address of one entry, which some proxies write with a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = bracketed
        .unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::edge::network;

    fn client(trusted: &[&str], peer: &str, lists: &[&str]) -> String {
        let proxies = TrustedProxies(trusted.iter().map(|it| network(it).unwrap()).collect());
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(&X_FORWARDED_FOR, list.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).0.to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = ["10.0.0.0/8", "fd00::1"];
        for (peer, lists, expected) in [
            // Nobody is trusted, whatever they say.
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            // What the client itself has written stands to the left.
            ("10.0.0.1", &["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
            // Proxies behind proxies.
            ("10.0.0.1", &["6.6.6.6,198.51.100.7, 10.9.9.9"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7", "10.9.9.9,fd00::1"], "198.51.100.7"),
            // A request that a proxy made itself.
            ("10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            // Ports, brackets and IPv4 in the clothes of IPv6.
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            // What is no address ends what is known.
            ("10.0.0.1", &["198.51.100.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7, unknown, 10.3.3.3"], "10.3.3.3"),
            ("10.0.0.1", &["198.51.100.7,"], "10.0.0.1"),
        ] {
            assert_eq!(client(&trusted, peer, lists), expected, "{peer} {lists:?}");
        }
        assert_eq!(client(&[], "10.0.0.1", &["198.51.100.7"]), "10.0.0.1");
        assert_eq!(client(&["10.0.0.1/30"], "10.0.0.3", &["198.51.100.7"]), "198.51.100.7");
    }
}
