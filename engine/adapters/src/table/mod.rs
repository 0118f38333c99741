//! A table of a database as a source: rows are taken in the order of a column that grows, and none twice.
//!
//! [`watch`] asks a [`Table`] again and again for what lies behind a [`TableCursor`]. Whatever database it is, one hazard is the same:
//! a number is given to a row before the row is committed, so a row with a lower number can appear after one with a higher. A
//! cursor therefore has an overlap: that far behind the last row it looks again, and remembers what it has seen there. The overlap
//! must be as long as the longest transaction; a row that appears later than that is missed by every reader of this kind. SQLite
//! has one writer at a time and commits in the order of its row numbers: there the overlap can be nothing.
//!
//! The cursor is saved by whoever handles the rows, together with what they did: then each row has its effect once, also over
//! restarts.

mod cursor;
mod watch;

use std::future::Future;

pub use cursor::{Position, SEEN_MAX, TableCursor, Taken};
pub use watch::{Hint, TableArrival, WatchOptions, WatchSnapshot, WatchedTable, watch};

/// Why a table could not be read. It is asked again, later each time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TableError(pub String);

/// A row as it was read: where it stands, and the row, or why it could not be understood.
pub type ReadRow<R> = (Position, Result<R, String>);

/// Something that has rows in an order.
///
/// Implemented here for SQLite; for another database the contract is the same: rows strictly behind a position, in the order of their
/// positions, no more than asked for, as one consistent read.
pub trait Table: Send + 'static {
    /// A row as the events that are made of it need it.
    type Row: Send + 'static;

    /// Up to `limit` rows behind a position, in order; none only when there are none yet. May be dropped before it ends, and is then
    /// called again.
    fn rows_after(
        &mut self,
        after: Position,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<ReadRow<Self::Row>>, TableError>> + Send;
}
