//! What comes out of windows, and what became of an event that went in.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;

/// A window that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windowed<K, O> {
    /// Whose events.
    pub key: K,
    /// Its start.
    pub start: Moment,
    /// Its end; for windows of time the first moment that is not in it.
    pub end: Moment,
    /// What the aggregate says of its events.
    pub output: O,
    /// How many events it had.
    pub count: u64,
    /// How it came to be told.
    pub part: Part,
}

/// How a window came to be told.
///
/// The final parts, each in its last update, and the early ones together hold every event that was not late, each as often as it has
/// windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It ended as its rule says, or its source did. Told at most once.
    Final,
    /// Its key had to leave before the end, pushed out or idle. If the key comes back in time the rest follows by itself, without the
    /// events of this part.
    Early,
    /// A correction by late events. It takes the place of what was told, as final or update, of its key with the same end; for sessions
    /// of everything that lies within its span, which is several when a late event joins them. Early parts stand.
    Update,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[must_use = "an event that is in no window is the caller's to tell of"]
pub enum Taken {
    /// It is in its windows.
    In,
    /// Its windows are closed for good.
    Late,
    /// It has a new key, and there is no room for one.
    Refused,
}

/// A window that was told, as it waits to be fetched: with the state instead of the output, so that it can be saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told<K, S> {
    pub key: K,
    pub span: Span<S>,
}

/// A window without its key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Span<S> {
    pub start: u64,
    pub end: u64,
    pub count: u64,
    pub part: Part,
    pub state: S,
}
