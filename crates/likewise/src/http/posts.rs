//! One post, and the most liked of them.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use likewise_replica::quorum::request::Operation;
use likewise_state::id::{Kind, PostId};
use likewise_state::listing::Listing;

use crate::http::Api;
use crate::http::answers::{
    LikersAnswer, PostAnswer, ReactionsAnswer, TopAnswer, TopPost, unusual,
};
use crate::http::body::{json, tagged_json};
use crate::http::error::{ApiError, ProblemDocument};
use crate::http::limits::{PAGE_DEFAULT, SHORT_LIST_MAX, TOP_DEFAULT};
use crate::http::parameters::{Parameters, cursor_after, segment, user_of_cursor};
use crate::http::votes::Retry;

/// Counts the likes of a post.
///
/// A post that nobody has touched has 0. The ETag is equal on two nodes exactly when they know the same of
/// the post. At the consistency `linearizable` both are of what a majority of the voters holds.
#[utoipa::path(
    get, path = "/v1/posts/{post}", tag = "posts",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
        ("consistency" = Option<String>, Query, pattern = "^(local|linearizable)$", description = "What stands behind the answer: this node (`local`), or a majority of the voters (`linearizable`). The default is the node's own"),
        ("timeout" = Option<String>, Query, example = "500ms", description = "How long the voters may take, 1ms to 30s, 2s by default. Not with `local`"),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client holds"),
    ),
    responses(
        (status = 200, description = "The count", body = PostAnswer<'static>,
            headers(("ETag" = String, description = "Weak, from all that the node knows of the post"))),
        (status = 304, description = "It is as the client holds it"),
        (status = 503, description = "The voters can't stand behind the answer (`no-majority`, `contended`), or the node can't do it now", body = ProblemDocument, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    ),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind", "consistency", "timeout"])?;
    let post = segment(&uri, 2, "post")?;
    let (post, kind) = (PostId::new(&post)?, parameters.kind()?);
    let state = api.node.state();
    let (likes, digest) = match parameters.vote_on_posts(api.consistency)? {
        None => {
            let summary = state.post(post, kind);
            (summary.likes, summary.digest)
        }
        Some(timeout) => {
            let operation = Operation::count(post, kind, None);
            let agreed = api.agree(operation, timeout, Retry::ReadFirst).await?;
            (agreed.likes, agreed.digest)
        }
    };
    let tag = format!("W/\"{}\"", state.tag(digest));
    let answer = PostAnswer { post: post.as_str(), kind: unusual(kind), likes };
    Ok(tagged_json(&headers, &tag, &answer))
}

/// Counts the likes of a post by kind, as far as this node has heard of them.
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
/// repeat nor hide a user of another page. At the consistency `linearizable` each page is read by itself: all
/// pages together are no snapshot.
#[utoipa::path(
    get, path = "/v1/posts/{post}/likes", tag = "posts",
    params(
        ("post" = String, Path, description = "The post: 1 to 512 bytes of UTF-8, percent-encoded"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Users on the page, 100 by default"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
        ("consistency" = Option<String>, Query, pattern = "^(local|linearizable)$", description = "What stands behind the answer: this node (`local`), or a majority of the voters (`linearizable`). The default is the node's own"),
        ("timeout" = Option<String>, Query, example = "500ms", description = "How long the voters may take, 1ms to 30s, 2s by default. Not with `local`"),
    ),
    responses(
        (status = 200, description = "A page of users", body = LikersAnswer),
        (status = 503, description = "The voters can't stand behind the answer (`no-majority`, `contended`), or the node can't do it now", body = ProblemDocument, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    ),
)]
pub(crate) async fn likers(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    let parameters =
        Parameters::parse(&uri, &["kind", "limit", "cursor", "consistency", "timeout"])?;
    let post = segment(&uri, 2, "post")?;
    let (post, kind) = (PostId::new(&post)?, parameters.kind()?);
    let limit = parameters.limit(PAGE_DEFAULT)?;
    let after = parameters.text("cursor").map(user_of_cursor).transpose()?;
    // One more than asked for tells whether there is a next page.
    let mut users = match parameters.vote_on_posts(api.consistency)? {
        None => list(&api, post, kind, after, limit + 1).await,
        Some(timeout) => {
            let operation = Operation::list(post, kind);
            let agreed = api.agree(operation, timeout, Retry::ReadFirst).await?;
            let listing = agreed.listing.expect("whoever asks for a list gets one");
            page(&api, listing, after, limit + 1).await
        }
    };
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

/// The first `limit` users after `after` of a list that the voters stand behind.
async fn page(api: &Api, listing: Listing, after: Option<String>, limit: usize) -> Vec<String> {
    if listing.len() as u64 <= SHORT_LIST_MAX {
        return api.node.state().page(listing, after.as_deref(), limit);
    }
    api.scan(move |state| state.page(listing, after.as_deref(), limit)).await
}

/// Lists the most liked posts, as far as this node has heard of their likes.
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
