//! TLS: a certificate and its key from files, and the handshake of one connection.
//!
//! rustls with `ring`, named as the provider each time: what else is linked into the program decides nothing.
//! A certificate that was read again is for new connections; those that are open keep theirs and go on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::edge::TlsFiles;
use crate::reload;

/// The only protocol that is spoken inside; clients that offer others alone are refused.
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why files make no certificate to serve with. It never shows what the files hold.
#[derive(Debug)]
pub enum TlsError {
    /// A file can't be read.
    Read {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds nothing of what it should.
    Nothing {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What it should begin with.
        expected: &'static str,
    },
    /// A file is no PEM.
    Pem {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificate and key don't go together, or are of a kind that can't be used.
    Pair {
        /// The files.
        files: TlsFiles,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// Reads certificate and key, and makes of them what serves connections.
///
/// # Errors
/// What is wrong with one of the files, or with both of them together.
pub(crate) fn load(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let certificates = certificates(&files.certificate)?;
    let key = key(&files.key)?;
    let pair = |source| TlsError::Pair { files: files.clone(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(pair)?;
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(config)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let setting = "tls-certificate-file";
    let bytes = read(setting, file)?;
    let found: Result<Vec<_>, _> = certificates_of(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => {
            let expected = "-----BEGIN CERTIFICATE-----";
            Err(TlsError::Nothing { setting, file: file.to_owned(), expected })
        }
        Err(source) => Err(TlsError::Pem { setting, file: file.to_owned(), source }),
    }
}

/// The certificates of a text, in its order.
pub(crate) fn certificates_of(
    bytes: &[u8],
) -> impl Iterator<Item = Result<CertificateDer<'static>, pem::Error>> {
    CertificateDer::pem_slice_iter(bytes)
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let setting = "tls-key-file";
    let bytes = read(setting, file)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let expected = "-----BEGIN PRIVATE KEY-----";
            TlsError::Nothing { setting, file: file.to_owned(), expected }
        }
        source => TlsError::Pem { setting, file: file.to_owned(), source },
    })
}

fn read(setting: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    reload::bytes(file).map_err(|source| TlsError::Read { setting, file: file.to_owned(), source })
}

/// Greets a client, with the certificate that holds now.
///
/// # Errors
/// Where the client takes longer than `time`, speaks something else, or does not like the certificate.
pub(crate) async fn handshake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    time: Duration,
) -> io::Result<TlsStream<TcpStream>> {
    let greeted = timeout(time, TlsAcceptor::from(config).accept(stream)).await;
    greeted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { setting, file, source } => write!(
                f,
                "can't read {}: {source}; check the path that {setting} gives, and that the node's user may read it",
                file.display()
            ),
            Self::Nothing { setting, file, expected } => write!(
                f,
                "{} holds nothing that begins with {expected}: check the path that {setting} gives, and that the file is PEM",
                file.display()
            ),
            Self::Pem { setting, file, source } => write!(
                f,
                "{} is no PEM: {source}; check the path that {setting} gives, and copy the file again",
                file.display()
            ),
            Self::Pair { files, source } => write!(
                f,
                "can't serve with certificate {} and key {}: {source}; check that the first certificate of the file is the node's own, and that the key is its key",
                files.certificate.display(),
                files.key.display()
            ),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Nothing { .. } => None,
            Self::Pem { source, .. } => Some(source),
            Self::Pair { source, .. } => Some(source),
        }
    }
}

#[cfg(test)]
mod tests;
