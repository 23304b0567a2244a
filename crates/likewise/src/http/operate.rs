//! For those who look after the node.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;

use crate::http::Api;
use crate::http::answers::StatusAnswer;
use crate::http::body::{json, text};
use crate::http::error::ApiError;
use crate::http::parameters::{Parameters, segment};
use crate::http::problem;
use crate::metrics::OPENMETRICS;

/// Says that the process lives.
#[utoipa::path(
    get, path = "/livez", tag = "operation",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain", example = "live")),
)]
pub(crate) async fn livez(uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    Ok(text("live\n".to_owned()))
}

/// Says whether requests should be sent here.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses((status = 200, description = "They should", body = StatusAnswer)),
)]
pub(crate) async fn readyz(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let status = api.node.status();
    if !status.ready {
        return Err(ApiError::NotReady(status.detail));
    }
    Ok(json(&StatusAnswer { ready: true, writable: status.writable, detail: status.detail }))
}

/// Gives figures for Prometheus, as OpenMetrics text.
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "The figures", body = String, content_type = "application/openmetrics-text")),
)]
pub(crate) async fn metrics(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let mut response = text(api.metrics.text());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
    Ok(response)
}

/// Explains a problem that an answer had as its `type`.
#[utoipa::path(
    get, path = "/problems/{slug}", tag = "operation",
    params(("slug" = String, Path, description = "The last part of the type")),
    responses((status = 200, description = "A short text", body = String, content_type = "text/plain")),
)]
pub(crate) async fn problem(uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let slug = segment(&uri, 1, "slug")?;
    let problem = problem::find(&slug);
    let page = problem.map(problem::Problem::page);
    page.map(text).ok_or_else(|| ApiError::NotFound(uri.path().to_owned()))
}
