//! The image: pods run as the user that owns its data folder, with the ports that it says.

use std::collections::BTreeSet;

use likewise_deploy::{renderings, text};

use super::pods::{node, pods};

/// What follows an instruction of the Dockerfile, each time that it stands there.
fn instructions(name: &str) -> Vec<String> {
    let dockerfile = text("deploy/Dockerfile");
    let lines = dockerfile.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    lines.map(|rest| rest.trim().to_owned()).collect()
}

#[test]
fn pods_run_as_the_user_of_the_image() {
    let users = instructions("USER");
    let [user] = &users[..] else { panic!("one user, not {users:?}") };
    for rendering in renderings() {
        for pod in pods(&rendering) {
            let security = pod.security_context.unwrap();
            let (id, group) = (security.run_as_user.unwrap(), security.run_as_group.unwrap());
            assert_eq!(format!("{id}:{group}"), *user, "{}", rendering.name);
            assert_eq!(security.fs_group, Some(group), "its volumes are writable by the group");
        }
    }
}

#[test]
fn pods_have_the_ports_and_the_program_of_the_image() {
    let exposed: BTreeSet<String> = instructions("EXPOSE")
        .iter()
        .flat_map(|ports| ports.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .map(|port| if port.contains('/') { port } else { port + "/tcp" })
        .collect();
    assert_eq!(instructions("ENTRYPOINT"), [r#"["/likewise"]"#]);
    for rendering in renderings() {
        let node = node(&rendering);
        assert_eq!(node.command, None, "the image says what runs");
        let ports = node.ports.unwrap().into_iter().map(|port| {
            let protocol = port.protocol.unwrap_or_else(|| "TCP".to_owned()).to_lowercase();
            format!("{}/{protocol}", port.container_port)
        });
        assert_eq!(ports.collect::<BTreeSet<_>>(), exposed, "{}", rendering.name);
    }
}
