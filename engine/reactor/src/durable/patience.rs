//! How often and how soon something is tried again.
//!
//! Used for every call to a source. Only [`SourceError::Transient`] is tried again: after it nothing was done, so trying twice
//! cannot do anything twice.

use std::future::Future;
use std::time::Duration;

use crate::clock::Clock;

use super::error::{DurableError, SourceError};
use super::source::Answer;

/// Attempts, unless another number is chosen: with the pauses below about two and a half seconds of a source that says no.
const ATTEMPTS_MAX: u32 = 8;

/// The pause after the first failure; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(20);

/// No pause is longer, however many attempts there are.
const PAUSE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(super) struct Patience {
    pub clock: Clock,
    pub attempts_max: u32,
    pub pause_first: Duration,
}

impl Patience {
    pub fn new() -> Self {
        Self { clock: Clock::machine(), attempts_max: ATTEMPTS_MAX, pause_first: PAUSE_FIRST }
    }

    /// Asks until it is done, fails for good, or has failed too often.
    pub async fn ask<T, E: std::error::Error, F>(
        &self,
        consumer: &str,
        doing: &'static str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, DurableError<E>>
    where
        F: Future<Output = Answer<T, E>>,
    {
        let mut attempts = 0;
        let mut pause = self.pause_first;
        loop {
            attempts += 1;
            let cause = match attempt().await {
                Ok(done) => return Ok(done),
                Err(SourceError::Transient(cause)) => cause,
                Err(lasting) => return Err(named(consumer, doing, lasting)),
            };
            if attempts >= self.attempts_max.max(1) {
                return Err(DurableError::GaveUp { doing, attempts, cause });
            }
            tracing::debug!(consumer, doing, attempts, %cause, "a durable source is asked again");
            self.clock.sleep(pause).await;
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }
}

fn named<E>(consumer: &str, doing: &'static str, error: SourceError<E>) -> DurableError<E> {
    match error {
        SourceError::Fenced { expected, found } => {
            DurableError::Fenced { consumer: consumer.to_owned(), expected, found }
        }
        SourceError::Pruned { after, first } => DurableError::Pruned { after, first },
        SourceError::Ahead { after, last } => DurableError::Ahead { after, last },
        SourceError::Transient(cause) | SourceError::Failed(cause) => DurableError::Source { doing, cause },
    }
}
