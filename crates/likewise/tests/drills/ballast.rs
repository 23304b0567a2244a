//! Many bytes of likes in few users, to fill a disk: each changes its mind again and again, and is audited
//! like any other.

use serde_json::Value;

use super::ask::{PATIENCE, agent};
use super::holdings::Held;
use super::tally::Tally;

/// Users who change their minds.
const USERS: usize = 1_000;

/// Users in one request: so few that a node which refuses it still reads all of it, and its answer arrives.
const PIECE: usize = 250;

/// Bytes of a user's id: near the most that one may have.
const USER_BYTES: usize = 500;

/// The post that a user likes: there are a hundred.
fn post(number: usize) -> String {
    format!("ballast-{}", number % 100)
}

/// Likes of long names, and how far each is.
#[derive(Debug)]
pub(crate) struct Ballast {
    agent: ureq::Agent,
    /// The version that all were raised to.
    acknowledged: u32,
    attempted: u32,
}

/// Why a write was not taken.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) problem: String,
    pub(crate) detail: String,
}

/// The problem that an answer describes.
pub(crate) fn refusal(status: u16, body: &str) -> Refusal {
    let document: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| document[name].as_str().unwrap_or(body).to_owned();
    Refusal { status, problem: text("type"), detail: text("detail") }
}

fn user(number: usize) -> String {
    format!("ballast-{number:0>width$}", width = USER_BYTES - 8)
}

impl Ballast {
    pub(crate) fn new() -> Self {
        Self { agent: agent(PATIENCE), acknowledged: 0, attempted: 0 }
    }

    /// Lets every user change its mind: half a megabyte of journal.
    pub(crate) fn grow(&mut self, url: &str) -> Result<(), Refusal> {
        let seen = self.acknowledged;
        let liked = seen.is_multiple_of(2);
        let line = |number| {
            let (post, user) = (post(number), user(number));
            format!(
                "{{\"post\":\"{post}\",\"user\":\"{user}\",\"liked\":{liked},\"seen\":{seen}}}\n"
            )
        };
        self.attempted = seen + 1;
        for first in (0..USERS).step_by(PIECE) {
            let lines: String = (first..first + PIECE).map(line).collect();
            let sent = self.agent.post(&format!("{url}/v1/likes")).send(lines);
            let mut response = sent.unwrap();
            let body = response.body_mut().read_to_string().unwrap();
            if response.status() != 200 {
                return Err(refusal(response.status().as_u16(), &body));
            }
            let answer: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(answer["accepted"].as_u64(), Some(PIECE as u64), "{answer}");
        }
        self.acknowledged = self.attempted;
        Ok(())
    }

    /// Each user must be at a version between what was acknowledged and what was sent.
    pub(crate) fn audit(&self, tally: &mut Tally, url: &str, held: &Held) {
        for number in 0..USERS {
            let users = held.get(&post(number));
            let version = users.and_then(|users| users.get(&user(number))).copied().unwrap_or(0);
            let Self { acknowledged, attempted, .. } = self;
            let is =
                format!("ballast {number} at {url}: {version} of {acknowledged}..={attempted}");
            if version < self.acknowledged {
                tally.lost.push(is);
            } else if version > self.attempted {
                tally.doubled.push(is);
            }
        }
    }

    /// Requests that all users' changes came to, for the tally: those in the record of clients are counted
    /// there.
    pub(crate) fn count(&self, tally: &mut Tally) {
        tally.likes += USERS;
        tally.requests += self.acknowledged as usize * USERS;
    }
}
