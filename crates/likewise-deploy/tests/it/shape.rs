//! Each object by itself: all keys are known to the type of its kind, and nothing is missing in a rendering.

use likewise_deploy::object::Object;
use likewise_deploy::{rendering, renderings};
use serde_json::{Value, json};

/// What is wrong with an object, if anything.
fn problem(object: &Value) -> Option<String> {
    match Object::typed(object) {
        // The kinds of the Prometheus operator have no types here.
        Ok((Object::Other(object), _)) if object["apiVersion"] == "monitoring.coreos.com/v1" => {
            None
        }
        Ok((Object::Other(_), _)) => Some("a kind that nothing here knows".to_owned()),
        Ok((_, unknown)) if unknown.is_empty() => None,
        Ok((_, unknown)) => Some(format!("unknown: {}", unknown.join(", "))),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn every_key_is_known() {
    for rendering in renderings() {
        for object in &rendering.objects {
            let name = &object["metadata"]["name"];
            assert_eq!(problem(object), None, "{}: {} {name}", rendering.name, object["kind"]);
        }
    }
}

#[test]
fn an_unknown_key_and_a_wrong_value_would_be_found() {
    let mut service = rendering("kustomize-base").objects[3].clone();
    assert_eq!(problem(&service), None);
    service["spec"]["ports"][0]["targetPrt"] = json!("http");
    assert_eq!(problem(&service).as_deref(), Some("unknown: spec.ports.0.targetPrt"));
    service["spec"]["ports"] = json!(80);
    assert!(problem(&service).unwrap().contains("expected a sequence"));
    service["kind"] = json!("Servant");
    assert!(problem(&service).unwrap().contains("nothing here knows"));
}

/// The kinds and names of a rendering, in order.
fn contents(name: &str) -> Vec<String> {
    let describe = |object: &Value| {
        let [kind, name] = [&object["kind"], &object["metadata"]["name"]].map(Value::as_str);
        let (kind, name) = (kind.unwrap(), name.unwrap());
        // Kustomize puts a hash of what it holds at the end of a ConfigMap's name.
        let known = name.rsplit_once('-').filter(|(_, hash)| hash.len() == 10);
        format!("{kind} {}", known.map_or(name, |(known, _)| known))
    };
    let mut contents: Vec<String> = rendering(name).objects.iter().map(describe).collect();
    contents.sort();
    contents
}

#[test]
fn each_rendering_holds_what_its_name_says() {
    let base = [
        "ConfigMap likewise",
        "NetworkPolicy likewise",
        "PodDisruptionBudget likewise",
        "Secret likewise-cluster",
        "Service likewise",
        "Service likewise-nodes",
        "ServiceAccount likewise",
        "StatefulSet likewise",
    ];
    assert_eq!(contents("kustomize-base"), base);
    assert_eq!(contents("kustomize-memory"), base);
    let mut minikube = base.to_vec();
    minikube.insert(4, "Service distributed-likes-service-cluster");
    assert_eq!(contents("kustomize-minikube"), minikube);
    let mut chart: Vec<&str> =
        base.into_iter().filter(|object| *object != "Secret likewise-cluster").collect();
    chart.push("Pod likewise-test");
    chart.sort_unstable();
    assert_eq!(contents("helm-default"), chart);
    assert_eq!(contents("helm-memory"), chart);
    let left_out = ["NetworkPolicy", "PodDisruptionBudget", "ServiceAccount"];
    chart.retain(|object| !left_out.contains(&object.split(' ').next().unwrap()));
    assert_eq!(contents("helm-single"), chart);
    assert_eq!(
        contents("helm-everything"),
        [
            "ConfigMap likes",
            "ConfigMap likes-dashboard",
            "Ingress likes",
            "NetworkPolicy likes",
            "Pod likes-test",
            "PodDisruptionBudget likes",
            "PrometheusRule likes",
            "Service likes",
            "Service likes-nodes",
            "ServiceAccount likes",
            "ServiceMonitor likes",
            "StatefulSet likes",
        ]
    );
    assert_eq!(renderings().len(), 7, "check the contents of each rendering");
}
