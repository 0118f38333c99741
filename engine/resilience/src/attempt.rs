//! One of several attempts at a call, and what its result advises about another one.
//!
//! Used by whatever repeats work: retries and hedges. They take a closure that looks at each result, once and on the caller's task,
//! and gives a [`Verdict`] or, with what only matters to whoever may try again, an [`Advice`]. It must not block.

use std::time::Duration;

use crate::{Call, Failure, Refusal, Verdict};

/// An attempt at a call, as the work is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The call, with what is left of its time for this attempt.
    pub call: Call,
    /// Its number, from 1: to choose another endpoint for each.
    pub number: u32,
}

/// What a result says to whoever may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// What became of the attempt.
    pub verdict: Verdict,
    /// The other side has certainly not begun with it: then even what may be done only once may be tried again.
    pub never_began: bool,
    /// The other side itself answered that it failed; it did not just stay silent, break off or stand behind something that did.
    /// Where several answer the same call like this, it is the call that fails and not they.
    pub was_answered: bool,
    /// The other side asks to be left alone for this long.
    pub retry_after: Option<Duration>,
}

impl From<Verdict> for Advice {
    /// Who knows no more must assume that the other side began.
    fn from(verdict: Verdict) -> Self {
        Self { verdict, never_began: false, was_answered: false, retry_after: None }
    }
}

impl From<&Refusal> for Advice {
    /// Another attempt may help against a closed door, and against an attempt that ran out of time (whoever tries again knows
    /// whether any is left: what was a deadline within may be the limit of an attempt without). Who is shed must make way.
    fn from(refusal: &Refusal) -> Self {
        let (verdict, never_began, retry_after) = match refusal {
            Refusal::Open { retry_in, .. } => (Verdict::Failed, true, Some(*retry_in)),
            Refusal::RateLimited { retry_in, .. } => (Verdict::Full, true, Some(*retry_in)),
            Refusal::Full { .. } => (Verdict::Full, true, None),
            Refusal::NoEndpoint { .. } => (Verdict::Failed, true, None),
            Refusal::TimedOut { .. } | Refusal::DeadlinePassed => (Verdict::Failed, false, None),
            Refusal::Shed { .. } => (Verdict::Ignored, true, None),
        };
        Self { verdict, never_began, was_answered: false, retry_after }
    }
}

impl Advice {
    /// The same, and the other side has certainly not begun.
    #[must_use]
    pub const fn never_began(mut self) -> Self {
        self.never_began = true;
        self
    }

    /// The same, and it was the other side itself that answered so.
    #[must_use]
    pub const fn was_answered(mut self) -> Self {
        self.was_answered = true;
        self
    }

    /// The same, and the other side asks to be left alone for this long.
    #[must_use]
    pub const fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// Whether another attempt may help, and may be made.
    pub const fn allows_another(&self, is_idempotent: bool) -> bool {
        self.verdict.is_worth_another() && (is_idempotent || self.never_began)
    }
}

/// Advises on work that goes through other policies: refusals speak for themselves, `own` for the rest.
pub fn advise_through<T, E, A: Into<Advice>>(
    own: impl Fn(Result<&T, &E>) -> A,
) -> impl Fn(&Result<T, Failure<E>>) -> Advice {
    move |result| match result {
        Ok(answer) => own(Ok(answer)).into(),
        Err(Failure::Inner(error)) => own(Err(error)).into(),
        Err(Failure::Refused(refusal)) => refusal.into(),
    }
}
