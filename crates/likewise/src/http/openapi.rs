//! The description of all routes, made from their code.

use std::sync::LazyLock;

use axum::http::{Method, Uri};
use axum::response::Response;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};
use utoipa::{Modify, OpenApi};

use crate::access::right::Need;
use crate::http::error::{ApiError, PROBLEM_JSON, ProblemDocument};
use crate::http::parameters::Parameters;
use crate::http::{
    answers, backup, bulk, classic, events, export, likes, lines, members, operate, posts, query,
    restore, routes,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Likewise",
        description = "Counts likes, each exactly once, on any number of nodes without a leader. \
            Every answer names its node in the header Likewise-Node. Every error is a problem (RFC 9457) \
            whose type is stable; only a request that is no HTTP, or whose head is over 16 KiB or 100 headers, \
            gets a bare 400 or 431. Where a node limits how much a client may send, all answers but those for \
            operators carry RateLimit-Policy and RateLimit, and more than that is answered 429 with Retry-After. \
            Where it was started with a tokens file or a JWKS file, a request needs the right that stands at its \
            operation: `read`, `write` (includes `read`) or `admin` (includes both). Without them everything is open.",
    ),
    servers((url = "/")),
    tags(
        (name = "likes", description = "To like, to unlike, to look"),
        (name = "posts", description = "Counts and lists"),
        (name = "original", description = "The interface of the service that Likewise grew out of"),
        (name = "operation", description = "For those who look after the node"),
    ),
    paths(
        likes::like, likes::unlike, likes::read, bulk::write,
        posts::read, posts::reactions, posts::likers, posts::top, query::query,
        classic::like, classic::likes, classic::node,
        export::export, backup::read, restore::write, members::read, events::stream, members::leave, members::forget,
        operate::livez, operate::readyz, operate::metrics, operate::problem, serve,
    ),
    components(schemas(
        ProblemDocument, answers::LineError, answers::TopPost, answers::FeedPost<'static>,
        lines::WriteLine<'static>,
    )),
    modifiers(&Problems, &Rights),
)]
struct Document;

/// Adds to each operation that its errors are problems.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            operations.into_iter().flatten().for_each(add_problem);
        }
    }
}

fn add_problem(operation: &mut Operation) {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description("Not done, or not known to be done: the type says why")
        .content(PROBLEM_JSON, content)
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(response));
}

/// Adds to each operation the right that it needs, out of the table of routes.
struct Rights;

/// What the scheme of [`Rights`] is called.
const SCHEME: &str = "bearer";

impl Modify for Rights {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token of the node's tokens file, or a JWT by a key of its JWKS file. A JWT gives `read`, and `write` \
             for the likes of the user whom its `sub` names.",
        ));
        let scheme = SecurityScheme::Http(scheme.build());
        document.components.get_or_insert_default().add_security_scheme(SCHEME, scheme);
        for (template, method, need) in needs() {
            let item = document.paths.paths.get_mut(template);
            let operation = item.and_then(|item| operation_of(item, &method));
            let operation = operation.expect("every method of a route is described");
            let right =
                need.right().map(|right| SecurityRequirement::new(SCHEME, [right.as_str()]));
            operation.security = Some(right.into_iter().collect());
        }
    }
}

fn needs() -> impl Iterator<Item = (&'static str, Method, Need)> {
    routes().into_iter().flat_map(|route| {
        let template = route.template;
        route.methods.into_iter().map(move |it| (template, it.method, it.need))
    })
}

fn operation_of<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    let operation = match *method {
        Method::GET => &mut item.get,
        Method::PUT => &mut item.put,
        Method::POST => &mut item.post,
        Method::DELETE => &mut item.delete,
        _ => return None,
    };
    operation.as_mut()
}

static JSON: LazyLock<String> = LazyLock::new(|| {
    let document = Document::openapi().to_pretty_json();
    document.expect("a description is always valid JSON") + "\n"
});

/// The description as JSON, as `/openapi.json` answers it.
#[must_use]
pub fn openapi_json() -> &'static str {
    &JSON
}

/// The methods of the route with this template; none of one that is not described.
pub(crate) fn methods(template: &str) -> Vec<Method> {
    let document = Document::openapi();
    let Some(item) = document.paths.paths.get(template) else { return Vec::new() };
    let operations = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
    ];
    let taken = operations.into_iter().filter(|(_, operation)| operation.is_some());
    taken.map(|(method, _)| method).collect()
}

/// Describes all routes, as OpenAPI 3.1.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "This document", content_type = "application/json")),
)]
pub(crate) async fn serve(uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    Ok(document())
}

fn document() -> Response {
    use axum::http::HeaderValue;
    use axum::http::header::CONTENT_TYPE;
    let mut response = Response::new(openapi_json().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_what_it_needs() {
        let mut document = Document::openapi();
        for (template, item) in &mut document.paths.paths {
            let operations = [&item.get, &item.put, &item.post, &item.delete];
            let mut operations = operations.into_iter().flatten();
            assert!(operations.all(|operation| operation.security.is_some()), "{template}");
        }
    }
}
