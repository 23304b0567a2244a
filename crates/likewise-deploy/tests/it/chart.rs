//! The chart's own files: its settings are those of the program, its versions and copies are in step.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::StatefulSet;
use likewise::args::command;
use likewise_deploy::{documents, rendering, text};
use serde_json::Value;

/// Settings that the chart makes of other values, or that make no sense for all nodes at once.
const NOT_OF_THE_CHART: [&str; 19] = [
    "advertise",
    "advertise-http",
    "cluster",
    "cluster-key-file",
    "cluster-name",
    "config",
    "data",
    "help",
    "http",
    "in-memory",
    "insecure",
    "join",
    "jwks-file",
    "name",
    "tls-certificate-file",
    "tls-key-file",
    "tokens-file",
    "until-stdin-ends",
    "voters",
];

fn schema() -> Value {
    serde_json::from_str(&text("deploy/helm/likewise/values.schema.json")).unwrap()
}

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_chart_takes_every_setting_by_its_name_and_no_other() {
    let settings = &schema()["properties"]["settings"];
    assert_eq!(settings["additionalProperties"], false);
    let command = command();
    let serve = command.find_subcommand("serve").unwrap();
    let known: BTreeSet<String> = serve
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .filter(|name| !NOT_OF_THE_CHART.contains(&name.as_str()))
        .collect();
    let offered = keys(&settings["properties"]);
    let missing: Vec<&String> = known.difference(&offered).collect();
    assert!(missing.is_empty(), "values.schema.json lacks {missing:?}");
    let mut unknown = offered.difference(&known);
    assert_eq!(unknown.next(), None, "no such setting");
    let everything = documents("deploy/helm/likewise/ci/everything-values.yaml").remove(0);
    assert_eq!(keys(&everything["settings"]), offered, "set each, so that it is rendered");
}

#[test]
fn every_value_has_a_default_and_a_schema_and_is_explained() {
    let values = documents("deploy/helm/likewise/values.yaml").remove(0);
    let mut known = keys(&schema()["properties"]);
    known.remove("global");
    assert_eq!(keys(&values), known);
    let reference = text("deploy/helm/likewise/README.md");
    for name in known {
        let is_named =
            reference.contains(&format!("`{name}`")) || reference.contains(&format!("`{name}."));
        assert!(is_named, "README.md of the chart does not name `{name}`");
    }
}

#[test]
fn versions_are_those_of_the_program() {
    let chart = documents("deploy/helm/likewise/Chart.yaml").remove(0);
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let set: StatefulSet = rendering("kustomize-base").the();
    let container = set.spec.template.spec.unwrap().containers.remove(0);
    let expected = concat!("likewise:", env!("CARGO_PKG_VERSION"));
    assert_eq!(container.image.as_deref(), Some(expected));
}

#[test]
fn the_dashboard_and_the_alerts_are_those_of_compose() {
    for (original, copy) in [
        ("compose/alerts.yml", "alerts.yml"),
        ("compose/grafana/dashboards/likewise.json", "likewise.json"),
    ] {
        let (original, copy) =
            (format!("deploy/{original}"), format!("deploy/helm/likewise/files/{copy}"));
        assert!(text(&original) == text(&copy), "run `BLESS=1 .ci/manifests`: {copy} is another");
    }
}

#[test]
fn what_prometheus_and_grafana_get_is_whole() {
    let objects = rendering("helm-everything").objects;
    let find = |kind: &str, name: &str| {
        let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
        objects.iter().find(is_it).unwrap()
    };
    let alerts = documents("deploy/helm/likewise/files/alerts.yml").remove(0);
    assert_eq!(find("PrometheusRule", "likes")["spec"], alerts);
    let dashboard = &find("ConfigMap", "likes-dashboard")["data"]["likewise.json"];
    let dashboard: Value = serde_json::from_str(dashboard.as_str().unwrap()).unwrap();
    let original: Value =
        serde_json::from_str(&text("deploy/helm/likewise/files/likewise.json")).unwrap();
    assert_eq!(dashboard, original);
}
