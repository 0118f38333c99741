//! A subject: a policy around the call, as a loop that a program can run, time or count.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use crate::answer::{Answer, ask};

/// The name of what is ours, as in every report.
pub const OURS: &str = "homeostat";

/// What makes one call through a policy. Clones share the policy.
pub trait Caller: Clone + Send + 'static {
    /// One call; whether it was answered and not refused.
    fn call(&mut self, answer: Answer) -> impl Future<Output = bool> + Send;
}

/// A loop of calls, to be spawned; it gives how many were answered.
pub type Loop = Pin<Box<dyn Future<Output = u64> + Send>>;

/// A policy, whose it is, and a way to call through it.
pub struct Subject {
    /// The policy.
    pub policy: &'static str,
    /// Whose it is.
    pub name: &'static str,
    /// How large the future of one call is where it is awaited. What a peer puts into boxes is not in it: that is allocated.
    pub future_bytes: usize,
    calls: Box<dyn Fn(Answer, u64) -> Loop + Send + Sync>,
    /// What keeps the policy in its state.
    held: Mutex<Option<Box<dyn Send>>>,
}

impl Subject {
    pub(crate) fn new<C: Caller>(policy: &'static str, name: &'static str, caller: C) -> Self {
        let future_bytes = size_of_val(&caller.clone().call(Answer::AtOnce));
        // A service may be sent but not shared: each loop gets a clone of its own.
        let caller = Mutex::new(caller);
        let calls = move |answer, count| -> Loop {
            let caller = caller.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Box::pin(repeat(caller, answer, count))
        };
        Self { policy, name, future_bytes, calls: Box::new(calls), held: Mutex::default() }
    }

    pub(crate) fn holding(self, held: impl Send + 'static) -> Self {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(held));
        self
    }

    /// So many calls, one after the other.
    pub fn calls(&self, answer: Answer, count: u64) -> Loop {
        (self.calls)(answer, count)
    }
}

async fn repeat<C: Caller>(mut caller: C, answer: Answer, count: u64) -> u64 {
    let mut answered = 0;
    for _ in 0..count {
        answered += u64::from(caller.call(answer).await);
    }
    answered
}

#[derive(Clone)]
struct Bare;

impl Caller for Bare {
    async fn call(&mut self, answer: Answer) -> bool {
        ask(answer).await.is_ok()
    }
}

/// The call without any policy: what the loop itself costs.
pub fn bare() -> Subject {
    Subject::new("no policy", OURS, Bare)
}
