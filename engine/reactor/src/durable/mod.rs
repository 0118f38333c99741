//! Sources that remember how far a consumer has come: replay from any offset, and effects that happen exactly once.
//!
//! A [`DurableSource`] numbers its items and keeps, for each named consumer, the offset up to which that consumer's effects are
//! in. [`Durable::consume`] reads in batches, folds each item into a state and into effects, and hands the source one commit with
//! the effects, the new offset and, where wished, a snapshot of the state. Either all of it is there after a crash or nothing is,
//! so a run that starts again goes on where the last commit ended: no effect is missing, none is there twice.
//!
//! What always holds:
//! - a commit names the offset it expects, so of two consumers with one name the stale one fails with
//!   [`DurableError::Fenced`] and leaves nothing behind;
//! - the fold is pure, so replaying any prefix gives the state that was there, whatever the batches were; a state without a
//!   snapshot is rebuilt in exactly this way;
//! - only failures after which nothing was done are tried again, a limited number of times; any other ends the run with a named
//!   error, and the next run reads what was committed;
//! - dropping a run at any await is as safe as killing it.
//!
//! What it cannot do: effects outside the source's own commit (a mail, a payment) happen at least once; give them the offset as
//! their key. A consumer that appends to the very source it reads meets its own items again.
//!
//! [`Memory`] is a source for tests and examples. The journal of `homeostat-store` is the one that survives; its example `replay`
//! replays a shop's orders from disk (`cargo run -p homeostat-store --example replay`).
//!
//! ```
//! use homeostat_reactor::durable::{Durable, Memory, Offset};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = Memory::new();
//! orders.extend([3, 4, 5]);
//! let total = |sum: &mut u64, order: u64| {
//!     *sum += order;
//!     vec![format!("{sum} sold")]
//! };
//!
//! let first = Durable::consume(orders.clone(), "totals", Offset::START).fold(0, total).catch_up().await?;
//! assert_eq!((first.state, first.upto), (12, Offset(3)));
//!
//! // Started again, it goes on where it stopped, with the same state, and says nothing twice.
//! orders.extend([8]);
//! let again = Durable::consume(orders.clone(), "totals", Offset::START).fold(0, total).catch_up().await?;
//! assert_eq!(again.state, 20);
//! assert_eq!(orders.effects("totals").concat(), ["3 sold", "7 sold", "12 sold", "20 sold"]);
//! # Ok(())
//! # }
//! ```

mod consumer;
mod error;
mod fold;
mod memory;
mod patience;
mod snapshot;
mod source;

pub use consumer::{Consumer, Opening};
pub use error::{DurableError, SourceError};
pub use fold::{Durable, Fold, Folded};
pub use memory::{ITEMS_KEPT_MAX, Memory};
pub use source::{Advance, Answer, Checkpoint, DurableSource, Effects, Items, Offset, Snapshot};
