//! What a feed needs, in one request.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use likewise_state::id::{Kind, Like, PostId, UserId};
use likewise_state::state::State as Likes;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::Api;
use crate::http::answers::{FeedAnswer, FeedPost, unusual};
use crate::http::body::{check_json, json, read};
use crate::http::error::ApiError;
use crate::http::limits::QUERY_POSTS_MAX;
use crate::http::parameters::Parameters;

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
#[utoipa::path(
    post, path = "/v1/query", tag = "posts",
    params(("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like where the body names none, `like` by default")),
    request_body(content = Query<'static>, content_type = "application/json"),
    responses((status = 200, description = "Each post, in the order of the request", body = FeedAnswer<'static>)),
)]
pub(crate) async fn query(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind"])?;
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
    let state = api.node.state();
    let posts = query.posts.iter().map(|post| look_up(state, &post.0, kind, user));
    Ok(json(&FeedAnswer { kind: unusual(kind), posts: posts.collect::<Result<_, _>>()? }))
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
