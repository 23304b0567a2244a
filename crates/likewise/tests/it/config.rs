//! Settings: which goes over which, and what a wrong one is answered with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use likewise::Config;
use likewise::config::settings::Settings;
use likewise::consistency::Consistency;

use super::process::Process;

const LOCAL: Consistency = Consistency::Local;

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn problem(text: &str) -> String {
    let file = file(text);
    let error = Config::load(&Settings::default(), Some(file.path())).unwrap_err().to_string();
    error.replace(&*file.path().to_string_lossy(), "FILE")
}

/// `likewise serve` with settings that keep it from starting.
fn serve(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_likewise"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIKEWISE_")) {
        command.env_remove(name);
    }
    command.arg("serve").args(arguments).envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn what_is_typed_goes_over_the_file_and_the_file_over_the_default() {
    let file = file("name = 'filed'\nhttp = '127.0.0.1:1'\ndata = '/filed'\n");
    let typed = Settings { http: Some("127.0.0.1:2".to_owned()), ..Settings::default() };
    let config = Config::load(&typed, Some(file.path())).unwrap();
    assert_eq!(config.name, "filed");
    assert_eq!(config.http.port(), 2);
    assert_eq!(config.data, Some(PathBuf::from("/filed")));
    assert_eq!(config.connections_max, 10_000);
}

#[test]
fn a_flag_goes_over_a_variable_and_a_variable_over_the_file() {
    let file = file("durability = 'filed'");
    let path = file.path().to_str().unwrap();
    let stderr = |output: Output| String::from_utf8(output.stderr).unwrap();
    let variable = [("LIKEWISE_DURABILITY", "varied"), ("LIKEWISE_CONFIG", path)];
    for (arguments, variables, expected) in [
        (&["--durability", "flagged"][..], &variable[..], "flagged"),
        (&[], &variable, "varied"),
        (&[], &variable[1..], "filed"),
        (&["--config", path], &[], "filed"),
    ] {
        let output = serve(arguments, variables);
        assert_eq!(output.status.code(), Some(2));
        let message = stderr(output);
        let expected = format!("durability is {expected:?}: use always, interval or never");
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn an_unknown_key_is_an_error_that_names_key_and_file() {
    let problem = problem("http = '127.0.0.1:1'\nhtpp = '127.0.0.1:2'\n");
    assert!(problem.starts_with("settings file FILE, line 2: "), "{problem}");
    assert!(problem.contains("`htpp`") && problem.contains("`http`"), "{problem}");
    assert!(!problem.contains('\n'), "{problem}");
}

#[test]
fn a_file_that_is_not_there_or_no_toml_is_named() {
    let missing = Config::load(&Settings::default(), Some(Path::new("/not/there"))).unwrap_err();
    let message = missing.to_string();
    assert!(message.contains("/not/there") && message.contains("--config"), "{message}");
    let problem = problem("name = 'a'\nhttp = 8080");
    assert!(problem.starts_with("settings file FILE, line 2: "), "{problem}");
    assert!(self::problem("name").starts_with("settings file FILE, line 1: "));
}

#[test]
fn a_bad_value_is_answered_with_setting_value_and_remedy() {
    for (text, expected) in [
        ("http = '8080'", "http is \"8080\": use an IP address and a port"),
        ("http = 'example.org:80'", "http is \"example.org:80\": use an IP address"),
        ("durability = 'sometimes'", "durability is \"sometimes\": use always, interval or never"),
        ("connections-max = 0", "connections-max is \"0\": use a number from 1 on"),
        ("log-format = 'xml'", "log-format is \"xml\": use human or json"),
        ("log = 'loud'", "log is \"loud\": use error, warn"),
        ("name = ''", "name is \"\": use 1 to 255 bytes"),
        ("cluster-name = \"a\\nb\"", "cluster-name is \"a\\nb\": use 1 to 255 bytes"),
        ("data = ''", "data is \"\": name a folder"),
        ("cluster = 'here'", "cluster is \"here\": use an IP address and a port"),
        ("join = ['a:1']", "join is \"a:1\": set cluster too"),
        ("advertise = 'a:1'", "advertise is \"a:1\": set cluster too"),
        ("advertise-http = 'a:1'", "advertise-http is \"a:1\": set cluster too"),
        ("cluster-key-file = 'key'", "cluster-key-file is \"key\": set cluster too"),
        (
            "cluster = '10.0.0.1:1'",
            "cluster is \"10.0.0.1:1\": beyond this machine a cluster needs a secret",
        ),
        (
            "cluster = '0.0.0.0:1'\ninsecure = true",
            "cluster is \"0.0.0.0:1\": that is every address",
        ),
        (
            "cluster = '127.0.0.1:1'\njoin = ['seed']",
            "join is \"seed\": use a name or an IP address, and a port",
        ),
        ("cluster = '127.0.0.1:1'\njoin = [':1']", "join is \":1\": use a name"),
        ("cluster = '127.0.0.1:1'\nadvertise = 'a:0'", "advertise is \"a:0\": use a name"),
        (
            "cluster = '127.0.0.1:1'\njoin = ['10.0.0.2:1']",
            "join is \"10.0.0.2:1\": 10.0.0.2:1 can't reach this node at 127.0.0.1:1",
        ),
        ("tokens-file = ''", "tokens-file is \"\": name a file"),
        ("jwks-file = ''", "jwks-file is \"\": name a file"),
        ("jwt-issuer = 'i'", "jwt-issuer is \"i\": set jwks-file too"),
        ("jwt-audience = 'a'\ntokens-file = 't'", "jwt-audience is \"a\": set jwks-file too"),
        ("jwt-issuer = ''\njwks-file = 'k'", "jwt-issuer is \"\": use the text of the JWTs"),
        ("consistency = 'strong'", "consistency is \"strong\": use local, quorum or linearizable"),
        ("consistency = 'quorum'", "consistency is \"quorum\": a majority of voters has to stand"),
        ("name = 'a'\nvoters = []", "voters is \"\": name at least one node"),
        ("name = 'a'\nvoters = ['a', 'a']", "voters is \"a,a\": \"a\" is there twice"),
        ("name = 'a'\nvoters = ['']", "voters is \"\": use 1 to 255 bytes"),
        ("name = 'a'\nvoters = [\"a\\nb\"]", "voters is \"a\\nb\": use 1 to 255 bytes"),
        ("name = 'a'\nvoters = ['b', 'a']", "voters is \"a,b\": set cluster too"),
        ("name = 'a'\nvoters = ['b']", "voters is \"b\": set cluster too"),
        (
            "name = 'a'\nvoters = ['a']\ndurability = 'interval'",
            "durability is \"interval\": power loss could take back what this node, \"a\", has",
        ),
        (
            "name = 'a'\nvoters = ['a', 'b']\ncluster = '127.0.0.1:1'\ndurability = 'never'",
            "durability is \"never\": a crash of the machine could take back",
        ),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{text}: {problem}");
    }
}

#[test]
fn a_cluster_address_is_taken_with_all_that_belongs_to_it() {
    for text in [
        "cluster = 'localhost:0'\njoin = ['likes-0.likes:9293', '127.0.0.1:1', '[::1]:2']",
        "cluster = '0.0.0.0:9293'\nadvertise = '10.0.0.1:9293'\ncluster-key-file = 'key'\njoin = ['10.0.0.2:1']",
        "cluster = '10.0.0.1:9293'\ninsecure = true",
    ] {
        let config = Config::load(&Settings::default(), Some(file(text).path())).unwrap();
        assert!(config.cluster.is_some(), "{text}");
    }
    assert_eq!(Config::new(Settings::default()).unwrap().cluster, None);
}

#[test]
fn voters_are_taken_with_all_that_belongs_to_them() {
    for (text, names, consistency) in [
        ("name = 'a'\nvoters = ['a']\nconsistency = 'quorum'", &["a"][..], Consistency::Quorum),
        ("name = 'a'\nvoters = ['a']\ndurability = 'never'\nin-memory = true", &["a"], LOCAL),
        (
            "name = 'd'\nvoters = ['c', 'a', 'b']\ncluster = 'localhost:0'\ndurability = 'interval'",
            &["a", "b", "c"],
            LOCAL,
        ),
    ] {
        let config = Config::load(&Settings::default(), Some(file(text).path())).unwrap();
        assert_eq!(config.voters.unwrap().names(), names, "{text}");
        assert_eq!(config.consistency, consistency, "{text}");
    }
    let config = Config::new(Settings::default()).unwrap();
    assert_eq!((config.voters, config.consistency), (None, LOCAL));
}

#[test]
fn voters_may_be_listed_with_commas_and_given_more_than_once() {
    // The error shows what was understood.
    let stderr = |output: Output| String::from_utf8(output.stderr).unwrap();
    let typed = serve(&["--name", "d", "--voters", "c,a", "--voters", "b"], &[]);
    assert!(stderr(typed).contains("voters is \"a,b,c\": set cluster too"));
    let varied = serve(&["--name", "d"], &[("LIKEWISE_VOTERS", "b,a")]);
    assert!(stderr(varied).contains("voters is \"a,b\": set cluster too"));
}

/// A data folder keeps the name that its node was given first: that is the voter.
#[test]
fn a_node_whose_folder_keeps_another_name_is_judged_by_that() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert!(Process::start(folder.path(), &[]).terminate().success());
    let host = Settings::defaults().name.unwrap();
    let common = ["--data", data, "--http", "127.0.0.1:0", "--voters", &host];
    let refused = serve(&common, &[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("set cluster too") && message.contains("\"tested\""), "{message}");
}

#[test]
fn a_collector_of_traces_is_an_http_address_and_a_ratio_a_share_of_one() {
    for (text, url, ratio) in [
        ("trace-endpoint = 'http://collector:4318'", "http://collector:4318/v1/traces", 1.0),
        (
            "trace-endpoint = 'http://[::1]:4318/'\ntrace-ratio = 0",
            "http://[::1]:4318/v1/traces",
            0.0,
        ),
        ("trace-endpoint = 'http://c/otlp'\ntrace-ratio = 0.25", "http://c/otlp/v1/traces", 0.25),
        ("trace-endpoint = 'http://c:1/v1/traces/'", "http://c:1/v1/traces", 1.0),
    ] {
        let config = Config::load(&Settings::default(), Some(file(text).path())).unwrap();
        let traces = config.traces.unwrap();
        assert_eq!((&*traces.url, traces.ratio.value()), (url, ratio), "{text}");
    }
    assert_eq!(Config::new(Settings::default()).unwrap().traces, None);
    let remedy = "use the address at which a collector takes OTLP over http, such as";
    for wrong in [
        "collector:4318",
        "http://",
        "http://:4318",
        "http://c:port",
        "http://c:",
        "http://a@c:1",
        "http://c/?a",
        "http://c/#a",
        "ftp://c",
        "",
        "/v1/traces",
        "http://c d",
    ] {
        let problem = problem(&format!("trace-endpoint = {wrong:?}"));
        assert!(
            problem.starts_with(&format!("trace-endpoint is {wrong:?}: {remedy}")),
            "{problem}"
        );
    }
    let secure = problem("trace-endpoint = 'https://c:4318'");
    assert!(secure.contains("plain http only: name a collector on this machine"), "{secure}");
    for wrong in ["-0.1", "1.1", "nan", "inf"] {
        let problem = problem(&format!("trace-ratio = {wrong}"));
        assert!(problem.contains("use a share of all requests from 0 to 1"), "{problem}");
    }
    let typed = serve(&["--trace-ratio", "2"], &[]);
    assert!(String::from_utf8(typed.stderr).unwrap().contains("trace-ratio is \"2\": use a share"));
}

#[test]
fn in_memory_goes_over_the_data_folder() {
    let settings = Settings {
        in_memory: Some(true),
        data: Some(PathBuf::from("/data")),
        ..Settings::default()
    };
    assert_eq!(Config::new(settings).unwrap().data, None);
    assert!(Config::new(Settings::default()).unwrap().data.is_some());
}

#[test]
fn help_shows_every_setting_with_its_real_default_and_variable() {
    let output = serve(&["--help"], &[]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let defaults = Settings::defaults().table();
    assert_eq!(defaults.len(), 14, "every setting that has a default");
    for (name, value) in defaults {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let variable = name.to_uppercase().replace('-', "_");
        let shown = format!("[default: {value}] [env: LIKEWISE_{variable}]");
        let setting = help.split(&format!("--{name} ")).nth(1);
        let setting = setting.or_else(|| help.split(&format!("--{name}[")).nth(1));
        let first = setting.and_then(|rest| rest.split("[env:").next());
        let end = format!("[default: {value}] ");
        assert!(first.is_some_and(|first| first.ends_with(&end)), "--{name}: {help}");
        assert!(help.contains(&shown), "--{name}: {shown}");
    }
}

#[test]
fn the_example_file_is_valid_and_holds_the_defaults() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/likewise.example.toml");
    let mut settings = Settings::from_file(&example).unwrap();
    assert_eq!(settings.name, None, "it is another on each host");
    settings.name = Settings::defaults().name;
    assert_eq!(settings, Settings::defaults());
}

#[test]
fn a_node_says_at_debug_level_what_its_settings_are_and_logs_json_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    drop(Process::start(folder.path(), &["--log", "debug"]));
    let refused = serve(
        &["--log-format", "json", "--log", "debug", "--http", "203.0.113.1:1", "--in-memory"],
        &[],
    );
    assert_eq!(refused.status.code(), Some(1));
    let message = String::from_utf8(refused.stderr).unwrap();
    let first: serde_json::Value = serde_json::from_str(message.lines().next().unwrap()).unwrap();
    assert_eq!(first["message"], "effective settings");
    assert!(first["config"].as_str().unwrap().contains("203.0.113.1:1"), "{first}");
}
