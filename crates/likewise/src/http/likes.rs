//! One like: to like, to unlike, to look.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use likewise_replica::quorum::request::{Agreed, Operation};
use likewise_replica::write::{Writes, Written};
use likewise_state::id::{Like, PostId, UserId};
use likewise_state::length::{Action, CausalLength};

use crate::http::Api;
use crate::http::access::Author;
use crate::http::answers::{LikeAnswer, WrittenAnswer, unusual};
use crate::http::body::{json, tagged_json};
use crate::http::error::{ApiError, ProblemDocument};
use crate::http::parameters::{Parameters, segment};
use crate::http::votes::{Retry, Vote};

/// Likes a post.
///
/// To repeat the request is safe. With `seen`, the version that an earlier answer gave, it stays safe even
/// when it arrives late, after the user has changed their mind again.
///
/// At the consistencies `quorum` and `linearizable` the answer comes when a majority of the voters has made
/// the like durable, and says no more than `liked` and `version`: what the write came to. A late repeat with
/// `seen` gets the same answer again, even if the like has been taken back since.
#[utoipa::path(
    put, path = "/v1/posts/{post}/likes/{user}", tag = "likes",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("user" = String, Path, description = "The user: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("seen" = Option<u32>, Query, minimum = 0, maximum = 2_147_483_647, description = "The version last seen"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
        ("consistency" = Option<String>, Query, pattern = "^(local|quorum|linearizable)$", description = "What stands behind the answer: this node (`local`), or a majority of the voters for this like (`quorum`) or for this post (`linearizable`). The default is the node's own"),
        ("timeout" = Option<String>, Query, example = "500ms", description = "How long the voters may take, 1ms to 30s, 2s by default. Not with `local`"),
    ),
    responses(
        (status = 200, description = "Done, and durable: here, or on a majority of the voters", body = WrittenAnswer<'static>),
        (status = 503, description = "The voters can't stand behind the answer (`no-majority`, `contended`), or the node can't do it now", body = ProblemDocument, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    ),
)]
pub(crate) async fn like(
    State(api): State<Api>,
    author: Author,
    uri: Uri,
) -> Result<Response, ApiError> {
    write(&api, &author, &uri, Action::Like).await
}

/// Takes a like back.
///
/// To repeat the request is safe, as it is to like. It is no error if the user did not like the post. With
/// `consistency` it is as it is to like.
#[utoipa::path(
    delete, path = "/v1/posts/{post}/likes/{user}", tag = "likes",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("user" = String, Path, description = "The user: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("seen" = Option<u32>, Query, minimum = 0, maximum = 2_147_483_647, description = "The version last seen"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
        ("consistency" = Option<String>, Query, pattern = "^(local|quorum|linearizable)$", description = "What stands behind the answer: this node (`local`), or a majority of the voters for this like (`quorum`) or for this post (`linearizable`). The default is the node's own"),
        ("timeout" = Option<String>, Query, example = "500ms", description = "How long the voters may take, 1ms to 30s, 2s by default. Not with `local`"),
    ),
    responses(
        (status = 200, description = "Done, and durable: here, or on a majority of the voters", body = WrittenAnswer<'static>),
        (status = 503, description = "The voters can't stand behind the answer (`no-majority`, `contended`), or the node can't do it now", body = ProblemDocument, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    ),
)]
pub(crate) async fn unlike(
    State(api): State<Api>,
    author: Author,
    uri: Uri,
) -> Result<Response, ApiError> {
    write(&api, &author, &uri, Action::Unlike).await
}

async fn write(
    api: &Api,
    author: &Author,
    uri: &Uri,
    action: Action,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(uri, &["kind", "seen", "consistency", "timeout"])?;
    let (post, user) = (segment(uri, 2, "post")?, segment(uri, 4, "user")?);
    let like =
        Like { post: PostId::new(&post)?, kind: parameters.kind()?, user: UserId::new(&user)? };
    let seen = parameters.seen()?;
    if let Some(vote) = parameters.vote(api.consistency)? {
        author.may_like_as(like.user)?;
        let agreed = write_by_vote(api, like, action, seen, vote).await?;
        return Ok(json(&voted_answer(like, &agreed)));
    }
    let written = write_one(api, author, like, action, seen).await?;
    Ok(json(&answer(like, &written)))
}

/// Does one write that a majority of the voters makes durable.
async fn write_by_vote(
    api: &Api,
    like: Like<'_>,
    action: Action,
    seen: Option<CausalLength>,
    vote: Vote,
) -> Result<Agreed, ApiError> {
    let operation = Operation::write(vote.level, like, action, seen);
    let retry = if seen.is_some() { Retry::AsItWas } else { Retry::ReadFirst };
    let agreed = api.agree(operation, vote.timeout, retry).await?;
    api.metrics.count_operation(action, None);
    Ok(agreed)
}

/// Does one write, on whichever route it came, if its author may.
pub(crate) async fn write_one(
    api: &Api,
    author: &Author,
    like: Like<'_>,
    action: Action,
    seen: Option<CausalLength>,
) -> Result<Written, ApiError> {
    author.may_like_as(like.user)?;
    let outcomes = api.write(Writes::one(like, action, seen)).await?;
    let outcome = *outcomes.first().expect("each write has an outcome");
    let written = outcome?;
    api.metrics.count_operation(action, Some(written.changed));
    Ok(written)
}

/// The body of the answer to a write.
pub(crate) fn answer<'a>(like: Like<'a>, written: &Written) -> WrittenAnswer<'a> {
    WrittenAnswer {
        post: like.post.as_str(),
        user: like.user.as_str(),
        kind: unusual(like.kind),
        liked: written.length.liked(),
        version: written.length.value(),
        changed: Some(written.changed),
        likes: Some(written.likes),
    }
}

/// The body of the answer to a write that the voters stand behind.
fn voted_answer<'a>(like: Like<'a>, agreed: &Agreed) -> WrittenAnswer<'a> {
    WrittenAnswer {
        post: like.post.as_str(),
        user: like.user.as_str(),
        kind: unusual(like.kind),
        liked: agreed.length.liked(),
        version: agreed.length.value(),
        changed: None,
        likes: None,
    }
}

/// Says whether a user likes a post.
///
/// With `seen` the answer is as if this node had heard of that version: your own writes show even on a
/// node that they have not reached yet. At the consistencies `quorum` and `linearizable` they show without it,
/// and it is not looked at.
#[utoipa::path(
    get, path = "/v1/posts/{post}/likes/{user}", tag = "likes",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("user" = String, Path, description = "The user: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("seen" = Option<u32>, Query, minimum = 0, maximum = 2_147_483_647, description = "The version last seen"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
        ("consistency" = Option<String>, Query, pattern = "^(local|quorum|linearizable)$", description = "What stands behind the answer: this node (`local`), or a majority of the voters for this like (`quorum`) or for this post (`linearizable`). The default is the node's own"),
        ("timeout" = Option<String>, Query, example = "500ms", description = "How long the voters may take, 1ms to 30s, 2s by default. Not with `local`"),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client holds"),
    ),
    responses(
        (status = 200, description = "Whether the user likes it", body = LikeAnswer<'static>,
            headers(("ETag" = String, description = "The version"))),
        (status = 304, description = "It is as the client holds it"),
        (status = 503, description = "The voters can't stand behind the answer (`no-majority`, `contended`), or the node can't do it now", body = ProblemDocument, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    ),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind", "seen", "consistency", "timeout"])?;
    let (post, user) = (segment(&uri, 2, "post")?, segment(&uri, 4, "user")?);
    let like =
        Like { post: PostId::new(&post)?, kind: parameters.kind()?, user: UserId::new(&user)? };
    let seen = parameters.seen()?.unwrap_or_default();
    let length = match parameters.vote(api.consistency)? {
        None => api.node.state().length(like).max(seen),
        // What the client has seen may be a write that was never done: the voters know better.
        Some(Vote { level, timeout }) => {
            let operation = Operation::length(level, like);
            api.agree(operation, timeout, Retry::ReadFirst).await?.length
        }
    };
    Ok(tagged_json(&headers, &format!("\"{length}\""), &LikeAnswer::new(like, length)))
}
