//! What a feed needs, in one request.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use likewise_replica::quorum::request::Operation;
use likewise_state::id::{Kind, Like, PostId, UserId};
use likewise_state::state::State as Likes;
use serde::Deserialize;
use tokio::task::JoinSet;
use utoipa::ToSchema;

use crate::http::Api;
use crate::http::answers::{FeedAnswer, FeedPost, unusual};
use crate::http::body::{check_json, json, read};
use crate::http::error::{ApiError, ProblemDocument};
use crate::http::limits::QUERY_POSTS_MAX;
use crate::http::parameters::Parameters;
use crate::http::votes::Retry;

/// A text of the body, borrowed unless it holds an escape.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What a feed shows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Query)]
pub(crate) struct Query<'a> {
    /// The posts, at most 1000.
    #[serde(borrow)]
    #[schema(value_type = Vec<String>, max_items = 1000)]
    posts: Vec<Text<'a>>,
    /// Whose likes to show.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>)]
    user: Option<Text<'a>>,
    /// The kind of the likes, `like` by default.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, pattern = "^[a-z0-9_-]{1,32}$")]
    kind: Option<Text<'a>>,
}

/// Counts the likes of many posts, and says which of them a user likes.
///
/// At the consistency `linearizable` that holds of each post by itself: all posts are asked for at once, and
/// the set of them is not one snapshot. If the voters fall short for one post, there is no answer for any.
#[utoipa::path(
    post, path = "/v1/query", tag = "posts",
    params(
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like where the body names none, `like` by default"),
        ("consistency" = Option<String>, Query, pattern = "^(local|linearizable)$", description = "What stands behind the answer: this node (`local`), or a majority of the voters (`linearizable`). The default is the node's own"),
        ("timeout" = Option<String>, Query, example = "500ms", description = "How long the voters may take, 1ms to 30s, 2s by default. Not with `local`"),
    ),
    request_body(content = Query<'static>, content_type = "application/json"),
    responses(
        (status = 200, description = "Each post, in the order of the request", body = FeedAnswer<'static>),
        (status = 503, description = "The voters can't stand behind the answer (`no-majority`, `contended`), or the node can't do it now", body = ProblemDocument, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    ),
)]
pub(crate) async fn query(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind", "consistency", "timeout"])?;
    check_json(&headers)?;
    let body = read(body, &api.limits).await?;
    let query: Query<'_> =
        serde_json::from_slice(&body).map_err(|error| ApiError::Body(error.to_string()))?;
    if query.posts.len() > QUERY_POSTS_MAX {
        return Err(ApiError::TooManyPosts(query.posts.len()));
    }
    let kind = match &query.kind {
        Some(text) => Kind::new(&text.0)?,
        None => parameters.kind()?,
    };
    let user = query.user.as_ref().map(|user| UserId::new(&user.0)).transpose()?;
    let posts = match parameters.vote_on_posts(api.consistency)? {
        None => {
            let state = api.node.state();
            let posts = query.posts.iter().map(|post| look_up(state, &post.0, kind, user));
            posts.collect::<Result<_, _>>()?
        }
        Some(timeout) => agree_on_all(&api, &query.posts, kind, user, timeout).await?,
    };
    Ok(json(&FeedAnswer { kind: unusual(kind), posts }))
}

/// Asks the voters for each post, for all at once.
async fn agree_on_all<'a>(
    api: &Api,
    posts: &'a [Text<'a>],
    kind: Kind<'_>,
    user: Option<UserId<'_>>,
    timeout: Duration,
) -> Result<Vec<FeedPost<'a>>, ApiError> {
    let operation = |post: &Text<'_>| Ok(Operation::count(PostId::new(&post.0)?, kind, user));
    let operations: Vec<Operation> =
        posts.iter().map(operation).collect::<Result<_, ApiError>>()?;
    let mut asked = JoinSet::new();
    for (index, operation) in operations.into_iter().enumerate() {
        let api = api.clone();
        asked.spawn(async move { (index, api.agree(operation, timeout, Retry::ReadFirst).await) });
    }
    let unknown = |post: &'a Text<'a>| FeedPost { post: &post.0, likes: 0, liked: None };
    let mut answers: Vec<FeedPost<'a>> = posts.iter().map(unknown).collect();
    // The first that fails ends the others.
    while let Some(joined) = asked.join_next().await {
        let (index, agreed) =
            joined.expect("nobody ends these tasks, and a panic ends the process");
        let agreed = agreed?;
        answers[index].likes = agreed.likes;
        answers[index].liked = user.map(|_| agreed.length.liked());
    }
    Ok(answers)
}

fn look_up<'a>(
    state: &Likes,
    post: &'a str,
    kind: Kind<'_>,
    user: Option<UserId<'_>>,
) -> Result<FeedPost<'a>, ApiError> {
    let id = PostId::new(post)?;
    let liked = user.map(|user| state.length(Like { post: id, kind, user }).liked());
    Ok(FeedPost { post, likes: state.count(id, kind), liked })
}
