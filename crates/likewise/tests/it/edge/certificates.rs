//! Certificates that a test makes, a node's files of them, and a client that believes only one of them.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::api::client::PATIENCE;

/// A certificate that has signed itself, and its key, both as PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Pair {
    /// A new one for this name.
    pub(super) fn of(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// Writes it into a folder, over what is there.
    pub(super) fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let Files { certificate, key } = Files::in_folder(folder);
        std::fs::write(certificate, &self.certificate).unwrap();
        std::fs::write(key, &self.key).unwrap();
    }
}

/// Where a node finds its certificate.
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
    }

    /// The flags that name them.
    pub(super) fn flags(&self) -> [String; 4] {
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        [
            "--tls-certificate-file".to_owned(),
            shown(&self.certificate),
            "--tls-key-file".to_owned(),
            shown(&self.key),
        ]
    }
}

/// A connection under TLS.
pub(super) struct Secure(StreamOwned<ClientConnection, TcpStream>);

impl Secure {
    /// Connects to a node with this URL that shows a certificate of `localhost` which is `trusted`.
    pub(super) fn connect(url: &str, trusted: &Pair) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(trusted.certificate.as_bytes()).unwrap();
        roots.add(certificate).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(url.trim_start_matches("https://"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut secure = Self(StreamOwned::new(connection, stream));
        while secure.0.conn.is_handshaking() {
            let StreamOwned { conn, sock } = &mut secure.0;
            conn.complete_io(sock)?;
        }
        Ok(secure)
    }

    /// The whole answer to a GET, whose length is in its head.
    pub(super) fn get(&mut self, path: &str) -> io::Result<String> {
        self.0.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes())?;
        let mut text = String::new();
        let mut some = [0; 4_096];
        while !is_whole(&text) {
            match self.0.read(&mut some)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                bytes => text += std::str::from_utf8(&some[..bytes]).expect("it is ASCII"),
            }
        }
        Ok(text)
    }
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() == length.expect("the answers of tests have one").parse::<usize>().unwrap()
}
