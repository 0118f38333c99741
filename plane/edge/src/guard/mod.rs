//! Who may come in, how often, and with how much: the guard of a route.
//!
//! Compiled with the settings ([`RouteGuard::compile`]), asked for each request ([`RouteGuard::check`]) before anything is sent anywhere.
//! Always holds: headers in which the gateway says who the caller is never come from the caller; a refusal names no secret; nothing here
//! waits.
//!
//! The order: the size of the body, then limits by address and for everyone, then who it is, then limits by header and claim.

mod access;
mod caller;
mod refused;
mod registry;

pub use self::caller::Caller;
pub use self::refused::Refused;
pub use self::registry::{Fetch, Guards, Refreshed};
pub use crate::source::Place;

use self::access::Access;
use crate::client::{Client, remove_lookalikes};
use crate::now::Now;
use crate::rate::{Limit, RateError, RateReport};
use homeostat_routing::settings::{Gateway, Route};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName};
use http::request::Parts;

/// Why the guard of a route cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// It asks for an entry of `gateway.auth` that is not there.
    #[error("`auth` names `{0}`, and there is no [gateway.auth.{0}]")]
    NoAuth(String),
    /// An entry of `gateway.auth` asks for nothing, which would let everybody in.
    #[error("[gateway.auth.{0}] has neither `jwt` nor `api_keys`")]
    EmptyAuth(String),
    /// A way to know callers cannot be used.
    #[error("[gateway.auth.{auth}]: {why}")]
    Auth {
        /// Which entry.
        auth: String,
        /// What is wrong.
        why: String,
    },
    /// A limit cannot be used.
    #[error("rate limit `{name}`: {source}")]
    Rate {
        /// Which limit.
        name: String,
        /// What is wrong.
        source: RateError,
    },
}

/// The guard of a route.
pub struct RouteGuard {
    body_bytes_max: u64,
    before: Vec<Limit>,
    after: Vec<Limit>,
    access: Option<Access>,
    /// What only the gateway may say.
    own_headers: Vec<HeaderName>,
}

/// What is known of a request that may pass.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// Who asks, where the route wants to know.
    pub caller: Option<Caller>,
    /// What the answer says of limits.
    pub rates: RateReport,
}

impl RouteGuard {
    /// Makes the guard of a route. Counts and keys that `guards` has from before are kept.
    ///
    /// # Errors
    /// When settings cannot be used, or a file of keys cannot be read.
    pub fn compile(guards: &Guards, gateway: &Gateway, name: &str, route: &Route) -> Result<Self, GuardError> {
        let access = match &route.auth {
            Some(auth) => {
                let settings = gateway.auth.get(auth).ok_or_else(|| GuardError::NoAuth(auth.clone()))?;
                Some(Access::compile(guards, auth, settings)?)
            }
            None => None,
        };
        let mut limits = Vec::with_capacity(route.rate_limits.len());
        for (limit, settings) in &route.rate_limits {
            let table = |per: &_| guards.table(name, limit, per, settings.keys_max);
            let compiled = Limit::compile(limit, settings, table);
            limits.push(compiled.map_err(|source| GuardError::Rate { name: limit.clone(), source })?);
        }
        let (before, after) = limits.into_iter().partition(|limit| limit.per.before_auth());
        let own_headers = access.as_ref().map(Access::own_headers).unwrap_or_default();
        let body_max = route.request_body_max.unwrap_or(gateway.limits.request_body_max);
        Ok(Self { body_bytes_max: body_max.0, before, after, access, own_headers })
    }

    /// The largest body: a request that does not say how long it is must be watched while it comes.
    #[must_use]
    pub const fn body_bytes_max(&self) -> u64 {
        self.body_bytes_max
    }

    /// Judges a request, and writes into its headers who the caller is.
    ///
    /// # Errors
    /// Why it may not pass.
    pub fn check(&self, head: &mut Parts, client: &Client, now: Now) -> Result<Passed, Refused> {
        let mut passed = Passed::default();
        if declared_length(&head.headers).is_some_and(|bytes| bytes > self.body_bytes_max) {
            return Err(Refused::TooLarge);
        }
        ask(&self.before, &mut passed, &head.headers, client, now)?;
        for name in &self.own_headers {
            remove_lookalikes(&mut head.headers, name);
        }
        if let Some(access) = &self.access {
            passed.caller = match access.admit(&head.headers, now.wall) {
                Ok(caller) => Some(caller),
                Err(why) => {
                    return Err(Refused::NotAdmitted { why, challenge: access.challenge(why), rates: passed.rates });
                }
            };
        }
        ask(&self.after, &mut passed, &head.headers, client, now)?;
        if let (Some(access), Some(caller)) = (&self.access, &passed.caller) {
            access.announce(caller, &mut head.headers);
        }
        Ok(passed)
    }
}

fn ask(limits: &[Limit], passed: &mut Passed, headers: &HeaderMap, client: &Client, now: Now) -> Result<(), Refused> {
    for limit in limits {
        let key = limit.key(client, headers, passed.caller.as_ref());
        let standing = limit.ask(key, now.at);
        passed.rates.add(limit, standing);
        if !standing.allowed {
            return Err(Refused::TooMany { rates: std::mem::take(&mut passed.rates) });
        }
    }
    Ok(())
}

/// What the request says of its body. The wire has refused what is no number or is said in two ways.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}
