//! Durable sagas: steps with intent before effect, compensation in reverse, unknown never read as failed.
//!
//! A saga is a short list of steps on one target that must all happen, or all be taken back, whatever crashes in
//! between. The crate has two layers:
//!
//! - a core without I/O, clock or randomness: a [`Saga`] is a fold over its [log](LogRecord), [`next`] and [`answer`]
//!   decide, the [`Executor`] does so for many sagas at once;
//! - the [`Runner`], which drives the core under tokio with a [`Ledger`] (in a journal on disk, or in memory) and your
//!   [`Hands`], which do the work.
//!
//! What a saga does is a [`Definition`]: data, stored with the saga. `examples/trip.rs` is a whole program.
//!
//! # What it guarantees
//! Each line is proved by the tests of that number in `tests/it/`.
//!
//! 1. **Intent before effect.** [`Event::StepStarted`] is durable before the driver is called (`g01_intent_before_effect`).
//! 2. **One transaction** holds a result, the next intent, and the caller's [`Extra`] records and consumer offsets
//!    (`g02_one_transaction`).
//! 3. **One key a step**: [`StepKey`] is a hash of saga and step, never of the attempt, and goes to the driver with every
//!    do, probe and undo (`g03_key_per_step`).
//! 4. **Unknown is not failed.** A crash or timeout between intent and result leads by the step's [`Nature`] to a probe,
//!    a redo, or a person (`g04_unknown`).
//! 5. **Compensation** runs in reverse order over everything that *may* have happened, is retried with backoff, and ends
//!    in [`End::Stuck`] with an alarm, never in a loop; [`Command::Resume`] and [`Command::Skip`] take it up again
//!    (`g05_compensation`).
//! 6. **Point of no return.** Once a `pivot` step may have happened, the saga only goes forward (`g06_pivot`).
//! 7. **Durable timeouts** of attempt, step and saga: they follow from the log, so they survive a restart
//!    (`g07_timeouts`).
//! 8. **Standstill is noticed** by a [`Watchdog`] that is not run by the executor (`g08_watchdog`).
//! 9. **One executor**: a [`Lease`] with a fencing number; a stale executor's writes fail, and its calls carry the old
//!    number (`g09_one_executor`).
//! 10. **Definitions are data** with version and hash: an upgraded binary finishes by the stored one or refuses loudly
//!     (`g10_definitions_are_data`).
//! 11. **One saga at a time on a target**, first come first served, and a cap over all; a parked or stuck saga keeps its
//!     target (`g11_exclusion`).
//! 12. **Killed anywhere**, at every write and every call, each effect is seen at most once and each saga ends done,
//!     undone, parked or stuck with an alarm (`g12_crash_everywhere`).
//!
//! # What it asks of a driver
//! - [`Answer::Failed`] is a promise that nothing happened. In doubt, say [`Answer::Unknown`].
//! - [`Answer::NeverHappened`] is a promise that no earlier attempt will still land.
//! - An undo must be safe when the step never happened, and make a late attempt of the same key harmless.
//!
//! # Driving the core by hand
//! A simulator needs no runtime: it carries out effects in whatever order and at whatever time it likes.
//!
//! ```
//! use homeostat_saga::*;
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let step = StepDefinition::new("restart", json!({}), Undo::Nothing, Nature::Idempotent);
//! let definition = Stored::new(Definition::new("repair", 1, vec![step]))?;
//! let new = NewSaga { id: "repair-1".into(), trace: "e7".into(), target: "web".into(), definition };
//!
//! let ledger = MemoryLedger::new();
//! let mut executor = Executor::new(ledger.take_lease_now("simulator")?, Limits::default(), true);
//! executor.adopt(ledger.load_open_now(), 0);
//! executor.submit(1, new, Extra::default(), 0);
//! let mut now_ms = 0;
//! loop {
//!     let effects = executor.take_effects();
//!     if effects.is_empty() {
//!         break; // here time would move on to `executor.wake_at_ms()`, and then `executor.tick(now_ms)`
//!     }
//!     for effect in effects {
//!         match effect {
//!             Effect::Commit(batch) => {
//!                 let id = batch.saga.id.clone();
//!                 executor.committed(&id, ledger.commit_now(*batch), now_ms); // dying here is a crash at a write
//!             }
//!             Effect::Call(call) => {
//!                 now_ms += 5;
//!                 executor.answered(call, Answer::Done(json!("up")), now_ms); // and here, at a call
//!             }
//!             Effect::Abandon(_) | Effect::Reply { .. } | Effect::Event(_) => {}
//!         }
//!     }
//! }
//! let ended = ledger.contents().ended;
//! assert_eq!(ended[&"repair-1".into()].end, End::Done { outputs: vec![json!("up")] });
//! # Ok(())
//! # }
//! ```

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
