//! What was acknowledged is there, and counts once, whatever happens to the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::process::{PATIENCE, Process, command};

const LIKES: usize = 10_000;
const CLIENTS: usize = 32;
const POSTS: usize = 97;

/// Acknowledgements after which the node is killed, while all clients are writing.
const ACKNOWLEDGED_BEFORE_THE_KILL: usize = 6_000;

/// Each like two or three times, in an order that looks random and is the same in each run.
fn requests() -> Vec<usize> {
    let mut requests: Vec<usize> = (0..LIKES).flat_map(|like| vec![like; 2 + like % 2]).collect();
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    for at in (1..requests.len()).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        requests.swap(at, (seed % (at as u64 + 1)) as usize);
    }
    requests
}

fn path(like: usize) -> String {
    format!("/v1/posts/post-{}/likes/user-{like}", like % POSTS)
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder();
    config.timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into()
}

/// Sends `requests` from all clients at once until they are done or the node is gone, and answers which
/// likes were acknowledged. `progress` is called at each acknowledgement with their number.
fn send(url: &str, requests: &[usize], progress: impl Fn(usize) + Sync) -> BTreeSet<usize> {
    let (next, count) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let acknowledged = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let agent = agent();
                while let Some(&like) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let url = format!("{url}{}?seen=0", path(like));
                    // Only an answer that was read to its end is an acknowledgement.
                    let Ok(mut response) = agent.put(&url).send_empty() else { return };
                    let Ok(body) = response.body_mut().read_to_string() else { return };
                    assert_eq!(response.status(), 200, "{body}");
                    acknowledged.lock().unwrap().insert(like);
                    progress(count.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    acknowledged.into_inner().unwrap()
}

fn get(url: &str) -> serde_json::Value {
    let body = agent().get(url).call().unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// Users of each post, by the pages of the list.
fn users(url: &str, post: usize) -> BTreeSet<String> {
    let mut users = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = get(&format!("{url}/v1/posts/post-{post}/likes?limit=1000{cursor}"));
        for user in page["users"].as_array().unwrap() {
            assert!(users.insert(user.as_str().unwrap().to_owned()), "{user} is listed twice");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return users,
        }
    }
}

fn assert_each_counts_once(url: &str) {
    let mut expected: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for like in 0..LIKES {
        expected.entry(like % POSTS).or_default().insert(format!("user-{like}"));
    }
    for (post, expected) in expected {
        let count = get(&format!("{url}/v1/posts/post-{post}"))["likes"].as_u64().unwrap();
        assert_eq!(count, expected.len() as u64, "post-{post}");
        assert_eq!(users(url, post), expected, "post-{post}");
    }
}

#[test]
fn likes_survive_a_kill_and_count_once_however_often_they_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let requests = requests();

    let node = Mutex::new(Some(Process::start(folder.path(), &[])));
    let url = node.lock().unwrap().as_ref().unwrap().url.clone();
    let acknowledged = send(&url, &requests, |count| {
        if count == ACKNOWLEDGED_BEFORE_THE_KILL {
            node.lock().unwrap().take().unwrap().kill();
        }
    });
    assert!(node.lock().unwrap().is_none(), "the node was not killed");
    assert!(acknowledged.len() < LIKES, "the kill came too late to prove anything");

    let restarted = Process::start(folder.path(), &[]);
    let found: BTreeSet<String> = (0..POSTS).flat_map(|post| users(&restarted.url, post)).collect();
    for like in &acknowledged {
        assert!(found.contains(&format!("user-{like}")), "acknowledged like {like} is lost");
    }

    let all = send(&restarted.url, &requests, |_| {});
    assert_eq!(all.len(), LIKES);
    assert_each_counts_once(&restarted.url);

    restarted.kill();
    let again = Process::start(folder.path(), &[]);
    assert_each_counts_once(&again.url);
    assert!(again.terminate().success());
}

#[test]
fn a_clean_shutdown_exits_with_0_and_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    for durability in ["always", "interval", "never"] {
        let node = Process::start(folder.path(), &["--durability", durability]);
        let like = format!("{}/v1/posts/p/likes/{durability}", node.url);
        assert_eq!(agent().put(&like).send_empty().unwrap().status(), 200);
        assert!(node.terminate().success());
    }
    let node = Process::start(folder.path(), &[]);
    assert_eq!(get(&format!("{}/v1/posts/p", node.url))["likes"], 3);
}

#[test]
fn a_second_process_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let node = Process::start(folder.path(), &[]);
    let second = command(folder.path(), &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains(&*folder.path().to_string_lossy()), "{message}");
    drop(node);
}

#[test]
fn a_corrupt_journal_is_refused_by_name_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let node = Process::start(folder.path(), &[]);
    for user in 0..3 {
        let like = format!("{}/v1/posts/p/likes/user-{user}", node.url);
        assert_eq!(agent().put(&like).send_empty().unwrap().status(), 200);
    }
    node.kill();
    let journal = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let journal = journal.min_by_key(|path| !path.to_string_lossy().contains("journal-")).unwrap();
    let mut bytes = std::fs::read(&journal).unwrap();
    let at = bytes.windows(6).position(|bytes| bytes == b"user-0").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();

    let refused = command(folder.path(), &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let message = String::from_utf8(refused.stderr).unwrap();
    let name = journal.file_name().unwrap().to_string_lossy().into_owned();
    assert!(message.contains(&name), "{message}");
    assert_eq!(std::fs::read(&journal).unwrap(), bytes);
}
