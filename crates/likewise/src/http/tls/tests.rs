//! Files that make no certificate, and what is said of each.

use super::*;

/// A certificate and its key, as PEM.
fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn loaded(certificate: &[u8], key: &[u8]) -> Result<ServerConfig, String> {
    let folder = tempfile::tempdir().unwrap();
    let files =
        TlsFiles { certificate: folder.path().join("CERTIFICATE"), key: folder.path().join("KEY") };
    std::fs::write(&files.certificate, certificate).unwrap();
    std::fs::write(&files.key, key).unwrap();
    let shown = folder.path().display().to_string();
    load(&files).map_err(|error| error.to_string().replace(&shown, ""))
}

#[test]
fn a_certificate_and_its_key_serve_http_1_1() {
    let (certificate, key) = pair();
    let config = loaded(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    // As some authorities send them: text around, and the whole chain in one file.
    let chain = format!("a comment\n{certificate}\n{certificate}");
    assert!(loaded(chain.as_bytes(), key.as_bytes()).is_ok());
}

#[test]
fn what_is_wrong_is_said_with_file_and_remedy() {
    let (certificate, key) = pair();
    let (_, other) = pair();
    let broken = certificate.replace("-----END", "-----").into_bytes();
    let (certificate, key, other) = (certificate.as_bytes(), key.as_bytes(), other.as_bytes());
    for (certificate, key, expected) in [
        (&b""[..], key, "/CERTIFICATE holds nothing that begins with -----BEGIN CERTIFICATE-----"),
        (key, key, "/CERTIFICATE holds nothing that begins with -----BEGIN CERTIFICATE-----"),
        (certificate, certificate, "/KEY holds nothing that begins with -----BEGIN PRIVATE KEY"),
        (&broken, key, "/CERTIFICATE is no PEM"),
        (certificate, other, "can't serve with certificate /CERTIFICATE and key /KEY"),
    ] {
        let problem = loaded(certificate, key).unwrap_err();
        assert!(problem.starts_with(expected), "{problem}");
        assert!(problem.contains("check that") || problem.contains("check the path"), "{problem}");
    }
    let missing = TlsFiles { certificate: "/not/there".into(), key: "/nor/there".into() };
    let problem = load(&missing).unwrap_err().to_string();
    assert!(problem.starts_with("can't read /not/there: "), "{problem}");
    assert!(problem.contains("tls-certificate-file"), "{problem}");
}

#[tokio::test]
async fn a_client_that_does_not_greet_in_time_is_given_up() {
    let (certificate, key) = pair();
    let config = Arc::new(loaded(certificate.as_bytes(), key.as_bytes()).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let given_up = handshake(stream, config, Duration::from_millis(20)).await;
    assert_eq!(given_up.err().unwrap().kind(), io::ErrorKind::TimedOut);
}
