//! A cache for whoever fetches what does not change with every call. The page below is also the README: it must never promise what no
//! test holds.
//!
//! All time comes from a [`Clock`](homeostat_reactor::Clock), all chance from a [`Chance`](homeostat_resilience::chance::Chance), so
//! that any run can be repeated in virtual time.
#![doc = include_str!("../README.md")]

pub mod cache;
mod compressed;
mod entry;
pub mod fetch;
mod flight;
mod frequent;
pub mod http;
pub mod life;
mod pattern;
mod purge;
pub mod second;
mod settings;
mod store;
pub mod sweep;
mod tags;
pub mod tally;
mod waiting;
pub mod warm;

pub use cache::{Cache, CacheKey, Lookup};
pub use compressed::{Compressed, InvalidCompressed};
pub use entry::Hit;
pub use fetch::{Fetch, Inserted, Outcome, Terms, Turn};
pub use frequent::FREQUENT_MAX;
pub use life::Life;
pub use pattern::{InvalidPattern, Pattern};
pub use purge::{RULES_MAX, TooManyRules};
pub use second::{Backed, Invalidation, Kept, PurgeFailure, SecondLevel, SecondLevelError};
pub use settings::{CacheSettings, ENTRY_OVERHEAD_BYTES, InvalidCache};
pub use tags::{TAG_BYTES_MAX, TAGS_AN_ENTRY_MAX};
pub use tally::{CacheSnapshot, Group, GroupSnapshot};
pub use waiting::{Waited, Waiting};
