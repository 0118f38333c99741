//! What a saga does next: pure functions from state and time to records and at most one call.
//!
//! The executor calls them, in production and in the simulator alike. What always holds: a call is handed out only
//! together with its intent, in the same [`Turn`], so that whoever commits the turn first and calls second can never
//! act without a durable intent. They must never read a clock, draw a random number or touch the world.

use serde_json::Value;

use crate::SagaError;
use crate::call::{Answer, Call, SagaId, Verb};
use crate::definition::{Nature, Stored, Undo};
use crate::record::{End, Event, LogRecord};
use crate::saga::{Direction, Saga};
use crate::step::Position;

/// What to write, what to call once it is durable, and how the saga stands then.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// To be made durable in one transaction; may be empty.
    pub records: Vec<LogRecord>,
    /// To be called after the records are durable.
    pub call: Option<Call>,
    /// The state with the records folded in.
    pub after: Saga,
    /// When to ask again, if nothing else happens before.
    pub wake_at_ms: Option<u64>,
}

/// What a person or the owner can ask of an open saga.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Undo it, as soon as that is possible.
    Cancel {
        /// Why.
        cause: String,
    },
    /// Try again where it is parked or stuck.
    Resume,
    /// Take the resting step as done (or as undone, when the saga is going back).
    Skip {
        /// Stands for the step's output.
        output: Value,
    },
    /// The resting step did not happen: the saga may do it, or turn back without it.
    Disprove,
}

/// A saga to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSaga {
    /// The caller's own name for it; the same id is run once.
    pub id: SagaId,
    /// The caller's trace, stamped on every record and call.
    pub trace: String,
    /// What it acts upon.
    pub target: String,
    /// What it does.
    pub definition: Stored,
}

/// Longest id, trace or target: they are keys, not texts.
pub const NAME_BYTES_MAX: usize = 512;

impl NewSaga {
    /// Refuses what no ledger could keep.
    pub fn validate(&self) -> Result<(), SagaError> {
        let named = [("id", &self.id.0), ("target", &self.target), ("trace", &self.trace)];
        for (what, text) in named {
            let fits = text.len() <= NAME_BYTES_MAX && (what == "trace" || !text.is_empty());
            if !fits {
                let why = format!("the saga's {what} has {} bytes, must be 1 to {NAME_BYTES_MAX}", text.len());
                return Err(SagaError::Invalid { definition: self.definition.definition().name.clone(), why });
            }
        }
        Ok(())
    }
}

/// The first turn of a new saga.
pub fn create(new: NewSaga, owner: &str, fencing: u64, now_ms: u64, may_call: bool) -> Turn {
    let NewSaga { id, trace, target, definition } = new;
    let first = LogRecord { at_ms: now_ms, event: Event::Created { id, trace, target, definition } };
    let saga = Saga::created(&first).expect("the record is a Created");
    let mut turn = turn(&saga, Some(taken(owner, fencing)), now_ms, may_call);
    turn.records.insert(0, first);
    turn
}

/// The turn with which an executor takes over a stored saga.
pub fn take(saga: &Saga, owner: &str, fencing: u64, now_ms: u64, may_call: bool) -> Turn {
    turn(saga, Some(taken(owner, fencing)), now_ms, may_call)
}

/// What there is to do at this time. Without `may_call` (acting switched off, target or cap not free) it still keeps
/// timers and accepts results, but starts nothing.
pub fn next(saga: &Saga, now_ms: u64, may_call: bool) -> Turn {
    turn(saga, None, now_ms, may_call)
}

/// The turn an answer leads to: result and next intent together. `None` when the answer comes too late to count.
pub fn answer(saga: &Saga, call: &Call, answer: Answer, now_ms: u64, may_call: bool) -> Option<Turn> {
    let Call { step, verb, attempt, .. } = *call;
    let ended = Event::StepEnded { step, verb, attempt, answer };
    awaits(saga, call).then(|| turn(saga, Some(ended), now_ms, may_call))
}

/// The turn for a call that was not made because acting was switched off after its intent. `None` when it is moot.
pub fn withheld(saga: &Saga, call: &Call, now_ms: u64) -> Option<Turn> {
    let Call { step, verb, attempt, .. } = *call;
    awaits(saga, call).then(|| turn(saga, Some(Event::CallWithheld { step, verb, attempt }), now_ms, false))
}

/// The turn a command leads to, or why it cannot be followed.
pub fn command(saga: &Saga, command: Command, by: &str, now_ms: u64, may_call: bool) -> Result<Turn, SagaError> {
    let refuse = |why| Err(SagaError::NotNow { saga: saga.id.clone(), why });
    let by = by.to_owned();
    let event = match command {
        Command::Cancel { .. } if saga.end.is_some() => return refuse("it is over"),
        Command::Cancel { .. } if saga.direction != Direction::Forward => return refuse("it is being undone already"),
        Command::Cancel { .. } if !saga.may_turn_back() => return refuse("its point of no return may be passed"),
        Command::Cancel { cause } => Event::CancelRequested { by, cause },
        _ if saga.rest.is_none() => return refuse("it is neither parked nor stuck"),
        Command::Resume => Event::Resumed { by },
        Command::Skip { output } => Event::Skipped { by, output },
        Command::Disprove => Event::Disproved { by },
    };
    Ok(turn(saga, Some(event), now_ms, may_call))
}

fn taken(owner: &str, fencing: u64) -> Event {
    Event::Taken { owner: owner.to_owned(), fencing }
}

/// Whether the saga still waits for exactly this call.
pub(crate) fn awaits(saga: &Saga, call: &Call) -> bool {
    saga.id == call.saga
        && saga.fencing == call.fencing
        && saga.steps.get(call.step).is_some_and(|state| {
            state.attempts == call.attempt
                && matches!(state.position, Position::Calling { verb, .. } if verb == call.verb)
        })
}

enum Decision {
    Write(Event),
    Start(usize, Verb),
    Wait(Option<u64>),
}

/// Applies the given event and then every decision that follows from it at once, up to a call or a wait.
fn turn(saga: &Saga, event: Option<Event>, now_ms: u64, may_call: bool) -> Turn {
    // A wall clock that was set back must not make time run backwards inside a saga.
    let at_ms = now_ms.max(saga.last_at_ms);
    let mut after = saga.clone();
    let mut records = Vec::new();
    let mut write = |after: &mut Saga, event: Event| {
        let record = LogRecord { at_ms, event };
        after.apply(&record);
        records.push(record);
    };
    if let Some(event) = event {
        write(&mut after, event);
    }
    let (call, wake_at_ms) = loop {
        match decide(&after, at_ms, may_call) {
            Decision::Write(event) => write(&mut after, event),
            Decision::Start(step, verb) => {
                let call = call_of(&after, step, verb);
                let Call { attempt, fencing, ref key, .. } = call;
                write(&mut after, Event::StepStarted { step, verb, attempt, key: key.clone(), fencing });
                break (Some(call), Some(at_ms + saga.step(step).attempt_timeout_ms));
            }
            Decision::Wait(wake_at_ms) => break (None, wake_at_ms),
        }
    };
    Turn { records, call, after, wake_at_ms }
}

fn call_of(saga: &Saga, step: usize, verb: Verb) -> Call {
    let definition = saga.step(step);
    let input = match (verb, &definition.undo) {
        (Verb::Undo, Undo::Call(input)) => input,
        _ => &definition.input,
    };
    Call {
        saga: saga.id.clone(),
        trace: saga.trace.clone(),
        target: saga.target.clone(),
        step,
        name: definition.name.clone(),
        verb,
        key: saga.key(step),
        fencing: saga.fencing,
        attempt: saga.steps[step].attempts + 1,
        input: input.clone(),
        outputs: saga.outputs(),
    }
}

fn decide(saga: &Saga, now_ms: u64, may_call: bool) -> Decision {
    if saga.end.is_some() || saga.rest.is_some() {
        return Decision::Wait(None);
    }
    let decision = if let Some(decision) = overdue_call(saga, now_ms) {
        decision
    } else {
        match &saga.direction {
            Direction::Forward => forward(saga, now_ms),
            Direction::Back { cause } => back(saga, cause, now_ms),
        }
    };
    match decision {
        // Nothing may start: sleep until the saga's own age makes a difference.
        Decision::Start(..) if !may_call => Decision::Wait(Some(age_limit_ms(saga)).filter(|&at_ms| at_ms > now_ms)),
        decision => decision,
    }
}

/// While a call is out, only its timeout matters. A timeout is "unknown", never "failed".
fn overdue_call(saga: &Saga, now_ms: u64) -> Option<Decision> {
    saga.steps.iter().enumerate().find_map(|(step, state)| {
        let Position::Calling { verb, since_ms } = state.position else { return None };
        let timeout_ms = saga.step(step).attempt_timeout_ms;
        let until_ms = since_ms + timeout_ms;
        if now_ms < until_ms {
            return Some(Decision::Wait(Some(until_ms)));
        }
        let answer = Answer::Unknown { why: format!("no answer within {timeout_ms} ms") };
        Some(Decision::Write(Event::StepEnded { step, verb, attempt: state.attempts, answer }))
    })
}

fn forward(saga: &Saga, now_ms: u64) -> Decision {
    // A cancellation was promised to somebody, so it counts even when the last step has just succeeded; age does not.
    let turn_back = |cause: String| Decision::Write(Event::TurnedBack { cause });
    if let Some(cause) = saga.cancel.clone().filter(|_| saga.may_turn_back()) {
        return turn_back(cause);
    }
    let Some(step) = saga.steps.iter().position(|state| state.position != Position::Done) else {
        return Decision::Write(Event::Ended { end: End::Done { outputs: saga.outputs() } });
    };
    if now_ms >= age_limit_ms(saga) && saga.may_turn_back() {
        return turn_back(format!("older than {} ms", saga.definition().age_max_ms));
    }
    let (state, definition) = (&saga.steps[step], saga.step(step));
    let overdue = state.since_ms.is_some_and(|since_ms| now_ms >= since_ms + definition.step_timeout_ms);
    match &state.position {
        Position::Waiting { again_at_ms, error } => {
            if overdue {
                return give_up(saga, step, &format!("no success within {} ms: {error}", definition.step_timeout_ms));
            }
            start_at(saga, step, Verb::Do, *again_at_ms, now_ms)
        }
        Position::Unknown { again_at_ms, why } => match definition.nature {
            Nature::Queryable if state.probe_tries < definition.retry.attempts_max => {
                start_at(saga, step, Verb::Probe, *again_at_ms, now_ms)
            }
            Nature::Idempotent if !overdue && state.do_tries < definition.retry.attempts_max => {
                start_at(saga, step, Verb::Do, *again_at_ms, now_ms)
            }
            Nature::Idempotent => give_up(saga, step, &format!("still unknown: {why}")),
            Nature::Queryable | Nature::Neither => park(saga, step, why),
        },
        Position::Failed { error } => give_up(saga, step, error),
        _ => Decision::Start(step, Verb::Do),
    }
}

fn age_limit_ms(saga: &Saga) -> u64 {
    saga.created_at_ms + saga.definition().age_max_ms
}

/// Starts when the backoff is over; sleeps until then, or until the step's or the saga's own limit if that is sooner.
fn start_at(saga: &Saga, step: usize, verb: Verb, at_ms: u64, now_ms: u64) -> Decision {
    if now_ms >= at_ms {
        return Decision::Start(step, verb);
    }
    let step_limit_ms = saga.steps[step].since_ms.map(|since_ms| since_ms + saga.step(step).step_timeout_ms);
    let limits = [Some(at_ms), step_limit_ms, Some(age_limit_ms(saga))];
    Decision::Wait(limits.into_iter().flatten().filter(|&limit_ms| limit_ms > now_ms).min())
}

/// The step cannot be brought about by trying: turn back if that is still possible, else wait for a person.
fn give_up(saga: &Saga, step: usize, why: &str) -> Decision {
    if saga.may_turn_back() {
        let cause = format!("step `{}` failed: {why}", saga.step(step).name);
        return Decision::Write(Event::TurnedBack { cause });
    }
    if saga.step(step).pivot {
        return park(saga, step, why);
    }
    let why = format!("step `{}` failed after the point of no return: {why}", saga.step(step).name);
    Decision::Write(Event::Stuck { step, why })
}

fn park(saga: &Saga, step: usize, why: &str) -> Decision {
    let why = format!("nobody knows whether step `{}` happened: {why}", saga.step(step).name);
    Decision::Write(Event::Parked { step, why })
}

/// Undoes the last step that may have happened; when none is left, the saga is undone.
fn back(saga: &Saga, cause: &str, now_ms: u64) -> Decision {
    for (step, state) in saga.steps.iter().enumerate().rev() {
        if !state.may_have_happened() {
            continue;
        }
        let definition = saga.step(step);
        let stuck = |why: &str| {
            let why = format!("step `{}` cannot be undone: {why}", definition.name);
            Decision::Write(Event::Stuck { step, why })
        };
        match (&definition.undo, &state.position) {
            (Undo::Nothing, _) => {}
            (Undo::Irreversible { why }, _) | (_, Position::UndoFailed { error: why }) => return stuck(why),
            (Undo::Call(_), Position::UndoWaiting { again_at_ms, error }) => {
                let since_ms = state.since_ms.unwrap_or(now_ms);
                if now_ms >= since_ms + definition.step_timeout_ms {
                    return stuck(&format!("no success within {} ms: {error}", definition.step_timeout_ms));
                }
                return start_at(saga, step, Verb::Undo, *again_at_ms, now_ms);
            }
            (Undo::Call(_), _) => return Decision::Start(step, Verb::Undo),
        }
    }
    Decision::Write(Event::Ended { end: End::Undone { cause: cause.to_owned() } })
}
