//! The settings: each variable is one of `likewise serve`, and together they are accepted and mean what they should.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs;

use clap::FromArgMatches;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, EnvVar};
use likewise::Config;
use likewise::args::{Args, Command, command};
use likewise::config::settings::Settings;
use likewise_deploy::{Rendering, rendering, renderings};

use super::pods::node;

/// The name of the set, and the nodes' service.
pub(crate) fn names(rendering: &Rendering) -> (String, String) {
    let set: StatefulSet = rendering.the();
    (set.metadata.name.unwrap(), set.spec.service_name.unwrap())
}

pub(crate) fn replicas(rendering: &Rendering) -> i32 {
    rendering.the::<StatefulSet>().spec.replicas.unwrap()
}

/// The variables of the pod of this number, as the kubelet would set them.
pub(crate) fn variables(rendering: &Rendering, number: i32) -> BTreeMap<String, String> {
    variables_at(rendering, number, "10.0.0.1")
}

fn variables_at(rendering: &Rendering, number: i32, address: &str) -> BTreeMap<String, String> {
    let maps: Vec<ConfigMap> = rendering.all();
    let node = node(rendering);
    let mut variables = BTreeMap::new();
    for from in node.env_from.into_iter().flatten() {
        let name = from.config_map_ref.unwrap().name;
        let map = maps.iter().find(|map| map.metadata.name.as_ref() == Some(&name));
        variables.extend(map.and_then(|map| map.data.clone()).into_iter().flatten());
    }
    for variable in node.env.into_iter().flatten() {
        let value = value(rendering, &variable, number, address);
        // A variable is known to those after it alone.
        let known = variables.iter();
        let value =
            known.fold(value, |value, (name, known)| value.replace(&format!("$({name})"), known));
        variables.insert(variable.name, value);
    }
    variables
}

fn value(rendering: &Rendering, variable: &EnvVar, number: i32, address: &str) -> String {
    if let Some(value) = &variable.value {
        return value.clone();
    }
    let field = variable.value_from.as_ref().and_then(|from| from.field_ref.as_ref()).unwrap();
    match field.field_path.as_str() {
        "metadata.name" => format!("{}-{number}", names(rendering).0),
        "status.podIP" => address.to_owned(),
        other => panic!("what is {other}?"),
    }
}

/// The settings that these variables come to; those that are none are named.
fn settings(variables: &BTreeMap<String, String>) -> Result<Settings, Vec<String>> {
    let command = command();
    let serve = command.find_subcommand("serve").unwrap();
    let mut arguments = vec!["likewise".to_owned(), "serve".to_owned()];
    let mut unknown = Vec::new();
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with("LIKEWISE_")) {
        let mut known = serve.get_arguments();
        match known.find(|argument| argument.get_env().is_some_and(|env| env == name.as_str())) {
            Some(argument) => arguments.push(format!("--{}={value}", argument.get_long().unwrap())),
            None => unknown.push(name.clone()),
        }
    }
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let matches = command.try_get_matches_from(arguments).unwrap_or_else(|error| panic!("{error}"));
    match Args::from_arg_matches(&matches).unwrap().command {
        Command::Serve(serve) => Ok(serve.settings),
        other => panic!("{other:?}"),
    }
}

fn config(rendering: &Rendering, number: i32) -> Config {
    let settings = settings(&variables(rendering, number));
    let settings = settings.unwrap_or_else(|unknown| panic!("{}: {unknown:?}", rendering.name));
    Config::new(settings).unwrap_or_else(|error| panic!("{}: {error}", rendering.name))
}

#[test]
fn every_pod_starts_with_settings_that_are_accepted() {
    for rendering in renderings() {
        assert_eq!(node(&rendering).args.as_deref(), Some(&["serve".to_owned()][..]));
        let (set, nodes) = names(&rendering);
        for number in 0..replicas(&rendering) {
            let config = config(&rendering, number);
            assert_eq!(config.name, format!("{set}-{number}"));
            let port = |name: &str| {
                let mut ports = node(&rendering).ports.unwrap().into_iter();
                let port = ports.find(|port| port.name.as_deref() == Some(name)).unwrap();
                u16::try_from(port.container_port).unwrap()
            };
            assert_eq!(config.http.port(), port("http"));
            let cluster = config.cluster.unwrap();
            for name in ["cluster-tcp", "cluster-udp"] {
                assert_eq!(cluster.bind.port(), port(name));
            }
            assert!(config.http.ip().is_unspecified() && cluster.bind.ip().is_unspecified());
            assert_eq!(cluster.advertise.as_deref(), Some("10.0.0.1:9293"));
            assert_eq!(cluster.join, [format!("{nodes}:{}", cluster.bind.port())]);
        }
    }
}

#[test]
fn data_is_on_the_volume_or_in_memory() {
    for rendering in renderings() {
        let mounts = node(&rendering).volume_mounts.unwrap();
        let data = mounts.iter().find(|mount| mount.name == "data").map(|mount| &mount.mount_path);
        let config = config(&rendering, 0);
        assert_eq!(config.data.as_ref().and_then(|data| data.to_str()), data.map(String::as_str));
        assert_eq!(config.data.is_none(), rendering.name.ends_with("-memory"));
    }
}

#[test]
fn voters_are_an_odd_number_of_the_first_nodes() {
    for rendering in renderings() {
        let voters = config(&rendering, 0).voters.map(|voters| voters.names().to_vec());
        let set = names(&rendering).0;
        let count = match rendering.name.as_str() {
            "kustomize-memory" | "helm-memory" => 0,
            "helm-single" => 1,
            "helm-everything" => 5,
            _ => 3,
        };
        let first: Vec<String> = (0..count).map(|number| format!("{set}-{number}")).collect();
        assert_eq!(voters.unwrap_or_default(), first, "{}", rendering.name);
        assert!(count <= replicas(&rendering), "a voter that is no node");
    }
}

#[test]
fn the_address_of_a_pod_may_be_of_either_kind() {
    let rendering = rendering("helm-everything");
    let variables = variables_at(&rendering, 0, "fd00::7");
    let advertise = &variables["LIKEWISE_ADVERTISE"];
    let mut looked_up = advertise.to_socket_addrs().unwrap();
    assert_eq!(looked_up.next(), Some("[fd00::7]:9293".parse().unwrap()));
    assert_eq!(variables["LIKEWISE_HTTP"], "[::]:8080");
}

#[test]
fn a_variable_that_is_no_setting_is_named() {
    let mut variables = variables(&rendering("kustomize-base"), 0);
    variables.insert("LIKEWISE_HTPP".to_owned(), "0.0.0.0:80".to_owned());
    assert_eq!(settings(&variables), Err(vec!["LIKEWISE_HTPP".to_owned()]));
}
