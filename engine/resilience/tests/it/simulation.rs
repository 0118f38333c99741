//! Runs calls in virtual time without a runtime: every step polls all of them, then the clock jumps to the next moment that
//! somebody waits for. The same futures give the same run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use homeostat_reactor::ManualClock;

/// A call in a simulation.
pub type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs all to their ends. Panics when somebody waits for nothing: that call would hang.
pub fn run_all(time: &ManualClock, mut running: Vec<Running<'_>>) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let mut is_calm = false;
        while !is_calm {
            let before = running.len();
            running.retain_mut(|future| future.as_mut().poll(&mut context).is_pending());
            is_calm = running.len() == before;
        }
        if running.is_empty() {
            return;
        }
        time.set(time.next_due().expect("somebody waits for a moment, or the call hangs"));
    }
}

/// Runs one call to its end.
pub fn run<T>(time: &ManualClock, future: impl Future<Output = T>) -> T {
    let mut output = None;
    run_all(time, vec![Box::pin(async { output = Some(future.await) })]);
    output.unwrap()
}

/// Drops a call after so many polls, with the clock jumping between them. Gives the output if it ended before.
pub fn drop_after<T>(time: &ManualClock, polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        if let Some(due) = time.next_due() {
            time.set(due);
        }
    }
    None
}
