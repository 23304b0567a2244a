//! Where others reach this node: what the settings say, judged by what it comes to.

use std::net::SocketAddr;

use crate::cluster::seeds::plain;
use crate::config::ClusterConfig;
use crate::server::error::StartError;

/// Where other nodes reach this one. What a name means shows only when it is looked up, so what comes of
/// it is judged here and not with the settings.
pub(super) async fn advertised(
    settings: &ClusterConfig,
    bound: SocketAddr,
) -> Result<SocketAddr, StartError> {
    let value = settings.advertise.clone().unwrap_or_else(|| bound.to_string());
    let failed = |source| StartError::Advertise { value: value.clone(), source };
    let address = match &settings.advertise {
        Some(value) => tokio::net::lookup_host(value).await.map_err(failed)?.next(),
        None => Some(bound),
    };
    let address = plain(address.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?);
    if address.ip().is_unspecified() {
        return Err(StartError::AdvertiseAny { value, address });
    }
    // Of a seed that is a name only a look-up at the moment of joining says where it is.
    let mut seeds = settings.join.iter().filter_map(|seed| seed.parse().ok().map(plain));
    match seeds.find(|seed| !seed.ip().is_loopback()) {
        Some(far) if address.ip().is_loopback() => {
            Err(StartError::AdvertiseNear { value, address, far })
        }
        _ => Ok(address),
    }
}

/// Where clients reach this node, as the others are told.
pub(super) fn advertised_http(
    settings: &ClusterConfig,
    advertise: SocketAddr,
    http: SocketAddr,
) -> String {
    let ip = if http.ip().is_unspecified() { advertise.ip() } else { http.ip() };
    let default = || SocketAddr::new(ip, http.port()).to_string();
    settings.advertise_http.clone().unwrap_or_else(default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::handshake::Versions;

    async fn judged(advertise: Option<&str>, bound: &str, join: &str) -> Result<String, String> {
        let bound = bound.parse().unwrap();
        let settings = ClusterConfig {
            bind: bound,
            advertise: advertise.map(str::to_owned),
            advertise_http: None,
            join: vec!["seed.invalid:1".to_owned(), join.to_owned()],
            key_file: None,
            versions: Versions::SPOKEN,
        };
        let address = advertised(&settings, bound).await;
        address.map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn an_advertised_address_is_one_that_the_others_can_reach() {
        let (near, far) = ("127.0.0.1:9", "10.0.0.2:9");
        for (advertise, bound, join, expected) in [
            (None, near, near, near),
            (None, "[::ffff:127.0.0.1]:9", near, near),
            (Some("10.0.0.1:9"), "0.0.0.0:9", far, "10.0.0.1:9"),
            (Some("[::ffff:10.0.0.1]:9"), "0.0.0.0:9", far, "10.0.0.1:9"),
            (Some(near), near, "[::ffff:127.0.0.2]:9", near),
        ] {
            assert_eq!(judged(advertise, bound, join).await.as_deref(), Ok(expected));
        }
        for anywhere in ["0.0.0.0:9", "[::]:9", "[::ffff:0.0.0.0]:9"] {
            let problem = judged(Some(anywhere), near, near).await.unwrap_err();
            let expected = format!("advertise is {anywhere:?}, which comes to ");
            assert!(problem.starts_with(&expected), "{problem}");
            assert!(problem.contains("every address") && problem.contains("set advertise to"));
        }
        // A name is judged by what it means.
        for here in ["localhost:9", "127.0.0.1:9", "[::ffff:127.0.0.1]:9"] {
            let problem = judged(Some(here), near, far).await.unwrap_err();
            assert!(problem.contains(here) && problem.contains(far), "{problem}");
            assert!(problem.contains("set advertise to an address that it reaches"), "{problem}");
        }
    }
}
