//! Two nodes of a cluster, one of which has a disk of its own and gets into trouble, each with clients of
//! its own: what the one acknowledged must be on its own disk, whatever the other holds.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::ask::{PATIENCE, agent, check, fetch, until};
use super::ballast::{Refusal, refusal};
use super::load::Load;
use super::nodes::{Node, Setup, until_together};
use super::record::Record;
use super::tally::Tally;

/// The first user of the other node's clients.
const SHIFT: usize = 1_000_000;

/// Two nodes under load.
pub(crate) struct Pair {
    /// The one in trouble.
    pub(crate) troubled: Node,
    pub(crate) other: Node,
    pub(crate) load: Load,
    pub(crate) other_load: Load,
    _folder: TempDir,
}

impl Pair {
    /// Starts both, the one with its data on `disk`.
    pub(crate) fn start(disk: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let troubled = Setup::new("troubled", disk).start();
        let other = Setup::new("other", folder.path()).join(&troubled.address).start();
        until_together(&[&troubled, &other]);
        let load = Load::start(vec![troubled.url.clone()], 0);
        let other_load = Load::start(vec![other.url.clone()], SHIFT);
        Self { troubled, other, load, other_load, _folder: folder }
    }

    /// A write that the node in trouble does not take, and what it says.
    pub(crate) fn refused(&self) -> Refusal {
        let url = format!("{}/v1/posts/trouble/likes/somebody?seen=0", self.troubled.url);
        until("writes are refused", PATIENCE, || {
            let mut answer = agent(PATIENCE).put(&url).send_empty().map_err(|it| it.to_string())?;
            let status = answer.status().as_u16();
            let body = answer.body_mut().read_to_string().map_err(|it| it.to_string())?;
            check(status != 200, || body.clone())?;
            Ok(refusal(status, &body))
        })
    }

    /// Both serve what they hold, and the other one also takes writes.
    pub(crate) fn assert_served(&self, count: usize) {
        self.other_load.until_more(count);
        for node in [&self.troubled, &self.other] {
            let (status, body) = fetch(&format!("{}/v1/posts/post-0", node.url)).unwrap();
            assert_eq!(status, 200, "{body}");
            assert!(serde_json::from_str::<Value>(&body).unwrap()["likes"].is_u64(), "{body}");
        }
    }

    /// All that the node in trouble acknowledged is there.
    pub(crate) fn audit_troubled(&self, tally: &mut Tally, before: &Record) {
        let now = || {
            let mut now = self.load.record();
            now.merge(&self.other_load.record());
            now
        };
        tally.audit(&self.troubled.url, before, now);
    }

    /// Stops the clients and audits both nodes.
    pub(crate) fn finish(self, tally: &mut Tally) -> (Node, Node, TempDir) {
        let mut record = tally.stop(self.load);
        record.merge(&tally.stop(self.other_load));
        until_together(&[&self.troubled, &self.other]);
        tally.audit_all(&[&self.troubled, &self.other], &record);
        (self.troubled, self.other, self._folder)
    }
}
