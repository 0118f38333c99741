//! Durable sagas: intent before effect, compensation in reverse, unknown never read as failed.

mod call;
mod decide;
mod definition;
mod error;
mod event;
mod executor;
pub mod invariants;
mod ledger;
mod record;
mod roster;
mod runner;
mod saga;
mod step;
mod watchdog;

pub use call::{Answer, Call, Hands, OUTPUT_BYTES_MAX, REASON_BYTES_MAX, SagaId, StepKey, Verb};
pub use decide::{Command, NAME_BYTES_MAX, NewSaga, Turn, answer, command, create, next, take, withheld};
pub use definition::{
    DEFINITION_BYTES_MAX, Definition, Nature, Retry, STEPS_MAX, StepDefinition, Stored, TIMEOUT_MS_MAX, Undo,
};
pub use error::{LedgerError, SagaError};
pub use event::{Alarm, AlarmKind, SagaEvent};
pub use executor::{Effect, Executor, Limits, Reply};
pub use ledger::{Batch, Contents, Ended, Extra, Fault, JournalLedger, Lease, Ledger, Loaded, MemoryLedger, Note};
pub use record::{End, Event, JournalRecord, LogRecord};
pub use roster::Roster;
pub use runner::{Companion, Figures, Runner, RunnerOptions, Sight};
pub use saga::{Direction, FORMAT, Rest, Saga};
pub use step::{INTERRUPTIONS_FORGIVEN, Position, StepState};
pub use watchdog::{Vital, Watchdog};
