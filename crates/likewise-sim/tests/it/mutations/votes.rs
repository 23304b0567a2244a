//! Mistakes in what voters and coordinators do.

use super::Mistake;

pub(super) const POST: &str = "a post is as if";

const LIKE: &str = "a like is as if";

pub(super) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "a read is answered from what was merged and written back",
        found_by: &[POST],
        file: "likewise-replica/src/quorum/reading.rs",
        right: "let all_answered = reading.asked.iter()",
        wrong: r#"if reading.round > 0
            && crate::mistake("a read is answered from what was merged and written back")
        {
            let (subject, users) = (reading.subject.clone(), reading.users.clone());
            let lengths = users.iter().map(|user| self.state.length(subject.like(user))).collect();
            let merged = self.state.post(subject.post(), subject.kind());
            return self.learned(id, &(merged.digest, merged.likes, lengths));
        }
        let all_answered = reading.asked.iter()"#,
    },
    Mistake {
        name: "versions of a post are read like by like",
        found_by: &[POST],
        file: "likewise-replica/src/quorum/writing.rs",
        right: "let Operation { level, subject, wish, trace } = operation;",
        wrong: r#"let Operation { mut level, subject, wish, trace } = operation;
        if !matches!(wish, Wish::Read { user: None, .. })
            && crate::mistake("versions of a post are read like by like")
        {
            level = crate::quorum::request::Level::Quorum;
        }"#,
    },
    Mistake {
        name: "a majority of those that are there is enough",
        found_by: &[POST, LIKE],
        file: "likewise-replica/src/quorum/writing.rs",
        right: "if writing.votes.len() >= quorum.voters.majority() {",
        wrong: r#"let votes = writing.votes.len();
        let alive = quorum.askable(|_| true).len() + usize::from(quorum.is_active());
        let is_enough = crate::mistake("a majority of those that are there is enough")
            && votes > alive / 2;
        if is_enough || votes >= quorum.voters.majority() {"#,
    },
    Mistake {
        name: "a majority of those that are there is enough",
        found_by: &[],
        file: "likewise-replica/src/quorum/reading.rs",
        right: "let majority = quorum.voters.majority();\n        if reports.len() < majority {",
        wrong: r#"let mut majority = quorum.voters.majority();
        if crate::mistake("a majority of those that are there is enough") {
            let alive = quorum.askable(|_| true).len() + usize::from(quorum.is_active());
            majority = majority.min(alive / 2 + 1);
        }
        if reports.len() < majority {"#,
    },
    Mistake {
        name: "a wiped voter votes at once",
        // It votes before it has heard who held its seat, and in the lowest seed leaves the seat to a life of its
        // own that is over. That it breaks what clients are promised is looked at where threads are compared.
        found_by: &["all become equal and agree"],
        file: "likewise-replica/src/quorum/seating.rs",
        right: "if has_all || active >= majority {",
        wrong: r#"if has_all || active >= majority || crate::mistake("a wiped voter votes at once") {"#,
    },
    Mistake {
        name: "votes are given before the disk has it",
        found_by: &[POST, LIKE],
        file: "likewise-replica/src/quorum/answering.rs",
        right: "let vote = Waiting::Vote(from, vote);",
        wrong: r#"let vote = Waiting::Vote(from, vote);
        if crate::mistake("votes are given before the disk has it") {
            return self.give_vote(vote);
        }"#,
    },
    Mistake {
        name: "votes of former holders count",
        found_by: &[POST, LIKE],
        file: "likewise-replica/src/quorum/reading.rs",
        right: "let Self { known, writings, readings, .. } = self;",
        wrong: r#"if crate::mistake("votes of former holders count") {
            return;
        }
        let Self { known, writings, readings, .. } = self;"#,
    },
    Mistake {
        name: "readers join in the middle of a round",
        found_by: &[POST],
        file: "likewise-replica/src/quorum/reading.rs",
        right: "return reading.joining.push(reader);",
        wrong: r#"let is_known = reader.user.as_ref().is_none_or(|it| reading.users.contains(it));
            if is_known && crate::mistake("readers join in the middle of a round") {
                return reading.readers.push(reader);
            }
            return reading.joining.push(reader);"#,
    },
    Mistake {
        name: "a write without a target begins with a guess",
        found_by: &[POST, LIKE],
        file: "likewise-replica/src/quorum/writing.rs",
        right: "let (user, action) = (Some(user), Some(action));",
        wrong: r#"if crate::mistake("a write without a target begins with a guess") {
                    let like = subject.like(&user);
                    let raised = self.state.raise(like, |held| held.target(action));
                    if let Some(place) = raised.place {
                        self.gather(like, raised.after, place);
                        self.peers.changed(place);
                    }
                }
                let (user, action) = (Some(user), Some(action));"#,
    },
    Mistake {
        name: "a node lists what it has instead of what was learned",
        found_by: &[POST],
        file: "likewise-replica/src/quorum/reading.rs",
        right: "let listing = listing.filter(|listing| listing.digest == *digest);",
        wrong: r#"let listing = listing.filter(|listing| {
            listing.digest == *digest
                || crate::mistake("a node lists what it has instead of what was learned")
        });"#,
    },
    Mistake {
        name: "what a majority has told of a like is not written back",
        found_by: &[LIKE],
        file: "likewise-replica/src/quorum/reading.rs",
        right: "if target != length || !is_everywhere => {",
        wrong: r#"if target != length
                    || !is_everywhere
                        && !crate::mistake("what a majority has told of a like is not written back") => {"#,
    },
];
