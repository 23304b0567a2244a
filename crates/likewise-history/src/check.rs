//! The search for an order that explains each reply.
//!
//! It goes forward: of the steps that wait for no other (they are *open*) one is done next on a post in
//! memory, until all that ended are done, and back where it got stuck. A situation (what is done, and the
//! post) that was left without success is remembered and not entered again. That alone is Wing and Gong with
//! Lowe's memory. What follows keeps it small; an *explanation* of a situation is an order of the steps that
//! are left, as many of the unended ones as one likes left out, in which all get their replies.
//!
//! **At once.** An open step that ended, and now gets its reply and changes nothing, is done now and nothing
//! else is tried. For let there be any explanation: move that step to its front. It waits for no other, and
//! gets its reply there. The others see what they saw if it did not change anything in its old place either.
//! A read never does. A raise that is behind the like now is behind it for ever, as lengths only grow. A set
//! that was told the length that the like has now can't have changed it later: it would have been told more.
//!
//! **Pins.** A reply with a length means that the like has this length at that instant. So a like is never
//! raised beyond a length that a step that is left, open or not yet, was told.
//!
//! **The best explanation.** So what is left to choose among are writes that change the post. Of all explanations
//! of a situation take those with the fewest unended steps, and of them the one where step 0 comes earliest, if
//! that is a tie step 1, and so on (steps are numbered by their ends, then the unended ones by begin). It has the
//! following properties, so what has not is not tried. `x` is the step before `y`, both changed the post.
//!
//! 1. If they are about different likes then `x < y`. Otherwise they could change places: neither notices, and
//!    `y` does not wait for `x`, which ended no earlier.
//! 2. If `x` is unended and `y` is a raise of the same like, then `x` could be left out.
//! 3. If unended steps of more than one like follow each other, the next that ended is a count or a list.
//!    Otherwise it is about one like, and the unended steps of other likes could be put right after it.
//! 4. Of *twins*, open steps that ask for the same change of the same like, only the first changes it:
//!    otherwise they could change places, or, if only the first had ended, the second could be left out. A
//!    twin that is done as the second changes nothing, so both may stand in either place. Neither wait is
//!    broken: both are open, and the second ends no earlier than the first.
//!
//! Rules 1 to 3 speak of what follows a write, so the write is part of the situation, as [`Run`]. After a
//! step done at once it is forgotten: the rules hold for the best explanation of the situation as it is
//! then, and there is one whenever there is any.

use std::collections::BTreeSet;

use crate::post::{Effect, Post};
use crate::steps::{Act, Steps};
use crate::timeline::Timeline;

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An order that explains each reply.
    Explained,
    /// That there is none.
    Impossible,
    /// Nothing in so many steps.
    Undecided,
}

/// The search, where it stands.
#[derive(Debug)]
pub(crate) struct Search {
    steps: Steps,
    timeline: Timeline,
    post: Post,
    /// Of each user the lengths that replies told, by length, and how many of them are still left.
    pins: Vec<Vec<(u32, usize)>>,
    /// How many that ended are left.
    left: usize,
    /// A bit a step.
    done: Vec<u64>,
    /// What was done, in order, and the length that it raised a like from.
    path: Vec<(usize, Option<(usize, u32)>)>,
    seen: BTreeSet<Box<[u64]>>,
    situations_left: u64,
}

/// The writes just done, as far as they say what may follow.
#[derive(Clone, Copy, Debug)]
enum Run {
    /// Whatever.
    Fresh,
    /// The last of them, whose like that was, and whether unended ones of several likes follow each other.
    After { step: usize, user: usize, mixed: bool },
}

/// A situation in which there is something to choose.
#[derive(Debug)]
struct Branch {
    path: usize,
    run: Run,
    /// The steps to try, last first, and whose likes they are about.
    untried: Vec<(usize, usize)>,
}

impl Search {
    pub(crate) fn new(steps: Steps, situations_max: u64) -> Self {
        let mut pins: Vec<Vec<(u32, usize)>> = vec![Vec::new(); steps.users];
        for (user, length) in steps.steps.iter().filter_map(|step| step.pins()) {
            match pins[user].binary_search_by_key(&length, |&(length, _)| length) {
                Ok(place) => pins[user][place].1 += 1,
                Err(place) => pins[user].insert(place, (length, 1)),
            }
        }
        Self {
            timeline: Timeline::new(&steps.steps),
            post: Post::new(steps.users),
            pins,
            left: steps.ended,
            done: vec![0; steps.steps.len().div_ceil(64)],
            path: Vec::new(),
            seen: BTreeSet::new(),
            situations_left: situations_max,
            steps,
        }
    }

    pub(crate) fn run(mut self) -> Outcome {
        if self.steps.absurd {
            return Outcome::Impossible;
        }
        self.do_at_once();
        let mut branches = Vec::new();
        let mut run = Run::Fresh;
        loop {
            if self.left == 0 {
                return Outcome::Explained;
            }
            if let Some(branch) = self.enter(run) {
                if self.situations_left == 0 {
                    return Outcome::Undecided;
                }
                self.situations_left -= 1;
                branches.push(branch);
            }
            let Some((branch, (step, user))) = next(&mut branches) else {
                return Outcome::Impossible;
            };
            self.go_back(branch.path);
            run = self.follow(branch.run, step, user);
            self.advance(step);
            if !self.waits_for_all(run) && self.do_at_once() {
                run = Run::Fresh;
            }
        }
    }

    /// The situation now, if there is anything to try in it and it was not seen before.
    fn enter(&mut self, run: Run) -> Option<Branch> {
        let mut untried = self.changes();
        let choices = untried.len();
        untried.retain(|&(step, user)| self.may_follow(run, step, user));
        if untried.is_empty() {
            return None;
        }
        let run = if untried.len() == choices && !is_mixed(run) { Run::Fresh } else { run };
        if self.seen.contains(&self.key(Run::Fresh)) || !self.seen.insert(self.key(run)) {
            return None;
        }
        untried.sort_unstable_by(|a, b| b.cmp(a));
        Some(Branch { path: self.path.len(), run, untried })
    }

    /// The open steps that could change the post now, and whose likes they change; of twins the first.
    fn changes(&self) -> Vec<(usize, usize)> {
        let mut changes: Vec<(usize, usize)> = Vec::new();
        for step in self.timeline.open() {
            let Effect::Raises { user, from, to } = self.post.effect(&self.steps.steps[step])
            else {
                continue;
            };
            if self.is_pinned(user, from, to) {
                continue;
            }
            let twin = |&&mut (other, _): &&mut (usize, usize)| {
                self.steps.steps[other].is_twin_of(&self.steps.steps[step])
            };
            match changes.iter_mut().find(twin) {
                Some(twin) => twin.0 = twin.0.min(step),
                None => changes.push((step, user)),
            }
        }
        changes
    }

    /// Whether a step that is left was told a length that would be passed by.
    fn is_pinned(&self, user: usize, from: u32, to: u32) -> bool {
        let pins = &self.pins[user];
        let first = pins.partition_point(|&(length, _)| length < from);
        pins[first..].iter().take_while(|&&(length, _)| length < to).any(|&(_, left)| left > 0)
    }

    /// Rules 1 to 3.
    fn may_follow(&self, run: Run, step: usize, user: usize) -> bool {
        let Run::After { step: last, user: last_user, mixed } = run else { return true };
        let is_raise = matches!(self.steps.steps[step].act, Act::Raise { .. });
        match (self.is_ended(last), self.is_ended(step)) {
            (false, true) => user == last_user && !mixed && !is_raise,
            (false, false) if user == last_user => !is_raise,
            _ => user == last_user || step > last,
        }
    }

    fn follow(&self, run: Run, step: usize, user: usize) -> Run {
        let mixed = match run {
            Run::After { step: last, user: last_user, mixed } => {
                !self.is_ended(step) && !self.is_ended(last) && (mixed || user != last_user)
            }
            Run::Fresh => false,
        };
        Run::After { step, user, mixed }
    }

    /// Rule 3: whether a count or a list must be next, and none would get its reply.
    fn waits_for_all(&self, run: Run) -> bool {
        is_mixed(run)
            && !self.timeline.open().any(|step| {
                let step = &self.steps.steps[step];
                matches!(step.act, Act::Count { .. } | Act::List { .. })
                    && self.post.effect(step) == Effect::Agrees
            })
    }

    /// Does what can be done at once, and says whether there was anything.
    fn do_at_once(&mut self) -> bool {
        let before = self.path.len();
        loop {
            let at_once: Vec<usize> = self
                .timeline
                .open()
                .filter(|&step| self.post.effect(&self.steps.steps[step]) == Effect::Agrees)
                .collect();
            if at_once.is_empty() {
                return self.path.len() > before;
            }
            at_once.into_iter().for_each(|step| self.advance(step));
        }
    }

    fn is_ended(&self, step: usize) -> bool {
        step < self.steps.ended
    }

    fn advance(&mut self, step: usize) {
        let raised = match self.post.effect(&self.steps.steps[step]) {
            Effect::Raises { user, from, to } => {
                self.post.put(user, to);
                Some((user, from))
            }
            Effect::Agrees | Effect::None => None,
        };
        self.timeline.take(step);
        self.done[step / 64] |= 1 << (step % 64);
        self.left -= usize::from(self.is_ended(step));
        self.unpin(step, |left| left - 1);
        self.path.push((step, raised));
    }

    fn go_back(&mut self, to: usize) {
        while self.path.len() > to {
            let Some((step, raised)) = self.path.pop() else { return };
            if let Some((user, from)) = raised {
                self.post.put(user, from);
            }
            self.timeline.put_back(step);
            self.done[step / 64] &= !(1 << (step % 64));
            self.left += usize::from(self.is_ended(step));
            self.unpin(step, |left| left + 1);
        }
    }

    fn unpin(&mut self, step: usize, change: impl Fn(usize) -> usize) {
        let Some((user, told)) = self.steps.steps[step].pins() else { return };
        let pins = &mut self.pins[user];
        if let Ok(place) = pins.binary_search_by_key(&told, |&(length, _)| length) {
            pins[place].1 = change(pins[place].1);
        }
    }

    /// What is done, the post and the run, as numbers. Words of steps that are all done are counted, and the
    /// zeros at the end left out: in long histories most are the one or the other. That the lengths are always
    /// as many makes it unique.
    fn key(&self, run: Run) -> Box<[u64]> {
        let full = self.done.iter().take_while(|&&word| word == u64::MAX).count();
        let used =
            self.done.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1).max(full);
        let run = match run {
            Run::Fresh => 0,
            Run::After { step, mixed, .. } => (step as u64 + 1) * 2 + u64::from(mixed),
        };
        let lengths = self
            .post
            .lengths()
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |word, &length| word << 32 | u64::from(length)));
        let done = self.done[full..used].iter().copied();
        [full as u64, run].into_iter().chain(done).chain(lengths).collect()
    }
}

fn is_mixed(run: Run) -> bool {
    matches!(run, Run::After { mixed: true, .. })
}

/// The next step to try, in the deepest situation that has one.
fn next(branches: &mut Vec<Branch>) -> Option<(&Branch, (usize, usize))> {
    while branches.last().is_some_and(|branch| branch.untried.is_empty()) {
        branches.pop();
    }
    let branch = branches.last_mut()?;
    let step = branch.untried.pop()?;
    Some((branch, step))
}
