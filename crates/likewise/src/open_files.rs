//! How many files and connections the system lets this process have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a node needs beside its HTTP connections: links, the journal, gossip and some room.
const OTHERS: u64 = 1_024;

/// Raises the soft limit as far as the system allows: it is there for programs that can't bear a large one,
/// and at its usual 1,024 a node would turn away clients that it has room for. Says so where even that is
/// less than what `connections` at once take.
pub fn allow(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files can't be raised");
    }
    let wanted = connections as u64 + OTHERS;
    // Without a limit there is nothing to say.
    if let Some(allowed) = getrlimit(Resource::Nofile).current.filter(|&allowed| allowed < wanted) {
        tracing::warn!(
            allowed,
            wanted,
            "fewer open files are allowed than connections-max takes: raise the hard limit \
             (ulimit -Hn), or lower connections-max"
        );
    }
}
