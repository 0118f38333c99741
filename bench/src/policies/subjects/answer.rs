//! The call that all policies are put around: an answer without any work in it, so that what is left to measure is the policy.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// How the call is answered. This is the request that peers are sent, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// When it is first asked for: nobody has to wait, and no timer has to be made.
    AtOnce,
    /// When it is asked for again, after the task has let others run once: whoever limits time must make a timer, and unmake it.
    WaitsOnce,
    /// With an error, at once.
    Fails,
    /// Never.
    Never,
}

/// The error of a call that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("broken")
    }
}

impl std::error::Error for Broken {}

/// A call under way.
#[derive(Debug)]
pub struct Work(Answer);

thread_local! {
    /// A thread's own, because a counter that threads share would be what the threads then wait for.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has come through to what stands behind the policies.
pub fn asked() -> u64 {
    ASKED.get()
}

/// Asks what stands behind the policies.
pub fn ask(answer: Answer) -> Work {
    ASKED.set(ASKED.get() + 1);
    Work(answer)
}

impl Future for Work {
    type Output = Result<u64, Broken>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0 {
            Answer::AtOnce => Poll::Ready(Ok(ASKED.get())),
            Answer::Fails => Poll::Ready(Err(Broken)),
            Answer::Never => Poll::Pending,
            Answer::WaitsOnce => {
                self.0 = Answer::AtOnce;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
