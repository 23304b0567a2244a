//! Whose certificates a client believes, where the URL is `https://`.
//!
//! Nobody but the authorities of the file, where there is one. Else those that browsers trust: they are compiled in
//! (`webpki-roots`), so that the program needs no certificates of the system and runs in an empty container.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::args::NodeArgs;
use crate::client::ClientError;
use crate::http::tls::certificates_of;
use crate::reload;

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those that lead to an authority of the web.
    Web,
    /// Those that lead to a certificate in this file.
    File(PathBuf),
    /// All. For a question to this very machine, with nothing secret in it and an answer that nothing hangs on.
    Everybody,
}

impl Trust {
    /// As the command line says.
    pub(crate) fn of(node: &NodeArgs) -> Self {
        node.ca_file.clone().map_or(Self::Web, Self::File)
    }

    /// What the connections of a client follow.
    ///
    /// # Errors
    /// Where the file can't be read or holds no certificate.
    pub(crate) fn tls_config(&self) -> Result<TlsConfig, ClientError> {
        let builder = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
        Ok(match self {
            Self::Web => builder.root_certs(RootCerts::WebPki),
            Self::File(file) => builder.root_certs(RootCerts::Specific(Arc::new(roots(file)?))),
            Self::Everybody => builder.disable_verification(true),
        }
        .build())
    }
}

impl Trust {
    /// The same for connections that the client does not make itself: those of a load.
    ///
    /// # Errors
    /// Where the file can't be read or holds no certificate.
    ///
    /// # Panics
    /// Where everybody is to be believed, which no load asks for.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, ClientError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::Web => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Self::File(file) => {
                let certificates = roots(file)?;
                let certificates = certificates.iter().map(|it| CertificateDer::from(it.der()));
                store.add_parsable_certificates(certificates.map(CertificateDer::into_owned));
            }
            Self::Everybody => unreachable!("a load is sent to whom it is meant for"),
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.expect("ring has all that they take");
        Ok(builder.with_root_certificates(store).with_no_client_auth())
    }
}

fn roots(file: &Path) -> Result<Vec<Certificate<'static>>, ClientError> {
    let failed =
        || ClientError::file(format!("read the certificates of --ca-file {}", file.display()));
    let bytes = reload::bytes(file).map_err(failed())?;
    let found: Result<Vec<_>, _> = certificates_of(&bytes).collect();
    let found = found.map_err(|error| failed()(std::io::Error::other(error)))?;
    if found.is_empty() {
        let problem = "it holds none; it should begin with -----BEGIN CERTIFICATE-----";
        return Err(failed()(std::io::Error::other(problem)));
    }
    Ok(found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
}

/// Whether a URL is of this very machine.
pub(crate) fn is_near(url: &str) -> bool {
    let host = host(url);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host of a URL, without port and brackets.
pub(crate) fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, authority)| authority);
    let authority = authority.trim_end_matches('/');
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_near() {
        for near in [
            "https://127.0.0.1:8080",
            "https://127.9.9.9",
            "https://[::1]:1/",
            "https://localhost:8",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in [
            "https://10.0.0.1:8080",
            "https://localhost.example",
            "https://127.0.0.1.nip.io:1",
            "https://[::2]",
        ] {
            assert!(!is_near(far), "{far}");
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let problem = Trust::File(file.path().to_owned()).tls_config().err().unwrap().to_string();
        assert!(
            problem.contains("--ca-file") && problem.contains("BEGIN CERTIFICATE"),
            "{problem}"
        );
        assert!(Trust::File("/not/there".into()).tls_config().is_err());
    }
}
