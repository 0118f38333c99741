//! Rate limits by key: how much each client may ask for.
//!
//! The guard of a route asks its limits in the order of their names. Those by address and for everyone are asked before a token is
//! looked at, so that guessing is limited too; those by header or claim afterwards, so that a stranger cannot spend what belongs to
//! somebody else, or fill the table with names that nobody has. A limit that was asked before one that refuses has counted the request.

mod key;
mod report;
mod table;

pub use self::key::Per;
pub use self::report::RateReport;
pub use self::table::Table;

use crate::client::Client;
use crate::guard::Caller;
use homeostat_reactor::Moment;
use homeostat_routing::settings::EdgeRate;
use http::header::{HeaderMap, HeaderValue};
use std::sync::Arc;
use std::time::Duration;

const NANOS_IN_MILLI: u64 = 1_000_000;

/// Why a rate limit cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RateError {
    /// `per` says nothing that is known.
    #[error("`per` is `{0}`; \"address\", \"everyone\", \"header:NAME\" and \"claim:NAME\" are known")]
    UnknownKey(String),
    /// No requests, no time or no burst: nothing could ever pass.
    #[error("`requests`, `window`, `burst` and `keys_max` must be more than zero")]
    Nothing,
    /// The name cannot be told to clients.
    #[error("`{0}` cannot be told in a header: letters, digits, `-`, `_` and `.` make a name")]
    Name(String),
}

/// A limit, ready for use; the counts are in the [`Table`] that it shares with its predecessors.
#[derive(Clone, Debug)]
pub struct Limit {
    pub(crate) per: Per,
    label: Arc<Label>,
    /// From one request to the next when they come evenly, in nanoseconds.
    interval_ns: u64,
    /// How far ahead of its even pace a client may be, in nanoseconds: its burst.
    ahead_ns: u64,
    table: Arc<Table>,
}

/// What clients are told of a limit, whatever the request.
#[derive(Debug)]
struct Label {
    name: Box<str>,
    policy: HeaderValue,
}

/// What a limit says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it may pass.
    pub allowed: bool,
    /// How many more may come at once.
    pub remaining: u64,
    /// Until everything is there again.
    pub full_in: Duration,
    /// How long a refused client should wait; zero when it was let through.
    pub retry_in: Duration,
}

impl Limit {
    /// Makes a limit ready; `table` makes its counts, or brings those that were there before.
    ///
    /// # Errors
    /// When the settings cannot be read or would let nothing pass.
    pub fn compile(name: &str, settings: &EdgeRate, table: impl FnOnce(&Per) -> Arc<Table>) -> Result<Self, RateError> {
        let per: Per = settings.per.parse()?;
        let burst = settings.burst.unwrap_or(settings.requests);
        let window_ms = settings.window.0.0;
        if settings.requests == 0 || burst == 0 || window_ms == 0 || settings.keys_max == 0 {
            return Err(RateError::Nothing);
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || !name.bytes().all(fits) {
            return Err(RateError::Name(name.to_owned()));
        }
        let interval_ns = (window_ms.saturating_mul(NANOS_IN_MILLI) / u64::from(settings.requests)).max(1);
        let policy = report::policy(name, settings.requests, window_ms);
        let table = table(&per);
        Ok(Self {
            label: Arc::new(Label { name: name.into(), policy }),
            per,
            interval_ns,
            ahead_ns: interval_ns.saturating_mul(u64::from(burst)),
            table,
        })
    }

    /// The key of a request under this limit.
    pub(crate) fn key(&self, client: &Client, headers: &HeaderMap, caller: Option<&Caller>) -> u128 {
        self.per.key(self.table.hasher(), client, headers, caller)
    }

    /// Asks for one request of this key: the generic cell rate algorithm. A refused request costs nothing.
    #[must_use]
    pub fn ask(&self, key: u128, now: Moment) -> Standing {
        self.table.update(key, now.0, |due| {
            let next = due.max(now.0).saturating_add(self.interval_ns);
            let over = next.saturating_sub(now.0).saturating_sub(self.ahead_ns);
            let allowed = over == 0;
            let kept = if allowed { next } else { due };
            let used = kept.saturating_sub(now.0);
            let standing = Standing {
                allowed,
                remaining: self.ahead_ns.saturating_sub(used) / self.interval_ns,
                full_in: Duration::from_nanos(used),
                retry_in: Duration::from_nanos(over),
            };
            (kept, standing)
        })
    }
}
