//! Posts that voters stand behind, clients that ask about them, and what each was told and when: the
//! histories that must look as if there were one copy of the post.
//!
//! A few clients at a time ask about one post until they have asked enough, and go on to the next: many
//! short histories say more than a long one, and are checked faster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use likewise_history::{Call, History, Reply, Verdict};
use likewise_replica::quorum::request::{Level, Operation};
use likewise_state::id::{Kind, Like, PostId};
use likewise_state::length::{Action, CausalLength};

use crate::chance::Chance;
use crate::model::{KIND, Model, Wrong};
use crate::options::{Options, Votes};

/// Situations that a check of a history looks at before it gives up.
const STEPS_MAX: u64 = 200_000;

/// How often a client asks for the same target, which is safe.
const ATTEMPTS_MAX: u32 = 3;

/// How long clients who have asked enough rest between two looks, about.
const WATCH: Duration = Duration::from_millis(100);

/// How long those wait who wait for long.
const PATIENT: Duration = Duration::from_secs(30);

/// The part of likes and unlikes that claim to have seen what nobody may have done yet.
const BOLD: f64 = 0.1;

/// One request of a client, with all its repetitions.
pub(crate) struct Ballot {
    pub(crate) poll: usize,
    pub(crate) caller: usize,
    pub(crate) call: Call,
    /// The like or unlike that it is, and what the client says that it has seen.
    pub(crate) write: Option<(Action, Option<CausalLength>)>,
    /// Whether only one node is asked to do it.
    pub(crate) is_local: bool,
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    begun: Duration,
    ended: Option<(Duration, Reply)>,
    /// The count that came with the reply.
    likes: Option<u64>,
    /// Whether all that were asked have said that it was not done and won't be.
    is_void: bool,
    /// Whether the client still waits.
    pub(crate) is_open: bool,
}

/// What a client was told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// This, and how many like the post where that was told too.
    Reply(Reply, Option<u64>),
    /// That it was not done and won't be.
    Not,
    /// Nothing that it could rely on.
    Nothing,
}

/// A post that voters stand behind.
pub(crate) struct Poll {
    /// Its number among all posts.
    pub(crate) post: usize,
    pub(crate) level: Level,
    /// How long clients rest between two requests, about.
    pub(crate) rest: Duration,
    left: usize,
    /// Clients that are at it.
    busy: usize,
}

/// A client.
struct Caller {
    chance: Chance,
    /// The versions that it was told, of the post that it is at.
    seen: BTreeMap<usize, CausalLength>,
}

/// All of them.
pub(crate) struct Polls {
    options: Votes,
    pub(crate) polls: Vec<Poll>,
    pub(crate) ballots: Vec<Ballot>,
    callers: Vec<Caller>,
    chance: Chance,
    first_post: usize,
    until: Duration,
    latency: Duration,
    loss: f64,
}

/// What histories came to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Checked {
    pub(crate) histories: u64,
    pub(crate) undecided: u64,
}

impl Polls {
    pub(crate) fn new(options: &Options, votes: &Votes) -> Self {
        let caller = |number| Caller {
            chance: Chance::new(options.seed, &format!("caller {number}")),
            seen: BTreeMap::new(),
        };
        Self {
            polls: Vec::new(),
            ballots: Vec::new(),
            callers: (0..votes.at_once * votes.clients).map(caller).collect(),
            chance: Chance::new(options.seed, "polls"),
            first_post: options.posts,
            until: options.trouble,
            latency: options.latency,
            loss: options.loss,
            options: votes.clone(),
        }
    }

    /// Clients that are at one post together.
    pub(crate) fn groups(&self) -> usize {
        self.options.at_once
    }

    /// The callers of a group.
    pub(crate) fn group(&self, group: usize) -> std::ops::Range<usize> {
        group * self.options.clients..(group + 1) * self.options.clients
    }

    pub(crate) fn group_of(&self, caller: usize) -> usize {
        caller / self.options.clients
    }

    /// Opens the next post, for a group, and when they begin; `None` where there was enough.
    pub(crate) fn open(&mut self, group: usize) -> Option<(usize, Duration)> {
        let number = self.polls.len();
        if number >= self.options.posts {
            return None;
        }
        let is_quorum = self.chance.is(self.options.quorum);
        let level = if is_quorum { Level::Quorum } else { Level::Linearizable };
        let rest = *self.chance.pick(&[self.latency / 4, self.latency, self.latency * 10]);
        let left = self.options.requests;
        self.polls.push(Poll { post: self.first_post + number, level, rest, left, busy: 0 });
        for caller in self.group(group) {
            self.callers[caller].seen.clear();
        }
        // So that there is something to be asked for as long as things go wrong.
        let share = self.until * number as u32 / self.options.posts as u32;
        Some((number, share))
    }

    /// A client goes to a post.
    pub(crate) fn enter(&mut self, poll: usize) {
        self.polls[poll].busy += 1;
    }

    /// A client leaves a post. Whether it was the last one.
    pub(crate) fn leave(&mut self, poll: usize) -> bool {
        self.polls[poll].busy -= 1;
        self.polls[poll].busy == 0
    }

    /// Whether all clients are done.
    pub(crate) fn are_done(&self) -> bool {
        self.polls.iter().all(|poll| poll.busy == 0)
    }

    /// No post is opened any more, and little is asked about those that are.
    pub(crate) fn come_to_an_end(&mut self, requests: usize) {
        self.options.posts = self.polls.len();
        self.polls.iter_mut().for_each(|poll| poll.left = poll.left.min(requests));
    }

    /// How long a client rests.
    pub(crate) fn rest(&mut self, caller: usize, poll: usize) -> Duration {
        let Poll { rest, left, .. } = self.polls[poll];
        let rest = if left == 0 { rest.max(WATCH) } else { rest };
        self.callers[caller].chance.about(rest, 0.05)
    }

    /// The dice of a client.
    pub(crate) fn dice(&mut self, caller: usize) -> &mut Chance {
        &mut self.callers[caller].chance
    }

    /// Makes up a request about a post; `None` where there were enough.
    pub(crate) fn begin(&mut self, caller: usize, poll: usize, now: Duration) -> Option<usize> {
        let it = &mut self.polls[poll];
        it.left = it.left.checked_sub(1)?;
        let level = it.level;
        let Caller { chance, seen } = &mut self.callers[caller];
        let user = chance.below(self.options.users);
        let is_local = chance.is(self.options.local);
        let action = if chance.is(0.6) { Action::Like } else { Action::Unlike };
        let (mut call, mut write) = (Call::Version { user }, None);
        match chance.below(if level == Level::Quorum { 10 } else { 14 }) {
            _ if is_local => write = Some((action, Some(bold(chance, seen, user)))),
            0..3 => write = Some((action, Some(bold(chance, seen, user)))),
            3..6 => write = Some((action, None)),
            6..10 => {}
            10..12 => call = Call::Count,
            _ => call = Call::List,
        }
        if let Some((action, seen)) = write {
            call = match seen.and_then(|seen| seen.target(action)) {
                Some(to) => Call::Raise { user, to: to.value() },
                None => Call::Set { user, liked: action == Action::Like },
            };
        }
        let second = Duration::from_secs(1);
        let timeout = *chance.pick(&[second / 10, second / 2, second * 2, second * 10]);
        Some(self.add(Ballot { is_local, ..Ballot::new(poll, caller, call, write, timeout, now) }))
    }

    /// Makes up a request of a client who has asked enough, while a write of another one may still be done:
    /// then there is something to be seen.
    pub(crate) fn watch(&mut self, caller: usize, poll: usize, now: Duration) -> Option<usize> {
        let is_write = |it: &&Ballot| it.is_open && it.poll == poll && it.write.is_some();
        self.ballots.iter().rev().find(is_write)?;
        let Caller { chance, .. } = &mut self.callers[caller];
        let user = chance.below(self.options.users);
        let is_post = self.polls[poll].level == Level::Linearizable && chance.is(0.7);
        let call = if is_post { Call::List } else { Call::Version { user } };
        Some(self.add(Ballot::new(poll, caller, call, None, Duration::from_millis(500), now)))
    }

    /// A post that clients are at, or will be soon.
    pub(crate) fn present(&mut self) -> Option<usize> {
        let last = self.polls.len().checked_sub(1)?;
        Some(last - self.chance.below(self.options.at_once.min(last + 1)))
    }

    /// A write of a client who waits for long, of a like that is at this length now.
    pub(crate) fn patient(
        &mut self,
        poll: usize,
        user: usize,
        held: CausalLength,
        now: Duration,
    ) -> usize {
        let action = if held.liked() { Action::Unlike } else { Action::Like };
        let to = held.target(action).unwrap_or(held).value();
        let (call, write) = (Call::Raise { user, to }, Some((action, Some(held))));
        self.add(Ballot::new(poll, self.callers.len(), call, write, PATIENT, now))
    }

    /// A reader who comes when all is well.
    pub(crate) fn last_reader(
        &mut self,
        reader: usize,
        poll: usize,
        call: Call,
        now: Duration,
    ) -> usize {
        let caller = self.callers.len() + reader;
        self.add(Ballot::new(poll, caller, call, None, Duration::from_secs(2), now))
    }

    fn add(&mut self, ballot: Ballot) -> usize {
        self.ballots.push(ballot);
        self.ballots.len() - 1
    }

    /// Users that may like these posts.
    pub(crate) fn users(&self) -> usize {
        self.options.users
    }

    /// Whether a client is one of those that rest and ask again.
    pub(crate) fn is_caller(&self, caller: usize) -> bool {
        caller < self.callers.len()
    }

    /// Whether an answer is lost on its way.
    pub(crate) fn answer_is_lost(&mut self, ballot: usize) -> bool {
        let (caller, loss) = (self.ballots[ballot].caller, self.loss);
        self.callers.get_mut(caller).is_some_and(|it| it.chance.is(loss))
    }

    /// What a node is asked.
    pub(crate) fn operation(&self, ballot: usize, model: &Model) -> Operation {
        let Ballot { poll, call, write, .. } = &self.ballots[ballot];
        let Poll { post, level, .. } = self.polls[*poll];
        let like = |user: usize| -> Like<'_> { model.like((post, user)) };
        let (id, kind): (PostId<'_>, Kind<'_>) = (like(0).post, like(0).kind);
        debug_assert_eq!(kind.as_str(), KIND);
        match (*call, *write) {
            (Call::Raise { user, .. } | Call::Set { user, .. }, Some((action, seen))) => {
                Operation::write(level, like(user), action, seen)
            }
            (Call::Count, _) => Operation::count(id, kind, None),
            (Call::List, _) => Operation::list(id, kind),
            (Call::Version { user }, _) => Operation::length(level, like(user)),
            (Call::Raise { .. } | Call::Set { .. }, None) => unreachable!("it is a write"),
        }
    }

    /// A client is told something, in answer to its last attempt. Whether it is done with it.
    pub(crate) fn hear(&mut self, ballot: usize, told: Told, now: Duration) -> bool {
        let it = &mut self.ballots[ballot];
        match told {
            Told::Reply(reply, likes) => {
                let seen = self.callers.get_mut(it.caller).map(|caller| &mut caller.seen);
                let told = match (&it.call, &reply) {
                    (&Call::Raise { user, to }, _) => Some((user, to)),
                    (
                        &(Call::Set { user, .. } | Call::Version { user }),
                        &Reply::Version(length),
                    ) => Some((user, length)),
                    _ => None,
                };
                if let Some((seen, (user, length))) = seen.zip(told) {
                    let known = seen.entry(user).or_default();
                    *known = CausalLength::new(length).expect("it was one").max(*known);
                }
                it.ended = Some((now, reply));
                it.likes = likes;
                it.is_void = false;
                it.is_open = false;
            }
            Told::Not | Told::Nothing => {
                it.is_void &= matches!(told, Told::Not);
                let repeats = matches!(it.call, Call::Raise { .. })
                    && it.caller < self.callers.len()
                    && it.attempts < ATTEMPTS_MAX;
                it.is_open = repeats;
            }
        }
        !it.is_open
    }

    /// What clients saw of a post.
    fn history(&self, poll: usize) -> History {
        let mut history = History::default();
        for it in self.ballots.iter().filter(|it| it.poll == poll && (it.is_open || !it.is_void)) {
            let at = |time: Duration| time.as_nanos() as u64;
            let number = history.begin(it.caller, it.call, at(it.begun));
            let Some((end, reply)) = &it.ended else { continue };
            history.end(number, reply.clone(), at(*end));
            // The count that came with it is one of the same moment.
            if let Some(likes) = it.likes.filter(|_| it.call != Call::Count) {
                let number = history.begin(it.caller, Call::Count, at(it.begun));
                history.end(number, Reply::Count(likes), at(*end));
            }
        }
        history
    }

    /// Whether all that clients saw of a post can have been.
    pub(crate) fn check(&self, poll: usize) -> Result<Checked, Wrong> {
        let history = self.history(poll);
        let histories = match self.polls[poll].level {
            Level::Linearizable => vec![history],
            Level::Quorum => (0..self.options.users).map(|user| history.of_user(user)).collect(),
        };
        let mut checked = Checked::default();
        for history in histories {
            checked.histories += 1;
            match history.check(STEPS_MAX) {
                Verdict::Linearizable => {}
                Verdict::Undecided => checked.undecided += 1,
                Verdict::Violated(why) => return Err(why.to_string()),
            }
        }
        Ok(checked)
    }
}

impl Ballot {
    fn new(
        poll: usize,
        caller: usize,
        call: Call,
        write: Option<(Action, Option<CausalLength>)>,
        timeout: Duration,
        begun: Duration,
    ) -> Self {
        Self {
            poll,
            caller,
            call,
            write,
            is_local: false,
            timeout,
            attempts: 0,
            begun,
            ended: None,
            likes: None,
            is_void: true,
            is_open: true,
        }
    }

    /// Whose like it is about; the first user's, where it is about all of them.
    pub(crate) const fn user(&self) -> usize {
        match self.call {
            Call::Raise { user, .. } | Call::Set { user, .. } | Call::Version { user } => user,
            Call::Count | Call::List => 0,
        }
    }

    /// Whether it is a read without a reply.
    pub(crate) const fn is_unread(&self) -> bool {
        self.ended.is_none() && self.write.is_none()
    }
}

/// What a client says that it has seen: what it has, and now and then more than that.
fn bold(chance: &mut Chance, seen: &BTreeMap<usize, CausalLength>, user: usize) -> CausalLength {
    let known = seen.get(&user).copied().unwrap_or_default();
    let more = if chance.is(BOLD) { 1 + chance.below(2) as u32 } else { 0 };
    CausalLength::new(known.value() + more).unwrap_or(known)
}

/// The users of these names.
pub(crate) fn numbers<'a>(
    names: impl Iterator<Item = &'a String>,
    model: &Model,
) -> Option<BTreeSet<usize>> {
    names.map(|name| model.user(name)).collect()
}
