//! The image and the Compose file against the program: what a schema can't know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::FromArgMatches;
use likewise::Config;
use likewise::args::{Args, Command, command};
use serde_json::Value;

/// What the image sets, as the Dockerfile says it.
const OF_IMAGE: [(&str, &str); 2] = [("LIKEWISE_HTTP", "0.0.0.0:8080"), ("LIKEWISE_DATA", "/data")];

/// The port of HTTP in a container.
const HTTP_PORT: &str = "8080";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap()
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
}

fn services(compose: &Value) -> BTreeMap<&str, &Value> {
    let services = compose["services"].as_object().unwrap();
    services.iter().map(|(name, service)| (name.as_str(), service)).collect()
}

/// The services that run a node, by name.
fn nodes(compose: &Value) -> BTreeMap<&str, &Value> {
    let is_node =
        |(_, service): &(&str, &Value)| service["environment"]["LIKEWISE_NAME"].is_string();
    services(compose).into_iter().filter(is_node).collect()
}

/// Which flag of `likewise serve` each variable stands for.
fn flags() -> BTreeMap<String, String> {
    let command = command();
    let serve = command.find_subcommand("serve").unwrap();
    let with_variable = serve.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_str().unwrap().to_owned();
        Some((variable, argument.get_long().unwrap().to_owned()))
    });
    with_variable.collect()
}

/// Reads a command line as the program does.
fn parsed(line: &[String]) -> Command {
    let matches = command().try_get_matches_from(line).unwrap_or_else(|error| panic!("{error}"));
    Args::from_arg_matches(&matches).unwrap().command
}

#[test]
fn the_image_sets_what_the_program_knows() {
    let dockerfile = text("Dockerfile");
    let flags = flags();
    for (variable, value) in OF_IMAGE {
        assert!(flags.contains_key(variable), "{variable} is no variable of likewise serve");
        assert!(
            dockerfile.contains(&format!("{variable}={value}")),
            "the Dockerfile sets {variable}"
        );
    }
    let set = dockerfile.matches("LIKEWISE_").count();
    assert_eq!(set, OF_IMAGE.len(), "the Dockerfile sets something that this test does not know");
    let check = "CMD [\"/likewise\", \"health\"]";
    assert!(dockerfile.contains(check));
    let line = ["likewise", "health"].map(str::to_owned);
    assert!(matches!(parsed(&line), Command::Health(_)), "{check}");
    let argument = format!("ARG VERSION={}", env!("CARGO_PKG_VERSION"));
    assert!(dockerfile.contains(&argument), "the Dockerfile has the version of the program");
}

#[test]
fn each_node_of_compose_has_settings_that_the_program_takes() {
    let compose = yaml("compose/compose.yaml");
    let flags = flags();
    let nodes = nodes(&compose);
    let names: BTreeSet<String> = nodes.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(names.len(), 3);
    for (name, service) in &nodes {
        let environment = service["environment"].as_object().unwrap().iter();
        let environment =
            environment.map(|(variable, value)| (variable.as_str(), value.as_str().unwrap()));
        let mut line = vec!["likewise".to_owned(), "serve".to_owned()];
        for (variable, value) in environment.chain(OF_IMAGE) {
            let flag = flags.get(variable);
            let flag = flag.unwrap_or_else(|| panic!("{name}: {variable} is no variable of serve"));
            line.push(format!("--{flag}={value}"));
        }
        let Command::Serve(arguments) = parsed(&line) else { panic!("it serves") };
        let config =
            Config::load(&arguments.settings, None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(&config.name, name);
        let cluster = config.cluster.unwrap();
        assert_eq!(cluster.advertise.as_deref(), Some(format!("{name}:9293").as_str()));
        let joined: BTreeSet<String> =
            cluster.join.iter().map(|seed| seed.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(joined, names, "any node is a seed");
        let voters = service["environment"]["LIKEWISE_VOTERS"].as_str().unwrap().split(',');
        assert_eq!(voters.map(str::to_owned).collect::<BTreeSet<_>>(), names);
        let key = cluster.key_file.unwrap();
        let mounts = words(&service["volumes"]);
        assert!(mounts.contains(&format!("{name}:/data").as_str()), "{mounts:?}");
        let folder = format!(":{}:ro", key.parent().unwrap().display());
        assert!(mounts.iter().any(|mount| mount.ends_with(&folder)), "{mounts:?}");
        let published = cluster.advertise_http.unwrap();
        assert_eq!(words(&service["ports"]), [format!("{published}:{HTTP_PORT}")]);
        assert_eq!(words(&service["healthcheck"]["test"]), ["CMD", "/likewise", "health"]);
        assert_eq!(service["stop_grace_period"], "30s", "as docs/operations.md has it");
    }
}

#[test]
fn compose_makes_the_key_where_the_nodes_look_for_it() {
    let compose = yaml("compose/compose.yaml");
    let key = &compose["services"]["key"];
    let line = [vec!["likewise"], words(&key["command"])].concat();
    let line: Vec<String> = line.into_iter().map(str::to_owned).collect();
    let Command::Keygen(arguments) = parsed(&line) else { panic!("it makes a key: {line:?}") };
    // A second `up` must neither fail nor replace the key.
    assert!(arguments.keep);
    let file = arguments.file.unwrap();
    assert_eq!(words(&key["volumes"]), [format!("key:{}", file.parent().unwrap().display())]);
    for (name, node) in nodes(&compose) {
        let read = node["environment"]["LIKEWISE_CLUSTER_KEY_FILE"].as_str().unwrap();
        assert_eq!(Path::new(read).file_name(), file.file_name(), "{name}");
        let condition = &node["depends_on"]["key"]["condition"];
        assert_eq!(condition, "service_completed_successfully", "{name}");
    }
}

#[test]
fn compose_opens_nothing_beyond_this_machine_and_gives_no_more_rights_than_needed() {
    let compose = yaml("compose/compose.yaml");
    let volumes = compose["volumes"].as_object().unwrap();
    for (name, service) in services(&compose) {
        for port in words(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} opens {port} to everybody");
        }
        assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        // Grafana writes to places of its own choice.
        let is_read_only = service["read_only"].as_bool() == Some(true);
        assert!(is_read_only || name == "grafana", "{name} has a root that it can write to");
        for mount in words(&service["volumes"]) {
            let source = mount.split(':').next().unwrap();
            let is_there = match source.starts_with('.') {
                true => folder().join("compose").join(source).exists(),
                false => volumes.contains_key(source),
            };
            assert!(is_there, "{name} mounts {source}, which is not there");
        }
    }
}

#[test]
fn prometheus_scrapes_every_node_and_reads_the_alerts() {
    let compose = yaml("compose/compose.yaml");
    let prometheus = yaml("compose/prometheus.yml");
    let scraped = &prometheus["scrape_configs"][0];
    // The alerts name the job.
    assert_eq!(scraped["job_name"], "likewise");
    let targets = words(&scraped["static_configs"][0]["targets"]);
    let expected = nodes(&compose).into_keys().map(|name| format!("{name}:{HTTP_PORT}"));
    assert_eq!(targets, expected.collect::<Vec<_>>());
    let mounts = words(&compose["services"]["prometheus"]["volumes"]);
    for file in words(&prometheus["rule_files"]) {
        let mount = format!("./{file}:/etc/prometheus/{file}:ro");
        assert!(mounts.contains(&mount.as_str()), "{mounts:?}");
    }
    let source = yaml("compose/grafana/provisioning/datasources/prometheus.yml");
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
}
