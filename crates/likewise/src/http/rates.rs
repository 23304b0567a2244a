//! How many requests a client may send: a bucket each, that fills at a steady rate.
//!
//! What is counted is requests, whatever they do: a bulk request of many lines is one, and has bounds of its own.
//! Routes for those who look after the node are not counted, and neither are preflights. Each node counts for
//! itself: a client that spreads its requests over five nodes gets five times as many through.
//!
//! Source of the headers: draft-ietf-httpapi-ratelimit-headers, from its revision 08 on. The policy says how many
//! requests (`q`) fit in how many seconds (`w`); `RateLimit` how many are left (`r`), and in how many seconds (`t`)
//! all of them are back, or the next one where none is left, as `Retry-After` says then too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;

use crate::config::edge::Rate;
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;

/// Clients whose buckets are kept. Before one more comes, those whose buckets are full again are forgotten, which
/// changes nothing; where more than half are left even then, all are, and may send as if they were new. So a crowd
/// gets a little more than it should, and takes no more than some megabytes.
const CLIENTS_MAX: usize = 65_536;

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Who is counted as one client.
///
/// An address, unless what stands outside of [`limit`] knows better who asks, and has put another key into the
/// extensions of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientKey {
    /// Whoever sends from an IPv4 address.
    Address(Ipv4Addr),
    /// Whoever sends from a /64 of IPv6, which is what a single subscriber gets.
    Network(u64),
}

impl From<IpAddr> for ClientKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::Address(address),
            IpAddr::V6(address) => Self::Network((address.to_bits() >> 64) as u64),
        }
    }
}

impl ClientKey {
    fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        let address = || extensions.get::<ClientAddress>().map(|address| Self::from(address.0));
        let nobody = Self::from(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        extensions.get::<Self>().copied().or_else(address).unwrap_or(nobody)
    }
}

type Buckets<C> =
    RateLimiter<ClientKey, HashMapStateStore<ClientKey>, C, StateInformationMiddleware>;

/// The buckets of all clients. Cheap to clone.
pub(crate) struct Rates<C: Clock = DefaultClock>(Arc<Shared<C>>);

struct Shared<C: Clock> {
    quota: Quota,
    clock: C,
    buckets: RwLock<Buckets<C>>,
    policy: HeaderValue,
    clients_max: usize,
}

impl<C: Clock> Clone for Rates<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What a client's bucket says to one more request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It may go on, and so many more after it; so long until the bucket is full again.
    Allowed { remaining: u32, full_in: Duration },
    /// It may not, and the next may after so long.
    Limited { next_in: Duration },
}

impl Rates {
    /// Buckets of this rate, all full.
    pub(crate) fn new(rate: Rate) -> Self {
        Self::with_clock(rate, DefaultClock::default(), CLIENTS_MAX)
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn with_clock(rate: Rate, clock: C, clients_max: usize) -> Self {
        let number = |number| NonZeroU32::new(number).expect("settings of 0 are refused");
        let quota = Quota::per_second(number(rate.per_second)).allow_burst(number(rate.burst));
        let window = rate.burst.div_ceil(rate.per_second);
        let policy = format!("\"client\";q={};w={window}", rate.burst);
        Self(Arc::new(Shared {
            buckets: RwLock::new(buckets(quota, clock.clone())),
            policy: HeaderValue::from_str(&policy).expect("it is printable ASCII"),
            quota,
            clock,
            clients_max,
        }))
    }

    fn judge(&self, client: ClientKey) -> Verdict {
        let shared = &*self.0;
        let buckets = shared.buckets.read();
        if buckets.len() >= shared.clients_max {
            drop(buckets);
            self.make_room();
            return self.judge(client);
        }
        match buckets.check_key(&client) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = shared.quota.burst_size().get() - remaining;
                Verdict::Allowed { remaining, full_in: shared.quota.replenish_interval() * used }
            }
            Err(until) => Verdict::Limited { next_in: until.wait_time_from(shared.clock.now()) },
        }
    }

    fn make_room(&self) {
        let shared = &*self.0;
        let mut buckets = shared.buckets.write();
        if buckets.len() < shared.clients_max {
            // Somebody else has.
            return;
        }
        buckets.retain_recent();
        if buckets.len() > shared.clients_max / 2 {
            *buckets = self::buckets(shared.quota, shared.clock.clone());
            tracing::warn!(
                clients = shared.clients_max,
                "more clients at once than rate limits are kept for: all begin anew"
            );
        }
    }
}

fn buckets<C: Clock>(quota: Quota, clock: C) -> Buckets<C> {
    RateLimiter::new(quota, HashMapStateStore::default(), clock)
}

/// Lets a request go on, or says when to come again; in either case how the client stands. The counter is of those
/// that were told to come again.
pub(crate) async fn limit(
    State((rates, limited)): State<(Rates, Counter)>,
    request: Request,
    next: Next,
) -> Response {
    let verdict = rates.judge(ClientKey::of(&request));
    let mut response = match verdict {
        Verdict::Allowed { .. } => next.run(request).await,
        Verdict::Limited { next_in } => {
            limited.inc();
            ApiError::RateLimited { seconds: seconds(next_in) }.into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(RATE_LIMIT_POLICY.clone(), rates.0.policy.clone());
    headers.insert(RATE_LIMIT.clone(), verdict.header());
    response
}

impl Verdict {
    fn header(self) -> HeaderValue {
        let (remaining, time) = match self {
            Self::Allowed { remaining, full_in } => (remaining, full_in),
            Self::Limited { next_in } => (0, next_in),
        };
        let text = format!("\"client\";r={remaining};t={}", seconds(time));
        HeaderValue::from_str(&text).expect("it is printable ASCII")
    }
}

/// Whole seconds, and at least one: after them it is sure to be over.
fn seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
