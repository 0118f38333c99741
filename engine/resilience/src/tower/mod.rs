//! The policies as layers for [`Service`]s: for clients and servers that are built of such.
//!
//! Each layer is a thin coat over the policy of the same name, which stays at hand for reloads and snapshots: it adds no behaviour
//! of its own. A layer is told what kind of call a request is ([`CallOf`]: a closure, one [`Call`](crate::Call) for all, or a pair
//! that also tells the request what is left), and judges results with the same closures as the plain policy does. All fail with
//! [`Failure`](crate::Failure), and go around services that fail with it: the layers need no other order than the one that makes
//! sense, and each may be left out. An [`InnermostLayer`] makes the errors of any service fit (where it is missing, the
//! compiler finds no `Service` in the layered one). What a layer sees has come through
//! those within: [`advise_through`](crate::advise_through) lets their refusals speak for themselves.
//!
//! A [`StackService`] is all of them at once, in the order that is right for most, and the one to begin with where there are several
//! endpoints: its attempts know of each other, those of a retry or hedge around a [`BalanceService`] do not.
//!
//! A call costs one allocation for each layer (two for a [`ReserveLayer`]) beside what the policy itself takes, because futures
//! without a name need a box; whoever counts those nests the plain
//! policies instead.
//!
//! # The contract of readiness
//!
//! `poll_ready` comes before the request is known: neither its deadline nor its importance. So the rule is: **a layer is always
//! ready, and waits for the service inside while it answers**, under the policy: a deadline ends that wait too, a breaker counts
//! it as time that the service took, a failure to become ready as a failure. A layer that refuses never touches the service
//! inside, not even by `poll_ready`: an open breaker cannot be kept waiting by what it cuts off.
//!
//! | layer | `poll_ready` | when it refuses | waits for room, or refuses |
//! |---|---|---|---|
//! | [`BreakerLayer`] | ready | inner untouched | refuses |
//! | [`BulkheadLayer`] | ready, or ahead | inner untouched | waits in the response up to `wait_ms_max`; refuses at once with `waiting_max` 0 |
//! | [`RateLayer`] | ready, or ahead | inner untouched | waits in the response up to `wait_ms_max`; refuses at once with 0 |
//! | [`ConcurrencyLayer`] | ready, or ahead | inner untouched | refuses |
//! | [`DeadlineLayer`] | ready, or ahead | inner untouched, or dropped when time is up | refuses |
//! | [`RetryLayer`] | ready, or ahead | inner untouched, or dropped when time is up | waits in the response between attempts, holding nothing of the inner |
//! | [`HedgeLayer`] | ready, or ahead | inner untouched, or dropped when time is up | refuses |
//! | [`FallbackLayer`] | ready | it does not | neither: it answers |
//! | [`EternalLayer`] | ready | it does not: inner untouched beyond its probes | neither: it answers |
//! | [`CoalesceLayer`] | ready | inner untouched, by all that follow | waits in the response for whoever leads |
//! | [`BalanceService`] | ready | no endpoint touched | refuses without endpoints |
//! | [`StackService`] | ready | no endpoint touched | by its settings; all waiting is in the response |
//! | [`ReserveLayer`] | waits for the policy, then for the inner | inner untouched; ready, and the next call is refused | waits in `poll_ready` |
//! | [`InnermostLayer`] | that of the inner | it does not | that of the inner |
//!
//! *Ahead* is how [`PolicyLayer::ahead`] makes a layer of which the table says so: `poll_ready` is that of the service inside, so
//! that its backpressure comes through to whoever is outside. What is waited there is under no policy, and what a refusal then
//! leaves unused was reserved in vain. The layers that answer without the service inside have no such mode, and neither has the
//! breaker: whoever began to wait while it was closed would go on waiting when it opens.
//!
//! Beyond the table, for every layer:
//! - **Backpressure** of the service inside shows as time in the response, and in `poll_ready` ahead. That of a bulkhead or a rate
//!   limit shows as time in the response, as a refusal, or with a [`ReserveLayer`] in `poll_ready`. It is felt by whoever is
//!   outermost only if all layers between pass it on: a layer that is always ready ends it.
//! - **Errors of readiness**: where a layer is always ready, a service inside that fails to become ready fails that call, and the
//!   layer may be used again. Ahead, reserved and innermost the error comes from `poll_ready`, and says what it always says: throw
//!   this service away. A refusal never comes from `poll_ready`.
//! - **The service inside is never called unready.** The instance that was found ready is the one that is called; its clone takes
//!   its place and is asked anew. So is each attempt after the first.
//! - **Ready, and not called**: ahead and reserved, what was reserved (a permit here, whatever there is inside) is held until the
//!   instance is called or dropped; a token of a rate limit is not given back. Elsewhere nothing is held.
//! - **Clones** share the policy, and nothing of what one of them has reserved.
//! - **A response that is dropped**, at any point, gives back permits, trials, places in lines, the lead among equal calls, the
//!   requests under way inside and what those had reserved. Before a response is polled first, no policy is asked (a
//!   [`ReserveLayer`] was before).
//! - **Requests** are cloned by retry, hedge, eternal mode and stack, once for each attempt, and by nobody else.
//!
//! Each of these is a test, and what is said of every layer is asked of every layer.
//!
//! # Example
//!
//! A client of an HTTP library, with its requests and answers, under a deadline, a retry and a breaker. In the pair of closures the
//! second one writes what is left of the call into a header, for the other side to know.
//!
//! ```
//! use homeostat_reactor::Clock;
//! use homeostat_resilience::deadline::{REMAINING_HEADER, Remaining};
//! use homeostat_resilience::tower::{BreakerLayer, DeadlineLayer, InnermostLayer, RetryLayer};
//! use homeostat_resilience::{Breaker, Call, Deadline, DeadlineSettings, Retry, Verdict, advise_through};
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! #[derive(Debug, Clone)]
//! struct Request { method: &'static str, path: String, headers: Vec<(&'static str, String)>, call: Call }
//! #[derive(Debug)]
//! struct Response { status: u16 }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Clock::machine();
//! // The policies, to be kept: they are reloaded and looked at from here.
//! let deadline = Deadline::new("orders", DeadlineSettings::of_millis(2_000), clock.clone());
//! let retry = Retry::builder("orders", &clock).build();
//! let breaker = Breaker::builder("orders", &clock).build()?;
//!
//! // What kind of call a request is, and how it is told what is left of it.
//! let read = |request: &Request| Call { is_idempotent: request.method == "GET", ..request.call };
//! let write = move |request: &mut Request, call: &Call| {
//!     request.call = *call;
//!     request.headers.retain(|(name, _)| *name != REMAINING_HEADER);
//!     request.headers.extend(Remaining::of(call, clock.now()).map(|left| (REMAINING_HEADER, left.to_string())));
//! };
//! let calls = (read, write);
//! // What an answer says of the service, written once for all layers.
//! let own = |result: Result<&Response, &std::io::Error>| match result {
//!     Ok(response) if matches!(response.status, 429 | 503) => Verdict::Full,
//!     Ok(response) if response.status >= 500 => Verdict::Failed,
//!     Ok(_) => Verdict::Good,
//!     Err(_) => Verdict::Failed,
//! };
//!
//! let client = tower::service_fn(|request: Request| async move {
//!     assert_eq!(request.headers[0].0, REMAINING_HEADER);
//!     Ok::<_, std::io::Error>(Response { status: if request.path == "/orders/7" { 200 } else { 404 } })
//! });
//! let mut orders = ServiceBuilder::new()
//!     .layer(DeadlineLayer::new(&deadline, calls.clone()))
//!     .layer(RetryLayer::new(&retry, calls.clone(), advise_through(own)))
//!     .layer(BreakerLayer::new(&breaker, calls, advise_through(own)))
//!     .layer(InnermostLayer)
//!     .service(client);
//!
//! let request = Request { method: "GET", path: "/orders/7".into(), headers: Vec::new(), call: Call::default() };
//! let response = orders.ready().await?.call(request).await?;
//! assert_eq!((response.status, breaker.snapshot().calls), (200, 1));
//! # Ok(()) }
//! ```
//!
//! [`Service`]: tower_service::Service

mod around;
mod attempts;
mod balance;
mod breaker;
mod bulkhead;
mod calls;
mod coalesce;
mod concurrency;
mod deadline;
mod eternal;
mod fallback;
mod hedge;
mod inner;
mod innermost;
mod rate;
mod reserve;
mod retry;
mod stack;

pub use self::around::{Ahead, Answering, Around, PolicyLayer, PolicyService};
pub use self::balance::BalanceService;
pub use self::breaker::{BreakerLayer, UnderBreaker};
pub use self::bulkhead::{BulkheadLayer, UnderBulkhead};
pub use self::calls::CallOf;
pub use self::coalesce::{CoalesceLayer, Together};
pub use self::concurrency::{ConcurrencyLayer, UnderLimit};
pub use self::deadline::{DeadlineLayer, UnderDeadline};
pub use self::eternal::{EternalLayer, ForEver};
pub use self::fallback::{FallbackLayer, WithFallback};
pub use self::hedge::{HedgeLayer, UnderHedge};
pub use self::inner::{Inner, Inside};
pub use self::innermost::{InnermostLayer, InnermostService};
pub use self::rate::{RateLayer, UnderRate};
pub use self::reserve::{Reserve, ReserveLayer, ReserveService, Reserving};
pub use self::retry::{RetryLayer, UnderRetry};
pub use self::stack::{NoFallback, Prepared, StackService};
