//! What a source may answer instead, and how a run of a consumer ends.

use super::source::Offset;

/// Why a source did not do what was asked. `E` is the source's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError<E> {
    /// The consumer's offset is not the expected one; nothing was done.
    #[error("the offset is {}, expected was {}", place(*found), place(*expected))]
    Fenced {
        /// What the commit expected.
        expected: Option<Offset>,
        /// What is there.
        found: Option<Offset>,
    },
    /// Items after `after` are no longer kept.
    #[error("items after {after} are no longer kept, the oldest is {first}")]
    Pruned {
        /// The offset asked for.
        after: Offset,
        /// The oldest item that is left.
        first: Offset,
    },
    /// No item of that number was ever given out.
    #[error("offset {after} lies beyond the last item, {last}")]
    Ahead {
        /// The offset asked for.
        after: Offset,
        /// The last item.
        last: Offset,
    },
    /// It failed, nothing was done, and another attempt may succeed.
    #[error("{0}")]
    Transient(#[source] E),
    /// It failed for good, or nobody knows whether it was done.
    #[error("{0}")]
    Failed(#[source] E),
}

/// Why a consumer stopped. `E` is the source's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurableError<E> {
    /// Another consumer of the same name has committed; nothing of this one's last batch was done.
    #[error(
        "consumer `{consumer}` runs twice: it had come to {}, but meanwhile another has committed {}; keep one of them",
        place(*expected), place(*found)
    )]
    Fenced {
        /// The name both have.
        consumer: String,
        /// Where this one had come to.
        expected: Option<Offset>,
        /// Where the other has.
        found: Option<Offset>,
    },
    /// The items it needs next are no longer kept.
    #[error(
        "items after {after} are no longer kept, the oldest is {first}; keep more of the past, take snapshots more often, \
         or begin anew under another name at {first}"
    )]
    Pruned {
        /// The offset it wanted to go on from.
        after: Offset,
        /// The oldest item that is left.
        first: Offset,
    },
    /// The source ends before the offset it wanted to go on from: it is another one, or has lost its end.
    #[error(
        "offset {after} lies beyond the last item, {last}; this is not the source the offset is from, or it has lost its end"
    )]
    Ahead {
        /// The offset it wanted to go on from.
        after: Offset,
        /// The last item there.
        last: Offset,
    },
    /// A commit that does not lead forward was refused.
    #[error("consumer `{consumer}` has come to {from} and cannot commit {upto}, which is no later")]
    NotForward {
        /// The consumer.
        consumer: String,
        /// Where it has come to.
        from: Offset,
        /// What it wanted to commit.
        upto: Offset,
    },
    /// Every attempt failed.
    #[error("{doing} failed {attempts} times, last: {cause}")]
    GaveUp {
        /// What was tried.
        doing: &'static str,
        /// How often.
        attempts: u32,
        /// The last failure.
        #[source]
        cause: E,
    },
    /// The source failed for good.
    #[error("{doing} failed: {cause}")]
    Source {
        /// What was tried.
        doing: &'static str,
        /// What failed.
        #[source]
        cause: E,
    },
    /// A snapshot of the state could not be made or read.
    #[error("the snapshot of consumer `{consumer}` at {offset} cannot be {verb}: {reason}")]
    Snapshot {
        /// The consumer.
        consumer: String,
        /// The offset of the state.
        offset: Offset,
        /// "made" or "read".
        verb: &'static str,
        /// What the encoding said.
        reason: String,
    },
    /// The fold panicked; nothing of the batch was committed.
    #[error("consumer `{consumer}` panicked at {offset}: {message}")]
    Panicked {
        /// The consumer.
        consumer: String,
        /// The item it panicked at.
        offset: Offset,
        /// What the panic said.
        message: String,
    },
}

fn place(offset: Option<Offset>) -> String {
    offset.map_or_else(|| "nothing yet".to_owned(), |offset| format!("offset {offset}"))
}
