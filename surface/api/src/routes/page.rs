//! Pages of a list: how many, and where the next begins.
//!
//! A cursor is the place of the last entry in the journal, wrapped so that nobody counts on it.

use crate::problem::Refused;
use schemars::JsonSchema;
use serde::Deserialize;

/// Entries of a page when none are asked for.
const LIMIT_DEFAULT: usize = 20;

/// Most entries of a page.
const LIMIT_MAX: usize = 100;

const CURSOR_MARK: &str = "c";

/// Which part of a list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// How many at most, 1 to 100; 20 when it is not said.
    pub limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// How many, within the bounds.
    pub fn limit(&self) -> Result<usize, Refused> {
        match self.limit.unwrap_or(LIMIT_DEFAULT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            other => Err(Refused::unreadable(format!("a page has 1 to {LIMIT_MAX} entries, not {other}"))),
        }
    }

    /// The place in the journal before which the page begins; `None` for the first page.
    pub fn before(&self) -> Result<Option<u64>, Refused> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let place = cursor.strip_prefix(CURSOR_MARK).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        place.map(Some).ok_or_else(|| Refused::unreadable("the cursor is not one that this interface gave out"))
    }
}

/// The cursor behind the last of `found`, if it filled the page: more may follow.
pub fn next<T>(found: &[(u64, T)], limit: usize) -> Option<String> {
    found.last().filter(|_| found.len() >= limit).map(|(seq, _)| format!("{CURSOR_MARK}{seq:x}"))
}
