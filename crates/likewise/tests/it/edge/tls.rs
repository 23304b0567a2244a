//! A node that speaks TLS, from the command line and from a socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use likewise::config::settings::Settings;

use super::certificates::{Files, Pair, Secure};
use super::served;
use crate::api::client::PATIENCE;
use crate::process::Process;

/// A node with a certificate of its own for this name.
fn node(folder: &Path, name: &str) -> (Process, Pair, Files) {
    let (pair, files) = (Pair::of(name), Files::in_folder(folder));
    pair.write(folder);
    let flags = files.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    (Process::start(&folder.join("data"), &flags), pair, files)
}

fn run(url: &str, ca_file: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_likewise"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIKEWISE_")) {
        command.env_remove(name);
    }
    command.args(arguments).env("LIKEWISE_URL", url);
    command.envs(ca_file.map(|file| ("LIKEWISE_CA_FILE", file)));
    command.output().unwrap()
}

#[track_caller]
fn output(url: &str, ca_file: &Path, arguments: &[&str]) -> String {
    let ended = run(url, Some(ca_file), arguments);
    assert!(ended.status.success(), "{arguments:?}: {ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn every_command_of_a_client_works_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _, files) = node(folder.path(), "localhost");
    assert!(node.url.starts_with("https://127.0.0.1:"), "{}", node.url);
    let url = node.url.replace("127.0.0.1", "localhost");
    let ca = &files.certificate;
    assert_eq!(output(&url, ca, &["like", "p", "u"]), "u likes p: 1 likes, version 1\n");
    assert!(output(&url, ca, &["count", "p"]).contains('1'));
    assert_eq!(output(&url, ca, &["users", "p"]), "u\n");
    assert!(output(&url, ca, &["members"]).contains("tested"));
    let export = folder.path().join("export");
    let export = export.to_str().unwrap();
    output(&url, ca, &["export", export]);
    assert!(std::fs::read_to_string(export).unwrap().contains("\"p\""));
    assert!(output(&url, ca, &["import", export]).contains("1 "));
    assert!(output(&url, ca, &["health"]).contains("true"));
    let table = output(&url, ca, &["bench", "--connections", "2", "--seconds", "1"]);
    assert!(table.contains("| single likes |") && table.contains("| bulk likes"), "{table}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _, files) = node(folder.path(), "localhost");
    let url = node.url.replace("127.0.0.1", "localhost");
    let other = folder.path().join("other");
    Pair::of("localhost").write(&other);
    let other = Files::in_folder(&other).certificate;
    for (url, ca_file) in [
        (&url, None),
        (&url, Some(&*other)),
        // The name is wrong.
        (&node.url, Some(&*files.certificate)),
        (&url.replace("https", "http"), None),
    ] {
        let refused = run(url, ca_file, &["like", "p", "u"]);
        let message = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(3), "{url} {ca_file:?}: {message}");
        assert_eq!(message.contains("--ca-file"), url.starts_with("https"), "{message}");
    }
    let missing = run(&url, Some(Path::new("/not/there")), &["like", "p", "u"]);
    assert!(String::from_utf8(missing.stderr).unwrap().contains("/not/there"));
}

#[test]
fn the_health_check_of_a_container_needs_no_authority() {
    let folder = tempfile::tempdir().unwrap();
    // Made out to the name that clients use, as ever.
    let (node, _, files) = node(folder.path(), "likes.example");
    let healthy = run(&node.url, None, &["health"]);
    assert!(healthy.status.success(), "{healthy:?}");
    // Whoever names an authority wants it to be asked.
    let asked = run(&node.url, Some(&files.certificate), &["health"]);
    assert_eq!(asked.status.code(), Some(3), "{asked:?}");
    assert_eq!(run(&node.url, None, &["count", "p"]).status.code(), Some(3));
}

#[test]
fn a_connection_that_does_not_greet_holds_up_nobody_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (node, pair, _) = node(folder.path(), "localhost");
    let address = node.url.trim_start_matches("https://");
    let silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut client = Secure::connect(&node.url, &pair).unwrap();
    assert!(client.get("/livez").unwrap().starts_with("HTTP/1.1 200"));
    let mut plain = TcpStream::connect(address).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // How it ends is the system's matter.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let figures = client.get("/metrics").unwrap();
    assert!(figures.contains("likewise_tls_handshakes_failed_total 1\n"), "{figures}");
    drop(silent);
}

#[test]
fn a_connection_beyond_the_bound_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, files) = (Pair::of("localhost"), Files::in_folder(folder.path()));
    pair.write(folder.path());
    let served = served(Settings {
        tls_certificate_file: Some(files.certificate),
        tls_key_file: Some(files.key),
        connections_max: Some(1),
        ..Settings::default()
    });
    let url = format!("https://{}", served.address);
    let mut first = Secure::connect(&url, &pair).unwrap();
    assert!(first.get("/livez").unwrap().starts_with("HTTP/1.1 200"));
    assert!(Secure::connect(&url, &pair).is_err());
    assert!(first.get("/livez").unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_node_does_not_start_without_a_certificate_that_serves() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    Pair::of("localhost").write(folder.path());
    std::fs::write(&files.key, Pair::of("localhost").key).unwrap();
    let mut arguments = vec!["serve".to_owned(), "--in-memory".to_owned()];
    arguments.extend(["--http".to_owned(), "127.0.0.1:0".to_owned()]);
    arguments.extend(files.flags());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let refused = run("", None, &arguments);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("can't serve with certificate"), "{message}");
}
