//! What an operator writes, and what an earlier life of the node left: settings, secrets, peers.

use std::path::Path;

use likewise::Config;
use likewise::config::settings::Settings;
use likewise::fuzz;

use crate::{Bound, Target, assert_says_something};

/// [`settings_file`]
pub const SETTINGS_FILE: Target = Target {
    name: "settings_file",
    run: settings_file,
    seeds: settings_seeds,
    // A parser of TOML keeps a token and an event for each sign, in lists that double, and the tables of a
    // file in which every other byte begins one.
    bound: Bound { constant: 32 << 10, factor: 512 },
    slowness: 4,
};

/// [`key_file`]
pub const KEY_FILE: Target = Target {
    name: "key_file",
    run: key_file,
    seeds: key_file_seeds,
    // Eight keys at most; an error holds a few words.
    bound: Bound { constant: 4 << 10, factor: 1 },
    slowness: 1,
};

/// [`peers_file`]
pub const PEERS_FILE: Target = Target {
    name: "peers_file",
    run: peers_file,
    seeds: peers_seeds,
    // 64 addresses at most. The text is another one where it is not UTF-8.
    bound: Bound { constant: 4 << 10, factor: 8 },
    slowness: 1,
};

/// A file of settings: what is understood is understood again.
pub fn settings_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let settings = match Settings::parse(Path::new("FILE"), text) {
        Ok(settings) => settings,
        Err(error) => return assert_says_something(&error),
    };
    let written = toml::to_string(&settings.table()).expect("a table of settings is TOML");
    let again = Settings::parse(Path::new("FILE"), &written).expect("it was written here");
    assert_eq!(again, settings);
    if let Err(error) = Config::new(settings) {
        assert_says_something(&error);
    }
}

fn settings_seeds() -> Vec<Vec<u8>> {
    let alone = "name = \"likes-0\"\nhttp = \"localhost:8080\"\ndata = \"./d\"\nin-memory = false\n\
                 durability = \"interval\"\nconnections-max = 100\nlog-format = \"json\"\n\
                 log = \"info,likewise::node=debug\"\n";
    let of_many = "cluster-name = 'c'\ncluster = \"0.0.0.0:9293\"\nadvertise = \"likes-0:9293\"\n\
                   advertise-http = \"[::1]:80\"\njoin = [\"likes-1:9293\", \"10.0.0.1:9293\"]\n\
                   cluster-key-file = \"\"\"k\"\"\"\ninsecure = true\n";
    let of_voters = "name = 'a'\nvoters = ['a', \"b\", 'c']\ncluster = '127.0.0.1:0'\n\
                     consistency = 'linearizable'\n";
    let of_the_edge = "tls-certificate-file = 'c'\ntls-key-file = \"k\"\ncors-origins = ['https://a.b:8', '*']\n\
                       rate-limit = 5\nrate-limit-burst = 9\ntrusted-proxies = ['10.0.0.0/8', '::1']\n\
                       access-log = true\nconnection-age-max = '10m'\ndrain-delay = '1s 5ms'\n";
    let wrong = "\u{e9} = 1\n[name]\na.b = {c = [[1, 2.5], 1979-05-27T07:32:00Z]}\n";
    [alone, of_many, of_voters, of_the_edge, wrong, ""]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

/// A key file: nothing that may be a secret is ever shown.
pub fn key_file(data: &[u8]) {
    let shown = match fuzz::key_file(data) {
        Ok(secret) => format!("{secret:?}"),
        Err(error) => {
            assert_says_something(&error);
            format!("{error} {error:?}")
        }
    };
    for digits in data.split(|byte| !byte.is_ascii_hexdigit()).filter(|digits| digits.len() >= 8) {
        let leaks = shown.as_bytes().windows(digits.len()).any(|part| part == digits);
        assert!(!leaks, "a secret is shown: {shown}");
    }
}

fn key_file_seeds() -> Vec<Vec<u8>> {
    let line = |name: &str, digit: char| format!("{name} {}\n", digit.to_string().repeat(64));
    let digests = line("digests", 'd');
    let usual = format!("# a comment\n\n{}\t{digests}", line("key", '1'));
    let many: String = ('1'..='9').map(|digit| line("key", digit)).collect();
    let rotated = format!("{}{}{digests}", line("key", 'a'), line("key", 'B'));
    [usual, rotated, many, digests].map(String::into_bytes).to_vec()
}

/// The addresses of an earlier life.
pub fn peers_file(data: &[u8]) {
    let addresses = fuzz::remembered(&String::from_utf8_lossy(data));
    assert!(addresses.len() <= 64);
    let written: String = addresses.iter().map(|address| format!("{address}\n")).collect();
    assert_eq!(fuzz::remembered(&written), addresses);
}

fn peers_seeds() -> Vec<Vec<u8>> {
    let many: String = (1..100).map(|n| format!("10.0.0.{n}:9293\n")).collect();
    ["127.0.0.1:1\n[::1]:2\n[fe80::1%3]:9\n", "", &many]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}
