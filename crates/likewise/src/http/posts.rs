//! One post, and the most liked of them.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use likewise_state::id::{Kind, PostId};

use crate::http::Api;
use crate::http::answers::{
    LikersAnswer, PostAnswer, ReactionsAnswer, TopAnswer, TopPost, unusual,
};
use crate::http::body::{json, tagged_json};
use crate::http::error::ApiError;
use crate::http::limits::{PAGE_DEFAULT, SHORT_LIST_MAX, TOP_DEFAULT};
use crate::http::parameters::{Parameters, cursor_after, segment, user_of_cursor};

/// Counts the likes of a post.
///
/// A post that nobody has touched has 0. The ETag is equal on two nodes exactly when they know the same of
/// the post.
#[utoipa::path(
    get, path = "/v1/posts/{post}", tag = "posts",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client holds"),
    ),
    responses(
        (status = 200, description = "The count", body = PostAnswer<'static>,
            headers(("ETag" = String, description = "Weak, from all that the node knows of the post"))),
        (status = 304, description = "It is as the client holds it"),
    ),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind"])?;
    let post = segment(&uri, 2, "post")?;
    let (post, kind) = (PostId::new(&post)?, parameters.kind()?);
    let state = api.node.state();
    let summary = state.post(post, kind);
    let tag = format!("W/\"{}\"", state.tag(summary.digest));
    let answer = PostAnswer { post: post.as_str(), kind: unusual(kind), likes: summary.likes };
    Ok(tagged_json(&headers, &tag, &answer))
}

/// Counts the likes of a post by kind.
#[utoipa::path(
    get, path = "/v1/posts/{post}/reactions", tag = "posts",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "Only this kind, all by default"),
    ),
    responses((status = 200, description = "The counts", body = ReactionsAnswer<'static>)),
)]
pub(crate) async fn reactions(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind"])?;
    let post = segment(&uri, 2, "post")?;
    let post = PostId::new(&post)?;
    let mut kinds = api.node.state().reactions(post);
    if parameters.text("kind").is_some() {
        let only = parameters.kind()?;
        kinds.retain(|(kind, _)| kind == only.as_str());
    }
    Ok(json(&ReactionsAnswer { post: post.as_str(), kinds: kinds.into_iter().collect() }))
}

/// Lists who likes a post.
///
/// The order is by the bytes of the ids and the same on all nodes: likes that happen meanwhile neither
/// repeat nor hide a user of another page.
#[utoipa::path(
    get, path = "/v1/posts/{post}/likes", tag = "posts",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Users on the page, 100 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
    ),
    responses((status = 200, description = "A page of users", body = LikersAnswer)),
)]
pub(crate) async fn likers(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind", "limit", "cursor"])?;
    let post = segment(&uri, 2, "post")?;
    let (post, kind) = (PostId::new(&post)?, parameters.kind()?);
    let limit = parameters.limit(PAGE_DEFAULT)?;
    let after = parameters.text("cursor").map(user_of_cursor).transpose()?;
    // One more than asked for tells whether there is a next page.
    let mut users = list(&api, post, kind, after, limit + 1).await;
    let is_last = users.len() <= limit;
    users.truncate(limit);
    let next = if is_last { None } else { users.last().map(|user| cursor_after(user)) };
    Ok(json(&LikersAnswer { users, next }))
}

/// The first `limit` users after `after` who like a post, without holding up the network for a long list.
pub(crate) async fn list(
    api: &Api,
    post: PostId<'_>,
    kind: Kind<'_>,
    after: Option<String>,
    limit: usize,
) -> Vec<String> {
    let state = api.node.state();
    if state.count(post, kind) <= SHORT_LIST_MAX {
        return state.likers(post, kind, after.as_deref(), limit);
    }
    let (post, kind) = (post.as_str().to_owned(), kind.as_str().to_owned());
    api.scan(move |state| {
        let post = PostId::new(&post).expect("it was an id before");
        let kind = Kind::new(&kind).expect("it was a kind before");
        state.likers(post, kind, after.as_deref(), limit)
    })
    .await
}

/// Lists the most liked posts.
#[utoipa::path(
    get, path = "/v1/top", tag = "posts",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many, 10 by default"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
    ),
    responses((status = 200, description = "The posts, exactly counted", body = TopAnswer<'static>)),
)]
pub(crate) async fn top(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind", "limit"])?;
    let (kind, limit) = (parameters.kind()?, parameters.limit(TOP_DEFAULT)?);
    let name = kind.as_str().to_owned();
    let top = api
        .scan(move |state| state.top(Kind::new(&name).expect("it was a kind before"), limit))
        .await;
    let posts = top.into_iter().map(|(post, likes)| TopPost { post, likes }).collect();
    Ok(json(&TopAnswer { kind: unusual(kind), posts }))
}
