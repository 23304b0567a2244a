//! The interface of the service that Likewise grew out of, with its answers as they were.
//!
//! Other than there, bad JSON is 400 and not 200, a path that nobody knows is 404 and not the node's
//! name, and users come sorted. A client that asks for JSON by name gets JSON.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use likewise_state::id::{Like, PostId, UserId};
use likewise_state::length::Action;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::Api;
use crate::http::access::Author;
use crate::http::answers::{ClassicAnswer, NodeAnswer, WrittenAnswer, unusual};
use crate::http::body::{json, read, text, wants_json};
use crate::http::error::ApiError;
use crate::http::likes::{answer, write_one};
use crate::http::limits::DETAIL_USERS_MAX;
use crate::http::parameters::Parameters;
use crate::http::posts::list;

/// Who likes what.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ClassicLike<'a> {
    /// The post.
    #[serde(borrow)]
    #[schema(value_type = String)]
    post: Cow<'a, str>,
    /// The user.
    #[serde(borrow)]
    #[schema(value_type = String)]
    user: Cow<'a, str>,
}

/// Likes a post.
#[utoipa::path(
    post, path = "/like", tag = "original",
    params(("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default")),
    request_body(content = ClassicLike<'static>, content_type = "application/json",
        description = "Read as JSON whatever its Content-Type says"),
    responses((status = 200, description = "Done, and durable", content(
        (String = "text/plain", example = "Successfully wrote to node-1"),
        (WrittenAnswer<'static> = "application/json"),
    ))),
)]
pub(crate) async fn like(
    State(api): State<Api>,
    author: Author,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["kind"])?;
    let body = read(body, &api.limits).await?;
    let ids: ClassicLike<'_> =
        serde_json::from_slice(&body).map_err(|error| ApiError::Body(error.to_string()))?;
    let (post, user) = (PostId::new(&ids.post)?, UserId::new(&ids.user)?);
    let like = Like { post, kind: parameters.kind()?, user };
    let written = write_one(&api, &author, like, Action::Like, None).await?;
    if wants_json(&headers) {
        return Ok(json(&answer(like, &written)));
    }
    Ok(text(format!("Successfully wrote to {}", api.node.name())))
}

/// Counts the likes of a post, or lists who likes it.
#[utoipa::path(
    get, path = "/likes", tag = "original",
    params(
        ("post" = String, Query, description = "The post"),
        ("detail" = Option<String>, Query, description = "List the users; `false` or `0` is as good as nothing"),
        ("kind" = Option<String>, Query, pattern = "^[a-z0-9_-]{1,32}$", description = "The kind of like, `like` by default"),
    ),
    responses((status = 200, description = "The count or the users", content(
        (String = "text/plain", example = "Server node-1 returned Likes: 3"),
        (ClassicAnswer<'static> = "application/json"),
    ), headers(("Likewise-Truncated" = bool, description = "true where there are more than the 10000 users listed")))),
)]
pub(crate) async fn likes(
    State(api): State<Api>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let parameters = Parameters::parse(&uri, &["post", "detail", "kind"])?;
    let post = parameters.text("post").ok_or_else(|| ApiError::Parameter {
        name: "post",
        problem: "is missing, bad request required post query parameter: add ?post=ID".to_owned(),
    })?;
    let (post, kind) = (PostId::new(post)?, parameters.kind()?);
    let is_detailed = parameters.text("detail").is_some_and(|text| text != "false" && text != "0");
    let mut users = match is_detailed {
        true => Some(list(&api, post, kind, None, DETAIL_USERS_MAX + 1).await),
        false => None,
    };
    let is_truncated = users.as_ref().is_some_and(|users| users.len() > DETAIL_USERS_MAX);
    if let Some(users) = &mut users {
        users.truncate(DETAIL_USERS_MAX);
    }
    let (likes, name) = (api.node.state().count(post, kind), api.node.name());
    let mut response = match users {
        users if wants_json(&headers) => {
            json(&ClassicAnswer { post: post.as_str(), kind: unusual(kind), likes, users })
        }
        Some(users) => text(format!("Server {name} returned {}", users.join(","))),
        None => text(format!("Server {name} returned Likes: {likes}")),
    };
    if is_truncated {
        response.headers_mut().insert("likewise-truncated", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Names the node.
#[utoipa::path(
    get, path = "/", tag = "original",
    responses((status = 200, description = "The node's name", body = NodeAnswer<'static>)),
)]
pub(crate) async fn node(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    Ok(json(&NodeAnswer { node_name: api.node.name() }))
}
