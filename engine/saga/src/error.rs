//! What can go wrong at the boundary of this crate, each with the code of its page in docs/errors/.
//!
//! A failing step is not here: that is an [`Answer`](crate::Answer), and part of the saga's story.

use crate::SagaId;

/// Why the engine refuses something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SagaError {
    /// A stored saga cannot be finished by this version.
    #[error("[H0203] saga {saga} is refused: {why}")]
    Refused {
        /// Which one.
        saga: SagaId,
        /// What does not match.
        why: String,
    },
    /// The ledger failed or another executor took over; nothing more will be acted on.
    #[error("[H0204] the saga engine has stopped acting: {why}")]
    Halted {
        /// The first cause.
        why: String,
    },
    /// The definition could not be carried out safely.
    #[error("[H0206] definition `{definition}` is invalid: {why}")]
    Invalid {
        /// Its name.
        definition: String,
        /// The first fault.
        why: String,
    },
    /// The id is in use for a different saga.
    #[error("[H0208] saga {0} exists with another target or definition")]
    IdReused(SagaId),
    /// Too many open sagas.
    #[error("[H0209] {open} sagas are open, the most allowed")]
    Full {
        /// How many.
        open: usize,
    },
    /// No open saga of that id.
    #[error("[H0211] no open saga {0}")]
    NotOpen(SagaId),
    /// The command does not fit what the saga is doing.
    #[error("[H0211] saga {saga} cannot take this command: {why}")]
    NotNow {
        /// Which one.
        saga: SagaId,
        /// What stands against it.
        why: &'static str,
    },
}

/// What a ledger can answer instead of writing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A saga of this id is or was there already.
    #[error("saga {0} exists already")]
    Exists(SagaId),
    /// The saga's version or the lease has moved on: another executor is at work.
    #[error("[H0205] another executor has taken over: {0}")]
    Conflict(String),
    /// The storage failed.
    #[error("the ledger failed: {0}")]
    Io(String),
}
