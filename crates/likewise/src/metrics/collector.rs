//! The node's own figures, read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::cluster::Cluster;
use crate::metrics::lines::Lines;
use crate::metrics::{cluster, votes};
use crate::traces::Traces;

/// Reads the node's own figures when somebody asks for them.
pub(super) struct NodeCollector(pub(super) Cluster);

impl fmt::Debug for NodeCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeCollector").field(&self.0.node().name()).finish()
    }
}

impl Collector for NodeCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut lines = Lines(encoder);
        let node = self.0.node();
        let totals = node.state().totals();
        lines.gauge(
            "posts",
            "Posts that anybody ever touched, each kind for itself",
            totals.posts,
        )?;
        lines.gauge("likes", "Likes that count now", totals.likes)?;
        lines.gauge("users", "Users that ever touched anything", totals.users)?;
        let status = node.status();
        lines.gauge("ready", "1 while requests should be sent here", status.ready.into())?;
        lines.gauge("writable", "1 while writes are taken", status.writable.into())?;
        let figures = node.figures();
        cluster::encode(&mut lines, &self.0)?;
        node.votes().map_or(Ok(()), |view| votes::encode(&mut lines, &view))?;
        lines.gauge("queue_length", "Writes that wait for the node's thread", figures.queued)?;
        lines.counter("writes_shed", "Writes turned away because too much waited", figures.shed)?;
        if let Some(traces) = node.traces().map(Traces::figures) {
            lines.counter("trace_spans_sent", "Spans that the collector took", traces.sent())?;
            lines.counter("trace_spans_lost", "Spans that it did not take", traces.lost())?;
        }
        let Some(journal) = figures.journal else { return Ok(()) };
        lines.counter("journal_commits", "Group commits", journal.commits)?;
        lines.bytes("journal_committed", "Bytes of group commits", journal.committed_bytes)?;
        lines.counter("journal_entries", "Entries written by group commits", journal.entries)?;
        lines.counter("journal_syncs", "Syncs of the journal to the disk", journal.syncs)?;
        let help = "Time that group commits took";
        lines.seconds("journal_commit", help, journal.commit_total.as_secs_f64())?;
        let help = "How long the oldest batch has been waiting to be made durable";
        lines.time("journal_waiting", help, figures.persisting.as_secs_f64())?;
        lines.counter("journal_snapshots", "Snapshots written", journal.snapshots)?;
        let help = "Size of the journal since the newest snapshot was begun";
        lines.size("journal_size", help, journal.journal_bytes)?;
        lines.size("snapshot_size", "Size of the newest snapshot", journal.snapshot_bytes)?;
        lines.gauge("journal_segments", "Segment files of the journal in use", journal.segments)
    }
}
