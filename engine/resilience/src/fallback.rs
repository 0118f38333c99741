//! An answer in place of the one that did not come: yesterday's, a smaller one, an honest "not now".
//!
//! Stands outermost: it sees what all other policies could not save. The fallback itself must not depend on what has just failed,
//! and is given little time; one that fails or hangs changes nothing, and the failure comes through.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Clock;
use serde::{Deserialize, Serialize};

use crate::attempt::Advice;
use crate::live::Live;
use crate::tally::{count, tally};
use crate::{Failure, Listener, PolicyEvent, Verdict, deadline};

/// How long a fallback may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FallbackSettings {
    /// Milliseconds, beyond the deadline of the call if need be. 100 by default: a fallback is at hand, or it is none.
    pub limit_ms: u64,
}

impl Default for FallbackSettings {
    fn default() -> Self {
        Self { limit_ms: 100 }
    }
}

tally! {
    /// What a fallback has seen.
    pub struct FallbackSnapshot, Tally {
        /// Calls begun.
        calls,
        /// Answers that are the fallback's.
        fell_back,
        /// Failures for which the fallback had no answer, or not in time.
        without,
    }
}

/// Answers in place of what failed. Clones are the same policy.
#[derive(Debug, Clone)]
pub struct Fallback(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    clock: Clock,
    listener: Listener,
    settings: Live<FallbackSettings>,
    tally: Tally,
}

impl Fallback {
    /// A fallback that tells nobody.
    pub fn new(name: &str, settings: FallbackSettings, clock: Clock) -> Self {
        Self::with_listener(name, settings, clock, Listener::default())
    }

    /// A fallback, and who is told when it answers.
    pub fn with_listener(name: &str, settings: FallbackSettings, clock: Clock, listener: Listener) -> Self {
        let (settings, tally) = (Live::new(settings), Tally::default());
        Self(Arc::new(Shared { name: name.into(), clock, listener, settings, tally }))
    }

    /// Gives what `work` gives unless `advise` finds that it failed, or that there was no room; then what `instead` makes of it, if it
    /// makes something.
    ///
    /// # Errors
    /// The work's failure, when there is nothing instead of it.
    pub async fn call<T, E, A, G>(
        &self,
        work: impl Future<Output = Result<T, Failure<E>>>,
        advise: impl Fn(&Result<T, Failure<E>>) -> A,
        instead: impl FnOnce(&Result<T, Failure<E>>) -> G,
    ) -> Result<T, Failure<E>>
    where
        A: Into<Advice>,
        G: Future<Output = Option<T>>,
    {
        let shared = &*self.0;
        count(&shared.tally.calls);
        let result = work.await;
        let has_answer = matches!(advise(&result).into().verdict, Verdict::Good | Verdict::Ignored);
        // A refusal is never an answer, whatever is thought of it.
        if has_answer && !matches!(result, Err(Failure::Refused(_))) {
            return result;
        }
        let limit = shared.clock.now() + Duration::from_millis(shared.settings.get().limit_ms);
        let Some(answer) = deadline::until(&shared.clock, Some(limit), pin!(instead(&result))).await.flatten() else {
            count(&shared.tally.without);
            return result;
        };
        count(&shared.tally.fell_back);
        shared.listener.tell(|| PolicyEvent::FellBack { name: Arc::clone(&shared.name), because: because(&result) });
        Ok(answer)
    }

    /// Another limit from now on.
    pub fn reload(&self, settings: FallbackSettings) {
        self.0.settings.set(settings);
    }

    /// Its numbers.
    pub fn snapshot(&self) -> FallbackSnapshot {
        self.0.tally.snapshot()
    }
}

/// The error's own text is left out: it may hold what must not be logged, and need not be printable.
fn because<T, E>(result: &Result<T, Failure<E>>) -> String {
    match result {
        Ok(_) => "the answer was judged a failure".to_owned(),
        Err(Failure::Inner(_)) => "the call failed".to_owned(),
        Err(Failure::Refused(refusal)) => refusal.to_string(),
    }
}
