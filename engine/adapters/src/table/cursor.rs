//! How far a table has been read: plain data, to be saved with what the rows did.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Positions that are remembered within an overlap. With more rows than this in it the overlap becomes shorter, which is counted.
pub const SEEN_MAX: usize = 65_536;

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The column that grows: a number, or a time as a number.
    pub at: i64,
    /// What tells rows with the same value apart: a key.
    pub key: i64,
}

impl Position {
    /// Before all rows.
    pub const START: Self = Self { at: i64::MIN, key: i64::MIN };
}

/// What a row is to a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// New, behind everything that was seen.
    InOrder,
    /// New, but it appeared after rows that stand behind it.
    Late,
    /// Seen before, or too long ago to tell.
    Known,
}

/// How far a table has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCursor {
    last: Position,
    overlap: u64,
    /// Nothing up to here is looked at again.
    floor: Position,
    /// What was seen behind the floor.
    seen: BTreeSet<Position>,
    /// How often the overlap held too many rows.
    shortened: u64,
}

impl TableCursor {
    /// From the first row on. The overlap is how far behind the last row to look again, in the unit of the growing column.
    pub const fn from_start(overlap: u64) -> Self {
        Self::behind(Position::START, overlap)
    }

    /// From behind a row on.
    pub const fn behind(position: Position, overlap: u64) -> Self {
        Self { last: position, overlap, floor: position, seen: BTreeSet::new(), shortened: 0 }
    }

    /// The last row in order.
    pub const fn last(&self) -> Position {
        self.last
    }

    /// Where to read from.
    pub const fn read_from(&self) -> Position {
        self.floor
    }

    /// How often the overlap became shorter because it held too many rows.
    pub const fn shortened(&self) -> u64 {
        self.shortened
    }

    /// Takes note of a row, and says what it is.
    pub fn take(&mut self, position: Position) -> Taken {
        if position <= self.floor || self.seen.contains(&position) {
            return Taken::Known;
        }
        let late = position < self.last;
        self.last = self.last.max(position);
        self.seen.insert(position);
        self.forget();
        if late { Taken::Late } else { Taken::InOrder }
    }

    fn forget(&mut self) {
        // Up to this value nothing is looked at again; without an overlap, up to the last row itself.
        let edge = match self.overlap {
            0 => self.last,
            overlap => Position { at: self.last.at.saturating_sub_unsigned(overlap), key: i64::MIN },
        };
        if edge > self.floor {
            self.floor = edge;
            self.seen = match self.overlap {
                0 => BTreeSet::new(),
                _ => self.seen.split_off(&edge),
            };
        }
        while self.seen.len() > SEEN_MAX {
            self.shortened += 1;
            self.floor = self.seen.pop_first().unwrap_or(self.floor).max(self.floor);
        }
    }
}
