//! The pods: what they refer to is there, probes ask for routes that exist, and a stop has the time that it takes.

use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, Pod, PodSpec, Probe, Secret, ServiceAccount,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use likewise::cluster::FLUSH_TIME;
use likewise::http::{ServeLimits, openapi_json};
use likewise_deploy::{Rendering, renderings};
use serde_json::Value;

use super::settings::variables;

/// What the last sync of the disk and the good-bye to the others may take, for a disk that is slow.
const LAST_SYNC: Duration = Duration::from_secs(10);

/// What pods that wait for a disk may take before they answer anything at all.
const RECOVERY: Duration = Duration::from_secs(300);

/// The pods of a rendering, those of the set first.
pub(crate) fn pods(rendering: &Rendering) -> Vec<PodSpec> {
    let set: StatefulSet = rendering.the();
    let nodes = set.spec.template.spec.unwrap();
    let tests = rendering.all::<Pod>().into_iter().map(|pod| pod.spec.unwrap());
    [nodes].into_iter().chain(tests).collect()
}

/// All containers of a pod.
pub(crate) fn containers(pod: &PodSpec) -> Vec<&Container> {
    pod.init_containers.iter().flatten().chain(&pod.containers).collect()
}

/// The container that is the node.
pub(crate) fn node(rendering: &Rendering) -> Container {
    pods(rendering).remove(0).containers.remove(0)
}

#[test]
fn all_that_a_pod_refers_to_is_rendered_with_it_or_said_to_be_there() {
    // Made by whoever installs the chart, and named in its values.
    let given = ["likes-cluster", "likes-tokens", "likes-jwks", "likes-tls", "likes-test"];
    for rendering in renderings() {
        let secrets = rendering.all::<Secret>().into_iter().map(|secret| secret.metadata.name);
        let mut secrets: Vec<String> = secrets.flatten().collect();
        if rendering.name.starts_with("helm-") {
            secrets.push("likewise-cluster".to_owned());
        }
        let maps = rendering.all::<ConfigMap>().into_iter().map(|map| map.metadata.name);
        let maps: Vec<String> = maps.flatten().collect();
        let accounts = rendering.all::<ServiceAccount>().into_iter();
        let accounts: Vec<String> = accounts.filter_map(|account| account.metadata.name).collect();
        let is_secret = |name: &String| secrets.contains(name) || given.contains(&name.as_str());
        for pod in pods(&rendering) {
            let account = pod.service_account_name.clone().unwrap();
            assert!(accounts.contains(&account) || account == "default", "{account}");
            for volume in pod.volumes.iter().flatten() {
                let secret =
                    volume.secret.iter().map(|secret| secret.secret_name.as_ref().unwrap());
                assert!(secret.clone().all(is_secret), "{}: {volume:?}", rendering.name);
                assert!(volume.config_map.is_none());
            }
            for container in containers(&pod) {
                for from in container.env_from.iter().flatten() {
                    assert!(from.secret_ref.is_none());
                    let map = from.config_map_ref.as_ref().unwrap();
                    assert!(map.optional == Some(true) || maps.contains(&map.name), "{map:?}");
                }
                for variable in container.env.iter().flatten() {
                    let from = variable.value_from.as_ref();
                    let key = from.and_then(|from| from.secret_key_ref.as_ref());
                    assert!(key.is_none_or(|key| is_secret(&key.name)), "{variable:?}");
                    assert!(from.is_none_or(|from| from.config_map_key_ref.is_none()));
                }
            }
        }
    }
}

#[test]
fn every_mount_is_of_a_volume_and_every_volume_is_mounted() {
    for rendering in renderings() {
        let claims = rendering.the::<StatefulSet>().spec.volume_claim_templates;
        let claims: Vec<String> =
            claims.into_iter().flatten().filter_map(|claim| claim.metadata.name).collect();
        for (number, pod) in pods(&rendering).iter().enumerate() {
            let volumes = pod.volumes.iter().flatten().map(|volume| volume.name.clone());
            let claims = claims.iter().filter(|_| number == 0).cloned();
            let mut volumes: Vec<String> = volumes.chain(claims).collect();
            volumes.sort();
            for container in containers(pod) {
                let mounts = container.volume_mounts.iter().flatten();
                let mut mounted: Vec<String> = mounts.map(|mount| mount.name.clone()).collect();
                mounted.sort();
                assert_eq!(mounted, volumes, "{}: {}", rendering.name, container.name);
            }
        }
    }
}

#[test]
fn data_is_kept_for_as_long_as_nobody_throws_it_away() {
    for rendering in renderings() {
        let spec = rendering.the::<StatefulSet>().spec;
        assert_eq!(spec.pod_management_policy.as_deref(), Some("Parallel"));
        let in_memory = rendering.name.ends_with("-memory");
        assert_eq!(spec.volume_claim_templates.is_none(), in_memory, "{}", rendering.name);
        let policy = spec.persistent_volume_claim_retention_policy;
        assert_eq!(policy.is_none(), in_memory);
        if let Some(policy) = policy {
            assert_eq!(policy.when_deleted.as_deref(), Some("Retain"));
            assert_eq!(policy.when_scaled.as_deref(), Some("Retain"));
        }
    }
}

fn asks(probe: &Option<Probe>) -> (String, i32, i32) {
    let probe = probe.as_ref().unwrap();
    let get = probe.http_get.as_ref().unwrap();
    let IntOrString::String(port) = &get.port else { panic!("name the port") };
    assert_eq!(port, "http");
    assert_eq!(get.host, None, "a node is asked by itself");
    let path = get.path.clone().unwrap();
    (path, probe.period_seconds.unwrap(), probe.failure_threshold.unwrap())
}

#[test]
fn probes_ask_for_routes_that_there_are_and_only_one_of_them_kills() {
    let routes: Value = serde_json::from_str(openapi_json()).unwrap();
    for rendering in renderings() {
        let node = node(&rendering);
        let [startup, live, ready] =
            [&node.startup_probe, &node.liveness_probe, &node.readiness_probe].map(asks);
        for (path, _, _) in [&startup, &live, &ready] {
            assert!(routes["paths"][path]["get"].is_object(), "{path} is no route");
        }
        // A node that waits for others is not ready, and must not be killed for it.
        assert_eq!([&*startup.0, &*live.0, &*ready.0], ["/livez", "/livez", "/readyz"]);
        assert!(live.1 * live.2 >= 60, "a slow node is killed after {} s", live.1 * live.2);
        assert!(startup.1 * startup.2 >= RECOVERY.as_secs() as i32);
        let tls = variables(&rendering, 0).contains_key("LIKEWISE_TLS_KEY_FILE");
        let scheme = if tls { "HTTPS" } else { "HTTP" };
        for probe in [&node.startup_probe, &node.liveness_probe, &node.readiness_probe] {
            let get = probe.as_ref().unwrap().http_get.as_ref().unwrap();
            assert_eq!(get.scheme.as_deref().unwrap_or("HTTP"), scheme, "{}", rendering.name);
        }
    }
}

#[test]
fn a_stop_has_the_time_that_it_takes() {
    for rendering in renderings() {
        let pod = pods(&rendering).remove(0);
        let hook = pod.containers[0].lifecycle.as_ref().unwrap().pre_stop.as_ref().unwrap();
        let slept = Duration::from_secs(hook.sleep.as_ref().unwrap().seconds.try_into().unwrap());
        assert!(slept >= Duration::from_secs(5), "services look away late");
        let delay = variables(&rendering, 0).get("LIKEWISE_DRAIN_DELAY").cloned();
        let delay = delay.map(|delay| humantime::parse_duration(&delay).unwrap());
        let drained = ServeLimits::default().drain_time;
        let longest = slept + delay.unwrap_or_default() + drained + FLUSH_TIME + LAST_SYNC;
        let grace = pod.termination_grace_period_seconds.unwrap();
        let grace = Duration::from_secs(grace.try_into().unwrap());
        assert!(grace >= longest, "{}: {grace:?} for {longest:?}", rendering.name);
    }
}

#[test]
fn an_update_waits_until_a_voter_votes_again() {
    for rendering in renderings() {
        let spec = rendering.the::<StatefulSet>().spec;
        // It is content after five seconds with those that make a majority with it.
        assert!(spec.min_ready_seconds.unwrap() >= 10, "{}", rendering.name);
        assert_eq!(spec.update_strategy, None, "one after the other is what is done unless said");
    }
}

#[test]
fn a_mounted_key_is_where_the_settings_say() {
    for rendering in renderings() {
        let node = node(&rendering);
        let pod = pods(&rendering).remove(0);
        let mut files = 0;
        for (name, file) in variables(&rendering, 0) {
            if !name.starts_with("LIKEWISE_") || !name.ends_with("_FILE") {
                continue;
            }
            files += 1;
            let (folder, key) = file.rsplit_once('/').unwrap();
            let mut mounts = node.volume_mounts.iter().flatten();
            let mount = mounts.find(|mount| mount.mount_path == folder);
            let mount = mount.unwrap_or_else(|| panic!("{name}: nothing is mounted at {folder}"));
            assert_eq!(mount.read_only, Some(true));
            // A mount of a single file would never be renewed.
            assert_eq!(mount.sub_path, None);
            let mut volumes = pod.volumes.iter().flatten();
            let volume = volumes.find(|volume| volume.name == mount.name).unwrap();
            let secret = volume.secret.as_ref().unwrap();
            for rendered in rendering.all::<Secret>() {
                if rendered.metadata.name == secret.secret_name {
                    assert!(rendered.data.unwrap().contains_key(key), "{key}");
                }
            }
            assert_eq!(secret.items, None);
            assert_eq!(secret.default_mode, Some(0o400));
        }
        assert_eq!(files, if rendering.name == "helm-everything" { 5 } else { 1 });
    }
}

#[test]
fn no_key_is_in_this_repository() {
    let secrets = renderings().into_iter().flat_map(|rendering| rendering.all::<Secret>());
    let mut seen = 0;
    for secret in secrets {
        for (key, value) in secret.data.unwrap() {
            seen += 1;
            let text = String::from_utf8(value.0).unwrap();
            assert!(text.lines().all(|line| line.starts_with('#')), "{key} holds something");
        }
    }
    assert_eq!(seen, 3);
}
