//! Questions to a node, and waiting until the answer is the right one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long the others may take to find a dead node: generous, for a machine that is busy.
pub(crate) const DETECTION: Duration = Duration::from_secs(20);

/// Asked again this often. Not a wait for luck: each answer decides anew.
const INTERVAL: Duration = Duration::from_millis(20);

/// What a node says of its cluster.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct View {
    pub(crate) id: String,
    pub(crate) digest: String,
    pub(crate) equal: bool,
    pub(crate) members: Vec<Member>,
}

/// One member in a [`View`].
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Member {
    /// Not known before there was a link to it.
    pub(crate) name: Option<String>,
    pub(crate) id: String,
    pub(crate) address: String,
    pub(crate) state: String,
    pub(crate) incarnation: u64,
    pub(crate) outbox: u64,
    pub(crate) lag_entries: u64,
}

impl View {
    /// Names of the members that are alive; ids of those whose names are not known yet.
    pub(crate) fn alive(&self) -> BTreeSet<&str> {
        let alive = self.members.iter().filter(|member| member.state == "alive");
        alive.map(|member| member.name.as_deref().unwrap_or(&member.id)).collect()
    }

    /// The members of that name: one, unless a node came back without its data.
    pub(crate) fn named(&self, name: &str) -> Vec<&Member> {
        self.members.iter().filter(|member| member.name.as_deref() == Some(name)).collect()
    }

    /// The member that is the node with that id.
    pub(crate) fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The state of the member with that id; "unknown" where there is none.
    pub(crate) fn state(&self, id: &str) -> &str {
        self.member(id).map_or("unknown", |member| member.state.as_str())
    }
}

/// Waits until `condition` holds and answers with what it found.
///
/// # Panics
/// After `deadline`, with the last reason why it did not hold.
pub(crate) fn until<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> Result<T, String>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        match condition() {
            Ok(found) => return found,
            Err(why) if Instant::now() > end => panic!("{what}: not after {deadline:?}: {why}"),
            Err(_) => std::thread::sleep(INTERVAL),
        }
    }
}

/// `Ok` if `holds`, or else the reason.
pub(crate) fn check(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// A client that gives up on a request after `timeout`.
pub(crate) fn agent(timeout: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder();
    config.timeout_global(Some(timeout)).http_status_as_error(false).build().into()
}

/// Status and body of a GET.
pub(crate) fn fetch(url: &str) -> Result<(u16, String), String> {
    let mut response =
        agent(PATIENCE).get(url).call().map_err(|error| format!("GET {url}: {error}"))?;
    let body = response.body_mut().with_config().limit(u64::MAX).read_to_string();
    let body = body.map_err(|error| format!("body of {url}: {error}"))?;
    Ok((response.status().as_u16(), body))
}

/// The JSON that a GET answers with.
pub(crate) fn get(url: &str) -> Result<Value, String> {
    let (status, body) = fetch(url)?;
    check(status == 200, || format!("GET {url}: {status}: {body}"))?;
    serde_json::from_str(&body).map_err(|error| format!("GET {url}: {error}: {body}"))
}

/// What the node at `url` says of its cluster.
pub(crate) fn view(url: &str) -> Result<View, String> {
    let answer = get(&format!("{url}/v1/cluster"))?;
    serde_json::from_value(answer.clone()).map_err(|error| format!("{error}: {answer}"))
}

/// Sum of the metric over all its labels.
pub(crate) fn metric(url: &str, name: &str) -> Result<f64, String> {
    let (_, text) = fetch(&format!("{url}/metrics"))?;
    let values: Vec<f64> = text
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse().ok())
        .collect();
    check(!values.is_empty(), || format!("{name} is not among the metrics of {url}"))?;
    Ok(values.iter().sum())
}
