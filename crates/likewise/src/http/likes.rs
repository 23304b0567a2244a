//! One like: to like, to unlike, to look.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use likewise_replica::write::{Writes, Written};
use likewise_state::id::{Like, PostId, UserId};
use likewise_state::length::{Action, CausalLength};

use crate::http::Api;
use crate::http::answers::{LikeAnswer, WrittenAnswer, unusual};
use crate::http::body::{json, tagged_json};
use crate::http::error::ApiError;
use crate::http::parameters::{Parameters, segment};

/// Likes a post.
///
/// To repeat the request is safe. With `seen`, the version that an earlier answer gave, it stays safe even
/// when it arrives late, after the user has changed their mind again.
#[utoipa::path(
    put, path = "/v1/posts/{post}/likes/{user}", tag = "likes",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("user" = String, Path, description = "The user: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("seen" = Option<u32>, Query, minimum = 0, maximum = 2_147_483_647, description = "The version last seen"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
    ),
    responses((status = 200, description = "Done, and durable", body = WrittenAnswer<'static>)),
)]
pub(crate) async fn like(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    write(&api, &uri, Action::Like).await
}

/// Takes a like back.
///
/// To repeat the request is safe, as it is to like. It is no error if the user did not like the post.
#[utoipa::path(
    delete, path = "/v1/posts/{post}/likes/{user}", tag = "likes",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("user" = String, Path, description = "The user: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("seen" = Option<u32>, Query, minimum = 0, maximum = 2_147_483_647, description = "The version last seen"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
    ),
    responses((status = 200, description = "Done, and durable", body = WrittenAnswer<'static>)),
)]
pub(crate) async fn unlike(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    write(&api, &uri, Action::Unlike).await
}

async fn write(api: &Api, uri: &Uri, action: Action) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(uri, &["kind", "seen"])?;
    let (post, user) = (segment(uri, 2, "post")?, segment(uri, 4, "user")?);
    let like =
        Like { post: PostId::new(&post)?, kind: parameters.kind()?, user: UserId::new(&user)? };
    let written = write_one(api, like, action, parameters.seen()?).await?;
    Ok(json(&answer(like, &written)))
}

/// Does one write, on whichever route it came.
pub(crate) async fn write_one(
    api: &Api,
    like: Like<'_>,
    action: Action,
    seen: Option<CausalLength>,
) -> Result<Written, ApiError> {
    let outcomes = api.write(Writes::one(like, action, seen)).await?;
    let outcome = *outcomes.first().expect("each write has an outcome");
    let written = outcome?;
    api.metrics.count_operation(action, &written);
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
        changed: written.changed,
        likes: written.likes,
    }
}

/// Says whether a user likes a post.
///
/// With `seen` the answer is as if this node had heard of that version: your own writes show even on a
/// node that they have not reached yet.
#[utoipa::path(
    get, path = "/v1/posts/{post}/likes/{user}", tag = "likes",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("user" = String, Path, description = "The user: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("seen" = Option<u32>, Query, minimum = 0, maximum = 2_147_483_647, description = "The version last seen"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client holds"),
    ),
    responses(
        (status = 200, description = "Whether the user likes it", body = LikeAnswer<'static>,
            headers(("ETag" = String, description = "The version"))),
        (status = 304, description = "It is as the client holds it"),
    ),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind", "seen"])?;
    let (post, user) = (segment(&uri, 2, "post")?, segment(&uri, 4, "user")?);
    let like =
        Like { post: PostId::new(&post)?, kind: parameters.kind()?, user: UserId::new(&user)? };
    let heard = api.node.state().length(like);
    let length = heard.max(parameters.seen()?.unwrap_or_default());
    Ok(tagged_json(&headers, &format!("\"{length}\""), &LikeAnswer::new(like, length)))
}
