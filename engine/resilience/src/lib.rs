//! What Homeostat calls others through, for whoever has calls to make. The page below is also the README: it must never promise what
//! no test holds.
//!
//! Each policy is a plain value; they know nothing of tasks, sockets or the loop above them. All time comes from a
//! [`Clock`](homeostat_reactor::Clock), all chance from a [`Chance`](chance::Chance), so that any run can be repeated in virtual time.
#![doc = include_str!("../README.md")]

pub mod attempt;
pub mod balance;
pub mod breaker;
pub mod budget;
pub mod bulkhead;
pub mod call;
pub mod chance;
pub mod coalesce;
pub mod concurrency;
pub mod deadline;
pub mod eternal;
pub mod event;
pub mod failure;
pub mod fallback;
pub mod hedge;
pub mod latency;
mod line;
mod live;
pub mod memory;
#[cfg(feature = "metrics")]
pub mod metrics;
mod pause;
pub mod predictor;
pub mod rate;
pub mod retry;
pub mod shares;
pub mod stack;
mod tally;
#[cfg(feature = "tower")]
pub mod tower;
pub mod verdict;

pub use attempt::{Advice, Attempt, advise_through};
pub use balance::{BalanceSettings, Balancer};
pub use breaker::{Breaker, BreakerSettings};
pub use budget::{Budget, BudgetSettings, Charge};
pub use bulkhead::{Bulkhead, BulkheadSettings};
pub use call::{Call, Priority};
pub use coalesce::{Coalesce, CoalesceSettings};
pub use concurrency::{ConcurrencyLimiter, ConcurrencySettings};
pub use deadline::{Deadline, DeadlineSettings, Remaining};
pub use eternal::{Eternal, EternalSettings};
pub use event::{Listener, PolicyEvent};
pub use failure::{Failure, Refusal};
pub use fallback::{Fallback, FallbackSettings};
pub use hedge::{Hedge, HedgeSettings, Outlook, Pace};
pub use rate::{RateLimit, RateSettings, SharedRate};
pub use retry::{Retry, RetrySettings};
pub use shares::PerPriority;
pub use stack::{Stack, StackSettings};
pub use verdict::{Judge, Verdict, judge_result};
