//! What stands between clients and the routes: who sends a request, and the certificates to speak TLS with.

use std::net::{IpAddr, Ipv4Addr};

use likewise::fuzz;

use crate::{Bound, Target, assert_says_something};

/// [`client_address`]
pub const CLIENT_ADDRESS: Target = Target {
    name: "client_address",
    run: client_address,
    seeds: client_address_seeds,
    // The words of the first line in a list that doubles, and the headers once more in their map.
    bound: Bound { constant: 64 << 10, factor: 64 },
    slowness: 1,
};

/// [`certificates`]
pub const CERTIFICATES: Target = Target {
    name: "certificates",
    run: certificates,
    seeds: certificates_seeds,
    // A line, its bytes, and a list of certificates that doubles.
    bound: Bound { constant: 8 << 10, factor: 16 },
    slowness: 1,
};

/// The first line names networks, each other is a list of a proxy: a client is believed only as far as it is vouched
/// for.
pub fn client_address(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let networks: Vec<&str> = first.split(' ').collect();
    // The server takes no more headers.
    let lists: Vec<&[u8]> = lines.take(100).collect();
    let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let client = fuzz::client_address(peer, &networks, &lists);
    assert_eq!(client, client.to_canonical());
    let trusts =
        |address| networks.iter().any(|text| fuzz::network_holds(text, address) == Some(true));
    if !trusts(peer) {
        assert_eq!(client, peer, "nobody vouches for another");
    }
    // Whatever a client writes to the left of all that proxies have written changes nothing.
    let mut lied = lists.clone();
    lied.insert(0, b"6.6.6.6");
    let again = fuzz::client_address(peer, &networks, &lied);
    assert!(again == client || trusts(client), "{again} instead of {client}");
}

fn client_address_seeds() -> Vec<Vec<u8>> {
    [
        "10.0.0.0/8\n198.51.100.7",
        "10.0.0.0/8 fd00::/8\n6.6.6.6, 198.51.100.7:80\n[fd00::1]:80, ::ffff:10.0.0.2",
        "0.0.0.0/0 ::/0\nunknown, 1.2.3.4\n, ,",
        "\n1.2.3.4",
        "10.0.0.1\n\u{e9}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// A file of certificates: there are no more than it has beginnings of one.
pub fn certificates(data: &[u8]) {
    match fuzz::certificates(data) {
        Ok(found) => {
            let begins = data.windows(11).filter(|part| part == b"-----BEGIN ").count();
            assert!(found <= begins, "{found} certificates of {begins} beginnings");
        }
        Err(error) => assert_says_something(&error),
    }
}

fn certificates_seeds() -> Vec<Vec<u8>> {
    let one = "-----BEGIN CERTIFICATE-----\nMAoCAQECAQICAQM=\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\r\nMAoCAQECAQICAQM=\r\n-----END PRIVATE KEY-----\r\n";
    [one.to_owned(), format!("a comment\n{one}{key}{one}"), key.to_owned(), String::new()]
        .map(String::into_bytes)
        .to_vec()
}
