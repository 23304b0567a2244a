//! A full and a failing disk: writes are refused and never falsely acknowledged, reads go on, and with
//! space writes go on too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use likewise::node::{Node, NodeThread, WriteError};
use likewise_journal::disk::memory::{Faults, MemoryDisk};
use likewise_journal::journal::{Journal, Options};
use likewise_journal::limits::SEGMENT_BYTES_MIN;
use likewise_journal::store::StoreId;
use likewise_replica::member::NodeId;
use likewise_replica::write::Writes;
use likewise_state::id::Like;
use likewise_state::length::{Action, CausalLength};
use likewise_state::state::{Keys, State};

use super::process::PATIENCE;

fn start(disk: &MemoryDisk) -> (Node, NodeThread) {
    let state = Arc::new(State::new(Keys::for_tests()));
    let mut options = Options::new(StoreId([7; 16]), "tested");
    options.segment_bytes = SEGMENT_BYTES_MIN;
    let (journal, _) = Journal::open(disk.clone(), options, &state).unwrap();
    let (node, thread) = Node::start(NodeId(1), "tested".to_owned(), state, Some(journal), None);
    node.alone();
    (node, thread)
}

async fn like(node: &Node, user: usize) -> Result<(), WriteError> {
    let user = format!("user-{user:0>100}");
    let like = Like::new("post", "like", &user).unwrap();
    let outcomes = node.write(Writes::one(like, Action::Like, CausalLength::new(0))).await?;
    assert_eq!(outcomes.len(), 1);
    Ok(())
}

/// Likes by ever new users until one is refused, and how many were acknowledged before.
async fn like_until_refused(node: &Node) -> (usize, WriteError) {
    for user in 0..10_000 {
        if let Err(error) = like(node, user).await {
            return (user, error);
        }
    }
    panic!("the fault was never met");
}

async fn wait_until_writable(node: &Node) {
    let deadline = Instant::now() + PATIENCE;
    while !node.status().writable {
        assert!(Instant::now() < deadline, "{:?}", node.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn likes_after_a_power_cut(disk: &MemoryDisk) -> u64 {
    let (node, thread) = start(&disk.after_power_cut(|_| 0));
    let likes = node.state().totals().likes;
    thread.stop().unwrap();
    likes
}

#[tokio::test]
async fn on_a_full_disk_reads_go_on_and_with_space_writes_do_too() {
    let disk = MemoryDisk::default();
    let (node, thread) = start(&disk);
    disk.set_faults(Faults { bytes_max: Some(64 << 10), ..Faults::default() });
    let (acknowledged, error) = like_until_refused(&node).await;
    assert!(matches!(error, WriteError::ReadOnly { .. }), "{error}");
    assert!(acknowledged > 100, "{acknowledged}");
    assert!(!node.status().ready);
    assert!(node.figures().read_only);
    assert!(node.state().totals().likes >= acknowledged as u64, "reads go on");
    assert!(like(&node, acknowledged + 1).await.is_err());
    assert!(likes_after_a_power_cut(&disk) >= acknowledged as u64);

    disk.set_faults(Faults::default());
    wait_until_writable(&node).await;
    for user in 0..acknowledged + 10 {
        like(&node, user).await.unwrap();
    }
    assert_eq!(likes_after_a_power_cut(&disk), acknowledged as u64 + 10);
    thread.stop().unwrap();
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_until_a_restart() {
    let disk = MemoryDisk::default();
    let (node, thread) = start(&disk);
    like(&node, 0).await.unwrap();
    disk.set_faults(Faults { sync: true, ..Faults::default() });
    assert!(matches!(like(&node, 1).await, Err(WriteError::ReadOnly { .. })));
    disk.set_faults(Faults::default());
    assert!(like(&node, 0).await.is_err(), "not even what was durable before");
    assert!(!node.status().ready);
    assert!(thread.stop().is_err());
    assert_eq!(likes_after_a_power_cut(&disk), 1);
}
