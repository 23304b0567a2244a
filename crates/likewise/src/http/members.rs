//! The cluster as this node sees it, and what an operator can ask of it.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use likewise_replica::quorum::request::Part;
use likewise_replica::quorum::view::Standing;
use serde::Serialize;
use utoipa::ToSchema;

use crate::cluster::MemberView;
use crate::http::Api;
use crate::http::body::json;
use crate::http::error::ApiError;
use crate::http::parameters::{Parameters, segment};

/// The cluster as one node sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cluster)]
pub(crate) struct ClusterAnswer {
    /// The name of the cluster.
    cluster: String,
    /// The name of the node that answers.
    node: String,
    /// The id of its data.
    id: String,
    /// Equal on two nodes of a cluster exactly when they hold the same likes.
    digest: String,
    /// Whether all members that are alive are known to hold what this node holds.
    equal: bool,
    /// All members that the node knows, itself first.
    members: Vec<MemberAnswer>,
    /// The voters, sorted by name. None where the node was started without.
    voters: Vec<VoterAnswer>,
    /// How many voters it takes for an answer at the consistencies `quorum` and `linearizable`.
    majority: Option<usize>,
    /// How this node stands as a voter: `resuming` and `fresh` (it copies from other voters), `settling` (it
    /// makes durable what it has copied), `active` (it votes). `null` where it is none.
    #[schema(example = "active")]
    standing: Option<&'static str>,
}

/// A voter as one node sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Voter)]
pub(crate) struct VoterAnswer {
    /// Its name.
    name: String,
    /// Whether it can be asked now: `active` (yes), `fresh` (it catches up, and has no vote), `unreachable` (there
    /// is no link to it), `other-list` (it was started with other voters), `replaced` (somebody has taken its
    /// seat after it).
    #[schema(example = "active")]
    state: &'static str,
}

impl VoterAnswer {
    fn new((name, part): (String, Part)) -> Self {
        let state = match part {
            Part::Answered => "active",
            Part::Fresh => "fresh",
            Part::NoLink => "unreachable",
            Part::OtherList => "other-list",
            Part::Silent => "replaced",
        };
        Self { name, state }
    }
}

/// A member as one node sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberAnswer {
    /// Its name; `null` until there has been a link to it.
    name: Option<String>,
    /// The id of its data: what tells members apart.
    id: String,
    /// Whether it is the node that answers.
    #[serde(rename = "self")]
    is_self: bool,
    /// Where it takes gossip and links; `null` for a node by itself.
    address: Option<String>,
    /// Where it serves HTTP; `null` until there has been a link to it.
    http: Option<String>,
    /// `alive`, `suspect` (does not answer), `down` (taken for dead) or `left` (stopped cleanly).
    #[schema(example = "alive")]
    state: &'static str,
    /// Since when, as RFC 3339 writes it.
    since: String,
    /// Which of its lives it is in: grows with each start.
    incarnation: u64,
    /// Whether there are links in both directions.
    linked: bool,
    /// Entries that wait to be sent to it.
    outbox: u64,
    /// How long the oldest entry has been waiting for its acknowledgement, in milliseconds.
    lag_ms: f64,
    /// Entries that it has not acknowledged.
    lag_entries: u64,
    /// How often its outbox was full and was left to repair.
    overflows: u64,
    /// Whether it holds what this node holds, as far as it has said within the last second or so.
    equal: Option<bool>,
}

/// A node that is about to leave.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Leave)]
pub(crate) struct LeaveAnswer {
    /// Its name.
    leaving: String,
}

/// A member that was forgotten.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Forget)]
pub(crate) struct ForgetAnswer {
    /// Its name or id, as asked for.
    forgotten: String,
}

impl MemberAnswer {
    fn new(member: MemberView) -> Self {
        let link = member.link.as_ref();
        Self {
            id: member.node.to_string(),
            is_self: member.is_self,
            address: member.address.map(|address| address.to_string()),
            state: member.state.name(),
            since: humantime::format_rfc3339_millis(member.since).to_string(),
            incarnation: member.incarnation,
            linked: member.is_self || link.is_some_and(|link| link.mailed && link.mails),
            outbox: link.map_or(0, |link| link.outbox as u64),
            lag_ms: link.map_or(0.0, |link| link.lag.as_secs_f64() * 1e3),
            lag_entries: link.map_or(0, |link| link.unacknowledged as u64),
            overflows: link.map_or(0, |link| link.overflows),
            equal: if member.is_self { Some(true) } else { link.and_then(|link| link.equal) },
            name: member.name,
            http: member.http,
        }
    }
}

/// Shows the cluster as this node sees it.
#[utoipa::path(
    get, path = "/v1/cluster", tag = "operation",
    responses((status = 200, description = "The members", body = ClusterAnswer)),
)]
pub(crate) async fn read(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let state = api.node.state();
    let members: Vec<MemberAnswer> =
        api.cluster.members().into_iter().map(MemberAnswer::new).collect();
    let votes = api.node.votes();
    let mut alive = members.iter().filter(|member| member.state == "alive");
    Ok(json(&ClusterAnswer {
        cluster: api.cluster.name().to_owned(),
        node: api.node.name().to_owned(),
        id: members[0].id.clone(),
        digest: state.tag(state.root_digest()),
        equal: alive.all(|member| member.equal == Some(true)),
        members,
        majority: votes.as_ref().map(|votes| votes.majority),
        standing: votes.as_ref().and_then(|votes| votes.standing).map(Standing::as_str),
        voters: votes.into_iter().flat_map(|it| it.voters).map(VoterAnswer::new).collect(),
    }))
}

/// Asks the node to leave the cluster and stop, as SIGTERM does.
///
/// It finishes what it has accepted, hands to its peers what they lack, and goes; the answer comes before.
#[utoipa::path(
    post, path = "/v1/cluster/leave", tag = "operation",
    responses((status = 202, description = "It is about to", body = LeaveAnswer)),
)]
pub(crate) async fn leave(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    api.cluster.ask_to_leave();
    let mut response = json(&LeaveAnswer { leaving: api.node.name().to_owned() });
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// Forgets a member that is down or has left and will not come back, here and at all members.
#[utoipa::path(
    delete, path = "/v1/cluster/members/{name}", tag = "operation",
    params(("name" = String, Path, description = "The member's name, or its id")),
    responses((status = 200, description = "It is forgotten", body = ForgetAnswer)),
)]
pub(crate) async fn forget(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let name = segment(&uri, 3, "name")?;
    match api.cluster.forget(&name).await {
        Ok(()) => Ok(json(&ForgetAnswer { forgotten: name.into_owned() })),
        Err(error) => Err(ApiError::Forget { name: name.into_owned(), error }),
    }
}
