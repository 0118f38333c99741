//! The rules of HTTP caching for a shared cache (RFC 9111, and what of RFC 9110, 9213 and 5861 belongs to it), as pure functions.
//!
//! For a proxy that keeps answers; it calls them in this order. They do no I/O and read no clock: heads, times and the rules of the route
//! come in, and a decision or a changed head comes out. What comes from outside is taken for hostile: every list is bounded, and what
//! cannot be read is decided so that nothing wrong is kept.
//!
//! | when | what |
//! |---|---|
//! | a request comes | [`key()`]; methods other than GET and HEAD, and GETs with a body, pass the cache by |
//! | something is stored under the key | [`Variants::key`] if it is a record of variants; then [`Storable::reuse`] with the [`RequestControl`], where the request has `Cache-Control` at all |
//! | it may be served | [`is_not_modified`] and [`not_modified`], or [`Part`]; [`set_age`]; for HEAD the same without the body |
//! | it must be asked about | [`revalidate`], and [`freshen`] when 304 comes back |
//! | an answer comes | [`Policy::of_response`]; [`kept`] and [`Storable::life`] for what is stored, [`Advice`] for what is not |
//! | something was changed | [`invalidates`] and [`named_targets`] |

mod advice;
mod conditional;
mod control;
mod freshness;
mod headers;
mod invalidate;
mod key;
mod list;
mod policy;
mod range;
mod rules;
mod vary;
mod weight;

pub use advice::{Advice, AdviceLine, Reason};
pub use conditional::{ETag, OF_THE_CLIENT, etag, is_not_modified, not_modified, revalidate};
pub use control::{CacheControl, RequestControl};
pub use freshness::Times;
pub use headers::{Freshened, freshen, freshen_by_head, kept, set_age};
pub use invalidate::{Origin, invalidates, named_targets};
pub use key::{QueryRule, key, query};
pub use policy::{Policy, Reuse, Storable};
pub use range::Part;
pub use rules::{Lifetime, RouteRules, SetCookie};
pub use vary::{Variants, Vary, tags};
pub use weight::{NoWeight, WHOLE, weight};
