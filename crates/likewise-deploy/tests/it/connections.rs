//! Who finds whom: services, policies and budgets mean the pods that they should, and ports that there are.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerPort, Pod, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy, NetworkPolicyPort};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use likewise_deploy::{Rendering, rendering, renderings};
use serde_json::{Value, json};

type Labels = BTreeMap<String, String>;

fn node_labels(rendering: &Rendering) -> Labels {
    let set: StatefulSet = rendering.the();
    set.spec.template.metadata.unwrap().labels.unwrap()
}

fn node_ports(rendering: &Rendering) -> Vec<ContainerPort> {
    let set: StatefulSet = rendering.the();
    set.spec.template.spec.unwrap().containers.remove(0).ports.unwrap()
}

fn selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    assert_eq!(selector.match_expressions, None, "labels alone are compared here");
    selects(selector.match_labels.as_ref().unwrap(), labels)
}

/// The name of a service.
fn name(service: &Service) -> &str {
    service.metadata.name.as_deref().unwrap()
}

#[test]
fn the_set_owns_its_pods_and_spreads_them() {
    for rendering in renderings() {
        let labels = node_labels(&rendering);
        let spec = rendering.the::<StatefulSet>().spec;
        assert!(matches(&spec.selector, &labels), "{}", rendering.name);
        let spread = spec.template.spec.unwrap().topology_spread_constraints.unwrap();
        let over: Vec<&str> = spread.iter().map(|spread| spread.topology_key.as_str()).collect();
        assert_eq!(over, ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
        for spread in &spread {
            assert!(
                matches(spread.label_selector.as_ref().unwrap(), &labels),
                "{}",
                rendering.name
            );
        }
    }
}

#[test]
fn every_service_finds_the_nodes_and_a_port_of_theirs_and_no_pod_of_a_test() {
    for rendering in renderings() {
        let (labels, ports) = (node_labels(&rendering), node_ports(&rendering));
        for service in rendering.all::<Service>() {
            let name = name(&service).to_owned();
            let spec = service.spec.unwrap();
            let selector = spec.selector.unwrap();
            assert!(selects(&selector, &labels), "{}: {name}", rendering.name);
            for pod in rendering.all::<Pod>() {
                assert!(!selects(&selector, &pod.metadata.labels.unwrap()), "{}", rendering.name);
            }
            for port in spec.ports.unwrap() {
                let Some(IntOrString::String(target)) = port.target_port else {
                    panic!("{}: {name}: name the port of the container", rendering.name);
                };
                let container = ports.iter().find(|port| port.name.as_ref() == Some(&target));
                let container = container.unwrap_or_else(|| panic!("{name}: no port {target}"));
                let protocol = |protocol: &Option<String>| {
                    protocol.clone().unwrap_or_else(|| "TCP".to_owned())
                };
                assert_eq!(protocol(&port.protocol), protocol(&container.protocol), "{name}");
                // Without an address of its own a service changes no ports.
                if spec.cluster_ip.as_deref() == Some("None") {
                    assert_eq!(port.port, container.container_port, "{name}");
                }
            }
        }
    }
}

#[test]
fn nodes_find_each_other_before_they_are_ready_and_clients_only_those_that_are() {
    for rendering in renderings() {
        let set: StatefulSet = rendering.the();
        let nodes = set.spec.service_name.unwrap();
        let services: Vec<Service> = rendering.all();
        let (of_nodes, of_clients): (Vec<&Service>, Vec<&Service>) =
            services.iter().partition(|service| name(service) == nodes);
        let [of_nodes] = of_nodes[..] else { panic!("{}: no {nodes}", rendering.name) };
        let spec = of_nodes.spec.as_ref().unwrap();
        assert_eq!(spec.cluster_ip.as_deref(), Some("None"));
        assert_eq!(spec.publish_not_ready_addresses, Some(true));
        assert!(!of_clients.is_empty());
        for service in of_clients {
            let spec = service.spec.as_ref().unwrap();
            assert_eq!(spec.publish_not_ready_addresses, None, "{}", name(service));
            assert_eq!(spec.cluster_ip, None, "{}", name(service));
        }
    }
}

#[test]
fn minikube_has_the_address_and_the_name_of_the_original() {
    let services: Vec<Service> = rendering("kustomize-minikube").all();
    let spec = |wanted: &str| {
        let service = services.iter().find(|service| name(service) == wanted).unwrap();
        service.spec.clone().unwrap()
    };
    let port = |wanted: &str| spec(wanted).ports.unwrap().remove(0);
    assert_eq!(spec("likewise").type_.as_deref(), Some("LoadBalancer"));
    assert_eq!((port("likewise").port, port("likewise").node_port), (80, Some(31_001)));
    assert_eq!(port("distributed-likes-service-cluster").port, 80);
    let set: StatefulSet = rendering("kustomize-minikube").the();
    let container = set.spec.template.spec.unwrap().containers.remove(0);
    assert_eq!(container.image.as_deref(), Some("likewise:latest"));
    assert_eq!(container.image_pull_policy.as_deref(), Some("Never"));
}

#[test]
fn budgets_let_one_node_go_at_a_time_and_none_is_made_for_a_single_one() {
    for rendering in renderings() {
        let replicas = rendering.the::<StatefulSet>().spec.replicas.unwrap();
        let budgets: Vec<PodDisruptionBudget> = rendering.all();
        assert_eq!(budgets.len(), usize::from(replicas > 1), "{}", rendering.name);
        for budget in budgets {
            let spec = budget.spec.unwrap();
            assert!(matches(&spec.selector.unwrap(), &node_labels(&rendering)));
            assert_eq!(spec.max_unavailable, Some(IntOrString::Int(1)));
            assert_eq!(spec.unhealthy_pod_eviction_policy.as_deref(), Some("AlwaysAllow"));
        }
    }
}

/// The ports of a rule, with their protocols.
fn ports(ports: &Option<Vec<NetworkPolicyPort>>) -> Vec<(String, String)> {
    let ports = ports.iter().flatten();
    let named = |port: &NetworkPolicyPort| {
        let number = match port.port.as_ref().unwrap() {
            IntOrString::Int(number) => number.to_string(),
            IntOrString::String(name) => name.clone(),
        };
        (number, port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()))
    };
    ports.map(named).collect()
}

fn pair(port: &str, protocol: &str) -> (String, String) {
    (port.to_owned(), protocol.to_owned())
}

#[test]
fn only_nodes_reach_the_port_of_the_cluster_and_they_reach_it_both_ways() {
    let mut policies = 0;
    for rendering in renderings() {
        let labels = node_labels(&rendering);
        for policy in rendering.all::<NetworkPolicy>() {
            policies += 1;
            let spec = policy.spec.unwrap();
            assert!(matches(&spec.pod_selector.unwrap(), &labels));
            assert_eq!(spec.policy_types.unwrap(), ["Ingress", "Egress"]);
            let ingress = spec.ingress.unwrap();
            let [of_clients, of_nodes] = &ingress[..] else { panic!("{}", rendering.name) };
            assert_eq!(ports(&of_clients.ports), [pair("http", "TCP")]);
            let cluster = [pair("cluster-tcp", "TCP"), pair("cluster-udp", "UDP")];
            assert_eq!(ports(&of_nodes.ports), cluster);
            let known: Vec<(String, String)> = node_ports(&rendering)
                .into_iter()
                .map(|port| (port.name.unwrap(), port.protocol.unwrap_or_else(|| "TCP".to_owned())))
                .collect();
            for rule in &ingress {
                assert!(ports(&rule.ports).iter().all(|port| known.contains(port)));
            }
            let from = of_nodes.from.as_ref().unwrap();
            let [from] = &from[..] else { panic!("{}: nodes alone", rendering.name) };
            assert!(matches(from.pod_selector.as_ref().unwrap(), &labels));
            assert_eq!((&from.namespace_selector, &from.ip_block), (&None, &None));

            let egress = spec.egress.unwrap();
            assert_eq!(ports(&egress[0].ports), [pair("53", "UDP"), pair("53", "TCP")]);
            assert_eq!(egress[0].to, None);
            assert_eq!(ports(&egress[1].ports), [pair("9293", "TCP"), pair("9293", "UDP")]);
            let to = egress[1].to.as_ref().unwrap();
            assert!(to.len() == 1 && matches(to[0].pod_selector.as_ref().unwrap(), &labels));
            let more: Vec<_> = egress[2..].iter().map(|rule| ports(&rule.ports)).collect();
            // The collector of traces, and what the values ask for.
            let expected = [vec![pair("4318", "TCP")], vec![pair("443", "TCP")]];
            assert_eq!(more, expected[..more.len()], "{}", rendering.name);
            assert_eq!(more.len(), if rendering.name == "helm-everything" { 2 } else { 0 });
        }
    }
    assert_eq!(policies, 6);
}

#[test]
fn where_clients_are_few_the_pod_of_the_test_is_one_of_them() {
    let rendering = rendering("helm-everything");
    let policy: NetworkPolicy = rendering.the();
    let pod: Pod = rendering.the();
    let labels = pod.metadata.labels.unwrap();
    let from = policy.spec.unwrap().ingress.unwrap().remove(0).from.unwrap();
    let pods = from.iter().filter_map(|peer| peer.pod_selector.as_ref());
    assert_eq!(pods.filter(|selector| matches(selector, &labels)).count(), 1);
}

#[test]
fn an_ingress_and_a_monitor_name_services_and_ports_that_there_are() {
    let rendering = rendering("helm-everything");
    let services: Vec<Service> = rendering.all();
    let has_port = |service: &Service, port: &str| {
        let ports = service.spec.as_ref().unwrap().ports.as_ref().unwrap();
        ports.iter().any(|known| known.name.as_deref() == Some(port))
    };
    let ingress: Ingress = rendering.the();
    for rule in ingress.spec.unwrap().rules.unwrap() {
        for path in rule.http.unwrap().paths {
            let backend = path.backend.service.unwrap();
            let service = services.iter().find(|service| name(service) == backend.name).unwrap();
            assert!(has_port(service, &backend.port.unwrap().name.unwrap()));
        }
    }
    let monitor = rendering.objects.iter().find(|object| object["kind"] == "ServiceMonitor");
    let spec = &monitor.unwrap()["spec"];
    let selector: Labels = serde_json::from_value(spec["selector"]["matchLabels"].clone()).unwrap();
    let is_selected =
        |service: &&Service| selects(&selector, service.metadata.labels.as_ref().unwrap());
    let selected: Vec<&Service> = services.iter().filter(is_selected).collect();
    let [service] = selected[..] else { panic!("each node once") };
    for endpoint in spec["endpoints"].as_array().unwrap() {
        assert!(has_port(service, endpoint["port"].as_str().unwrap()));
        assert_eq!(endpoint["path"], Value::from("/metrics"));
        // The alerts ask for it.
        let job = json!([{"targetLabel": "job", "replacement": "likewise"}]);
        assert_eq!(endpoint["relabelings"], job);
    }
}
