//! One route: its path, its methods, and what each of them needs. There is no way to add a method without
//! saying that.

use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::access::right::Need;
use crate::http::access::Gate;
use crate::http::observe::Shedding;
use crate::http::{Api, method_not_allowed};

/// A route, and all that stands in the table of routes.
pub(crate) struct Route {
    /// Its path, with a name in braces for each part that is free.
    pub(crate) template: &'static str,
    /// Whether it gives way when the node has too much to do.
    pub(crate) shedding: Shedding,
    /// Its methods.
    pub(crate) methods: Vec<RouteMethod>,
}

/// A method of a route.
pub(crate) struct RouteMethod {
    /// The method.
    pub(crate) method: Method,
    /// What it needs.
    pub(crate) need: Need,
    handler: MethodRouter<Api>,
}

/// A route without a method yet.
pub(crate) const fn route(template: &'static str, shedding: Shedding) -> Route {
    Route { template, shedding, methods: Vec::new() }
}

impl Route {
    /// Takes GET, and so HEAD.
    pub(crate) fn get<T: 'static>(self, need: Need, handler: impl Handler<T, Api>) -> Self {
        self.with(Method::GET, MethodFilter::GET, need, handler)
    }

    /// Takes PUT.
    pub(crate) fn put<T: 'static>(self, need: Need, handler: impl Handler<T, Api>) -> Self {
        self.with(Method::PUT, MethodFilter::PUT, need, handler)
    }

    /// Takes POST.
    pub(crate) fn post<T: 'static>(self, need: Need, handler: impl Handler<T, Api>) -> Self {
        self.with(Method::POST, MethodFilter::POST, need, handler)
    }

    /// Takes DELETE.
    pub(crate) fn delete<T: 'static>(self, need: Need, handler: impl Handler<T, Api>) -> Self {
        self.with(Method::DELETE, MethodFilter::DELETE, need, handler)
    }

    fn with<T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        need: Need,
        handler: impl Handler<T, Api>,
    ) -> Self {
        self.methods.push(RouteMethod { method, need, handler: on(filter, handler) });
        self
    }

    /// All methods, each behind its gate where it has one, and an answer to every other method.
    pub(crate) fn guarded(self, api: &Api) -> MethodRouter<Api> {
        let methods = self.methods.into_iter().map(|it| match Gate::new(api, it.need) {
            Some(gate) => it.handler.route_layer(from_fn_with_state(gate, Gate::guard)),
            None => it.handler,
        });
        methods.fold(MethodRouter::new(), MethodRouter::merge).fallback(method_not_allowed)
    }
}
