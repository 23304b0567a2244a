//! `helm test`: what its containers run is what the program understands, and meets each node.

use clap::FromArgMatches;
use k8s_openapi::api::core::v1::{Container, Pod};
use likewise::args::{Args, Command, CountArgs, command};
use likewise_deploy::{Rendering, renderings};

use super::pods::node;
use super::settings::{names, replicas};

fn typed(container: &Container) -> Command {
    let arguments = container.args.iter().flatten().map(String::as_str);
    let arguments = ["likewise"].into_iter().chain(arguments);
    let matches = command().try_get_matches_from(arguments);
    let matches = matches.unwrap_or_else(|error| panic!("{}: {error}", container.name));
    Args::from_arg_matches(&matches).unwrap().command
}

/// The URL of each node, as pods reach it.
fn urls(rendering: &Rendering) -> Vec<String> {
    let (set, nodes) = names(rendering);
    let tls = rendering.name == "helm-everything";
    let scheme = if tls { "https" } else { "http" };
    let url = |number: i32| format!("{scheme}://{set}-{number}.{nodes}:8080");
    (0..replicas(rendering)).map(url).collect()
}

fn expects(command: Command, likes: u64) -> String {
    let Command::Count(CountArgs { posts, expect, node, .. }) = command else {
        panic!("{command:?}")
    };
    assert_eq!((posts, expect), (vec!["helm-test".to_owned()], Some(likes)));
    node.url
}

#[test]
fn a_like_is_read_back_from_every_node_and_so_is_its_end() {
    let mut tested = 0;
    for rendering in renderings() {
        for pod in rendering.all::<Pod>() {
            tested += 1;
            let spec = pod.spec.unwrap();
            let urls = urls(&rendering);
            let steps = spec.init_containers.unwrap();
            let [like, reads @ .., unlike] = &steps[..] else { panic!("too few steps") };
            let (Command::Like(like), Command::Unlike(unlike)) = (typed(like), typed(unlike))
            else {
                panic!("{}: a like first, and its end last", rendering.name)
            };
            assert_eq!((&like.post, &like.user), (&unlike.post, &unlike.user));
            assert_eq!(like.post, "helm-test");
            assert_eq!((&like.node.url, &unlike.node.url), (&urls[0], &urls[urls.len() - 1]));
            let reads: Vec<String> = reads.iter().map(|read| expects(typed(read), 1)).collect();
            assert_eq!(reads, urls);
            let again = spec.containers.iter().map(|read| expects(typed(read), 0));
            assert_eq!(again.collect::<Vec<_>>(), urls);
            for container in steps.iter().chain(&spec.containers) {
                assert_eq!(container.image, node(&rendering).image);
            }
            let hook = &pod.metadata.annotations.unwrap()["helm.sh/hook"];
            assert_eq!(hook, "test");
        }
    }
    assert_eq!(tested, 4);
}

#[test]
fn its_variables_are_those_of_a_client() {
    let command = command();
    let known: Vec<String> = command
        .find_subcommand("count")
        .unwrap()
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned))
        // The token itself is no flag: it would be seen in the list of processes.
        .chain(["LIKEWISE_TOKEN".to_owned(), "LIKEWISE_CA_FILE".to_owned()])
        .collect();
    for rendering in renderings() {
        for pod in rendering.all::<Pod>() {
            for container in pod.spec.unwrap().containers {
                for variable in container.env.into_iter().flatten() {
                    assert!(known.contains(&variable.name), "{}", variable.name);
                }
            }
        }
    }
}
