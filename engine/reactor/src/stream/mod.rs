//! Operators on streams: what needs the time, a limit or an end of its own. The rest is in futures and tokio-stream, and is not
//! wrapped here.
//!
//! `use homeostat_reactor::stream::prelude::*;` brings [`StreamOps`], [`DeliveryOps`] and tokio-stream's
//! [`StreamExt`](tokio_stream::StreamExt), whose `map`, `filter` and `filter_map` take plain closures. Whoever prefers those of
//! [`futures::StreamExt`] imports it with [`StreamOps`] instead of the prelude: no method of ours has a name that either of the two
//! has. The two share names with each other, which is why the prelude has one of them only.
//!
//! | idea | for any stream | for [deliveries](crate::Delivery), with their acknowledgement | from |
//! |---|---|---|---|
//! | map | `map` | [`map_event`](DeliveryOps::map_event) | tokio-stream; ours |
//! | map, by a future | `then`; futures' `buffered`, `buffer_unordered` | [`for_each_event`](DeliveryOps::for_each_event) | tokio-stream, futures; ours |
//! | filter, filter_map | `filter`, `filter_map` | [`filter_event`](DeliveryOps::filter_event), [`filter_map_event`](DeliveryOps::filter_map_event) | tokio-stream; ours |
//! | take, skip, chain, fold, collect, next | the same names | the same names | tokio-stream |
//! | flat_map, flatten, inspect, boxed | the same names | the same names | futures |
//! | scan | [`accumulate`](StreamOps::accumulate), [`pairwise`](StreamOps::pairwise) | `map_event` with a state | ours |
//! | reduce | [`reduce`](StreamOps::reduce) | [`chunk_events`](DeliveryOps::chunk_events), then `map_event` | ours |
//! | merge | `merge` of two, [`merge_all`], [`merge_by_priority`] | the same | tokio-stream, futures; ours |
//! | zip | [`zip`] | [`zip`] | futures |
//! | debounce | [`debounce`](StreamOps::debounce) | [`debounce_events`](DeliveryOps::debounce_events) | ours |
//! | throttle, sample | [`throttle_by`](StreamOps::throttle_by), [`sample`](StreamOps::sample) | [`throttle_events`](DeliveryOps::throttle_events), [`sample_events`](DeliveryOps::sample_events) | ours |
//! | buffer by count and time | [`chunks_within`](StreamOps::chunks_within) | [`chunk_events`](DeliveryOps::chunk_events) | ours |
//! | distinct | [`distinct`](StreamOps::distinct), [`distinct_by`](StreamOps::distinct_by), [`distinct_within`](StreamOps::distinct_within) | [`distinct_events`](DeliveryOps::distinct_events), [`distinct_events_within`](DeliveryOps::distinct_events_within) | ours |
//! | switch | [`switch`](StreamOps::switch), [`switch_map`](StreamOps::switch_map) | the same | ours |
//! | retry | [`retry`] | [`retry`] | ours |
//! | timeout | [`item_timeout`](StreamOps::item_timeout), [`total_timeout`](StreamOps::total_timeout) | the same | ours |
//! | share, replay | [`share`](StreamOps::share) | [`share_events`](DeliveryOps::share_events) | ours |
//! | acknowledge at hand-over | | [`taken`](DeliveryOps::taken) | ours |
//! | windows, group by | [`window`](crate::window) | | ours |
//!
//! Of all of ours it holds:
//! - Nothing happens unless the stream is polled: no operator has a task, and what is not asked for stays in the source.
//! - Memory has a limit: one item, or as many as were asked for.
//! - A stream may be dropped between any two items, and a `next()` at any await: nothing is lost from the source but what the operator
//!   says it holds. A delivery that is lost that way is settled as abandoned.
//! - Time is the [`Clock`](crate::Clock)'s. It may go back: then a wait may last longer, by as much, but never ends early, and no item
//!   is lost.
//! - What is there goes before what is due: an item that has come is looked at before a wait that is over, so that a consumer that was
//!   away for a while gets what is newest.

mod chunks;
mod debounce;
mod distinct;
mod event_ops;
mod events;
mod merge;
mod ops;
mod retry;
mod sample;
mod scan;
mod share;
mod switch;
mod throttle;
mod timeout;
mod timer;
mod upstream;

pub use chunks::Chunks;
pub use debounce::Debounce;
pub use distinct::{Distinct, DistinctWithin, Memory};
pub use event_ops::DeliveryOps;
pub use events::{ChunkEvents, FilterEvent, FilterMapEvent, Handled, MapEvent, Taken};
pub use merge::{MergeByPriority, merge_all, merge_by_priority, zip};
pub use ops::StreamOps;
pub use retry::{Retry, retry};
pub use sample::Sample;
pub use scan::{Accumulate, Pairwise, Reduce};
pub use share::{Shared, Slow, Subscriber};
pub use switch::Switch;
pub use throttle::{Edge, Throttle};
pub use timeout::{ItemTimeout, TimedOut, TotalTimeout};

/// Everything that makes a stream's methods available: for `use homeostat_reactor::stream::prelude::*`.
pub mod prelude {
    pub use futures::Stream;
    pub use tokio_stream::StreamExt as _;

    pub use super::{DeliveryOps as _, StreamOps as _};
}
