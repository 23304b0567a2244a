//! What the standard "restricted" of Pod Security asks of each pod, and a little more.

use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};
use likewise_deploy::renderings;

use super::pods::{containers, pods};

/// What a volume may be; the standard allows some more that are not used here.
fn is_plain(volume: &Volume) -> bool {
    volume.secret.is_some() || volume.empty_dir.is_some()
}

fn offences(pod: &PodSpec) -> Vec<String> {
    let mut offences = Vec::new();
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            offences.push(what.to_owned());
        }
    };
    let security = pod.security_context.clone().unwrap_or_default();
    demand(security.run_as_non_root == Some(true), "runAsNonRoot");
    demand(security.run_as_user.is_some_and(|user| user != 0), "runAsUser");
    let profile = security.seccomp_profile.map(|profile| profile.type_);
    demand(profile.as_deref() == Some("RuntimeDefault"), "seccompProfile");
    demand(security.sysctls.is_none() && security.se_linux_options.is_none(), "sysctls, SELinux");
    let host = [pod.host_network, pod.host_pid, pod.host_ipc];
    demand(host.iter().all(|shared| *shared != Some(true)), "what is the host's");
    demand(pod.volumes.iter().flatten().all(is_plain), "volumes");
    demand(pod.automount_service_account_token == Some(false), "token");
    demand(pod.enable_service_links == Some(false), "variables for each service of the namespace");
    for container in containers(pod) {
        container_offences(container, &mut demand);
    }
    offences
}

fn container_offences(container: &Container, demand: &mut impl FnMut(bool, &str)) {
    let security = container.security_context.clone().unwrap_or_default();
    demand(security.allow_privilege_escalation == Some(false), "allowPrivilegeEscalation");
    demand(security.read_only_root_filesystem == Some(true), "readOnlyRootFilesystem");
    demand(security.privileged != Some(true) && security.proc_mount.is_none(), "privileged");
    demand(security.run_as_user.is_none() && security.run_as_non_root.is_none(), "another user");
    let capabilities = security.capabilities.unwrap_or_default();
    demand(capabilities.drop.as_deref() == Some(&["ALL".to_owned()]), "drop");
    demand(capabilities.add.is_none(), "add");
    let ports = container.ports.iter().flatten();
    demand(ports.clone().all(|port| port.host_port.is_none()), "hostPort");
    let resources = container.resources.clone().unwrap_or_default();
    let limits = resources.limits.unwrap_or_default();
    demand(limits.keys().eq(["memory"]), "a limit for memory, and for nothing else");
    demand(resources.requests.is_some_and(|requests| requests.len() == 2), "requests");
}

#[test]
fn every_pod_keeps_to_the_restricted_standard() {
    for rendering in renderings() {
        for pod in pods(&rendering) {
            assert_eq!(offences(&pod), [""; 0], "{}", rendering.name);
        }
    }
}

#[test]
fn a_pod_that_does_not_is_found_out() {
    let pod = pods(&renderings().remove(0)).remove(0);
    let judged = |change: &dyn Fn(&mut PodSpec)| {
        let mut pod = pod.clone();
        change(&mut pod);
        offences(&pod)
    };
    assert_eq!(judged(&|pod| pod.host_network = Some(true)), ["what is the host's"]);
    assert_eq!(judged(&|pod| pod.security_context = None).len(), 3);
    assert_eq!(judged(&|pod| pod.containers[0].security_context = None).len(), 3);
    assert_eq!(judged(&|pod| pod.containers[0].resources = None).len(), 2);
}
