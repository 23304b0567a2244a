//! A certificate that changes while the node runs.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use super::certificates::{Files, Pair, Secure};
use crate::process::{PATIENCE, Process};

fn node(data: &Path, files: &Files) -> Process {
    let flags = files.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Process::start(data, &flags)
}

/// Waits until new connections are shown this certificate.
fn shows(node: &Process, pair: &Pair) {
    let deadline = Instant::now() + PATIENCE;
    while Secure::connect(&node.url, pair).is_err() {
        assert!(Instant::now() < deadline, "the new certificate never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_served(connection: &mut Secure) -> bool {
    connection.get("/livez").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

#[test]
fn a_signal_brings_the_new_certificate_and_ends_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path());
    let (old, new) = (Pair::of("localhost"), Pair::of("localhost"));
    old.write(folder.path());
    let node = node(&folder.path().join("data"), &files);
    let mut open = Secure::connect(&node.url, &old).unwrap();
    assert!(is_served(&mut open));
    assert!(Secure::connect(&node.url, &new).is_err());

    // One that does not serve changes nothing, and is told of.
    std::fs::write(&files.certificate, "no certificate").unwrap();
    node.signal("HUP");
    let line = node.logs("the old one stays in force");
    assert!(line.contains("tls.crt") && line.contains("BEGIN CERTIFICATE"), "{line}");
    assert!(Secure::connect(&node.url, &old).is_ok());
    assert!(open.get("/metrics").unwrap().contains("likewise_files_stale 1\n"));

    new.write(folder.path());
    node.signal("HUP");
    node.logs("the new one is in force");
    assert!(Secure::connect(&node.url, &new).is_ok());
    assert!(Secure::connect(&node.url, &old).is_err());
    assert!(open.get("/metrics").unwrap().contains("likewise_files_stale 0\n"));
    assert!(is_served(&mut open), "those that are open go on");
    assert!(node.terminate().success());
}

#[test]
fn a_folder_that_is_swapped_as_kubernetes_does_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (old, new) = (Pair::of("localhost"), Pair::of("localhost"));
    old.write(&at("v1"));
    new.write(&at("v2"));
    symlink("v1", at("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(name), at(name)).unwrap();
    }
    let node = node(&at("data"), &Files::in_folder(folder.path()));
    let mut open = Secure::connect(&node.url, &old).unwrap();
    symlink("v2", at("..new")).unwrap();
    std::fs::rename(at("..new"), at("..data")).unwrap();
    shows(&node, &new);
    assert!(is_served(&mut open));
}
