//! Mistakes in what every node does, whether there are voters or not.

use super::Mistake;

pub(super) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "whole slots are not merged",
        found_by: &["all become equal"],
        file: "likewise-replica/src/replica.rs",
        right: "let loaded = known.chunks.load_telling(&self.state, chunk, new).map(drop);",
        wrong: r#"let loaded = if crate::mistake("whole slots are not merged") { Ok(()) } else {
                    known.chunks.load_telling(&self.state, chunk, new).map(drop)
                };"#,
    },
    Mistake {
        name: "acknowledged before the sync",
        found_by: &["a client is told", "a peer is told"],
        file: "likewise-journal/src/journal.rs",
        right: "if self.options.durability == Durability::Always { self.sync() } else { Ok(()) }",
        wrong: r#"if self.options.durability == Durability::Always
            && !crate::mistake("acknowledged before the sync") { self.sync() } else { Ok(()) }"#,
    },
    Mistake {
        name: "clients are answered before the journal has it",
        found_by: &["a client is told"],
        file: "likewise-replica/src/replica.rs",
        right: "self.waiting.push(Waiting::Client(request, outcomes));",
        wrong: r#"if crate::mistake("clients are answered before the journal has it") {
            self.answers.push_back((request, Answer::Done(outcomes)));
            self.waiting.push(Waiting::Peer(LinkId(u64::MAX), 0));
        } else {
            self.waiting.push(Waiting::Client(request, outcomes));
        }"#,
    },
    Mistake {
        name: "peers are answered before the journal has it",
        found_by: &["a peer is told"],
        file: "likewise-replica/src/replica.rs",
        right: "Ok(_) => self.waiting.push(Waiting::Peer(link, frame.number)),",
        wrong: r#"Ok(_) if crate::mistake("peers are answered before the journal has it") => {
                self.peers.acknowledge(link, frame.number);
            }
            Ok(_) => self.waiting.push(Waiting::Peer(link, frame.number)),"#,
    },
    Mistake {
        name: "nothing is repaired after an overflow",
        found_by: &["all become equal"],
        file: "likewise-replica/src/peers.rs",
        right: "if !self.writable || self.filled_until().is_some() {",
        wrong: r#"let forgets = crate::mistake("nothing is repaired after an overflow");
        if forgets && self.figures.overflows > 0 {
            self.mailed.values_mut().for_each(|mailed| mailed.repair_due = None);
            self.next_repair = self.now + REPAIR_INTERVAL;
            return;
        }
        if !self.writable || self.filled_until().is_some() {"#,
    },
    Mistake {
        name: "only roots are compared",
        found_by: &["all become equal"],
        file: "likewise-replica/src/answer.rs",
        right: "if self.state.root_digest() == root {",
        wrong: r#"if self.state.root_digest() == root || crate::mistake("only roots are compared") {"#,
    },
    Mistake {
        name: "suspicion is not refuted",
        found_by: &["a suspect that lives", "all become equal"],
        file: "foca/src/lib.rs",
        right: "State::Suspect => {\n                let increase_incarnation",
        wrong: r#"State::Suspect if crate::mistake("suspicion is not refuted") => {}
            State::Suspect => {
                let increase_incarnation"#,
    },
    Mistake {
        name: "a refuted suspect is told that it is dead",
        found_by: &["a suspect that lives"],
        file: "likewise-replica/src/membership.rs",
        right: "if self.is_refuted(&timer) {",
        wrong: r#"if self.is_refuted(&timer) && !crate::mistake("a refuted suspect is told that it is dead") {"#,
    },
    Mistake {
        name: "whoever was taken for dead does not come back",
        found_by: &["all become equal"],
        file: "likewise-replica/src/membership.rs",
        right: "if defunct && self.leaving.is_none() {",
        wrong: r#"if defunct && self.leaving.is_none()
            && !crate::mistake("whoever was taken for dead does not come back") {"#,
    },
    Mistake {
        name: "seen is ignored",
        found_by: &["what a node holds", "an answer is what was asked for"],
        file: "likewise-replica/src/write.rs",
        right: "let seen = seen.unwrap_or(held);",
        wrong: r#"let seen = seen.filter(|_| !crate::mistake("seen is ignored")).unwrap_or(held);"#,
    },
    Mistake {
        name: "the later write wins",
        found_by: &["what a node holds", "nothing panics"],
        file: "likewise-state/src/state.rs",
        right: "let Some(after) = target(before).filter(|&after| after > before) else {",
        wrong: r#"let is_new = |after: &CausalLength| {
            *after > before || crate::mistake("the later write wins") && *after != before
        };
        let Some(after) = target(before).filter(is_new) else {"#,
    },
    Mistake {
        name: "a snapshot is not synced",
        found_by: &["recovery", "what was durable"],
        file: "likewise-journal/src/snapshot.rs",
        right: "out.file.sync().map_err(failed)?;",
        wrong: r#"if !crate::mistake("a snapshot is not synced") {
            out.file.sync().map_err(failed)?;
        }"#,
    },
    Mistake {
        name: "a second stream of slots does not say that it begins",
        found_by: &["what a node holds", "honest nodes understand", "all become equal"],
        file: "likewise-replica/src/outbox.rs",
        right: "if self.stream.is_none() {",
        wrong: r#"if self.stream.is_none()
                        && !crate::mistake("a second stream of slots does not say that it begins") {"#,
    },
    Mistake {
        name: "each chunk names all of its users",
        found_by: &["what a node holds", "honest nodes understand", "recovery", "what was durable"],
        file: "likewise-state/src/chunk.rs",
        right: "let mut reader = Reader::versioned(chunk, VERSION)?;",
        wrong: r#"let mut reader = Reader::versioned(chunk, VERSION)?;
        if crate::mistake("each chunk names all of its users") {
            self.users.clear();
        }"#,
    },
    Mistake {
        name: "no repair after a stall",
        found_by: &["all become equal"],
        file: "likewise-replica/src/replica.rs",
        right: "self.peers.writable = true;",
        wrong: r#"self.peers.writable = !crate::mistake("no repair after a stall");"#,
    },
    Mistake {
        name: "a peer that never asked is told of traces",
        found_by: &["traces are told"],
        file: "likewise-replica/src/peers.rs",
        right: ".filter(|mailed| mailed.takes_contexts)",
        wrong: r#".filter(|mailed| {
            mailed.takes_contexts || crate::mistake("a peer that never asked is told of traces")
        })"#,
    },
];
