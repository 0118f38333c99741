//! The workers' runtimes, for what is wanted of them from beside: a sign of life, and work that belongs on their threads.
//!
//! Set once by the workers, used by the control and by the warming. Always holds: nobody waits for a worker here; one that hangs is seen by
//! the task that it has not run.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// A worker that has not run a task for so long serves nobody. A busy one runs it within milliseconds; a machine without a moment to spare
/// within a second or two, and restarting would not help it.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// All of them, by the number of the worker.
#[derive(Debug, Default)]
pub struct Runtimes(OnceLock<Vec<Runtime>>);

#[derive(Debug)]
struct Runtime {
    handle: Handle,
    /// Since when a task waits there that was given to see whether it is run.
    waits_since: Arc<Mutex<Option<Instant>>>,
}

impl Runtimes {
    /// The workers have begun.
    pub fn begun(&self, handles: Vec<Handle>) {
        let runtimes = handles.into_iter().map(|handle| Runtime { handle, waits_since: Arc::default() });
        let was_set = self.0.set(runtimes.collect()).is_err();
        debug_assert!(!was_set, "workers begin once");
    }

    /// The runtime of a worker; none before they have begun.
    pub fn of(&self, worker: usize) -> Option<&Handle> {
        Some(&self.0.get()?.get(worker)?.handle)
    }

    /// The workers that hang. Gives each a task to run, unless one waits there already: asked twice, it costs nothing more.
    pub fn stuck(&self, now: Instant) -> Vec<usize> {
        let all = self.0.get().map(Vec::as_slice).unwrap_or_default().iter().enumerate();
        all.filter(|(_, runtime)| runtime.waits_for(now) >= STUCK_AFTER).map(|(number, _)| number).collect()
    }
}

impl Runtime {
    fn waits_for(&self, now: Instant) -> Duration {
        let mut waits_since = self.waits_since.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = *waits_since {
            return now.saturating_duration_since(since);
        }
        *waits_since = Some(now);
        let run = Arc::clone(&self.waits_since);
        self.handle.spawn(async move { *run.lock().unwrap_or_else(PoisonError::into_inner) = None });
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> (Handle, std::sync::mpsc::SyncSender<()>) {
        let (go_on, held) = std::sync::mpsc::sync_channel::<()>(1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        // What a worker must never do: wait on its own thread.
        handle.spawn(async move { while held.recv().is_ok() {} });
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        (handle, go_on)
    }

    #[test]
    fn a_worker_that_hangs_is_seen_and_one_that_runs_is_not() {
        // Would break: a gateway of which a worker hangs passes for well, and so many of its requests are never answered.
        let ((hangs, go_on), (runs, _)) = (worker(), worker());
        let runtimes = Runtimes::default();
        runtimes.begun(vec![hangs, runs]);
        let began = Instant::now();
        assert_eq!(runtimes.stuck(began), Vec::<usize>::new());
        let waits = |worker: usize| {
            let runtime = &runtimes.0.get().unwrap()[worker];
            runtime.waits_since.lock().unwrap().is_some()
        };
        while waits(1) {
            std::thread::yield_now();
        }
        assert_eq!(runtimes.stuck(began + STUCK_AFTER), [0]);
        drop(go_on);
        while waits(0) || waits(1) {
            std::thread::yield_now();
        }
        assert_eq!(runtimes.stuck(began + STUCK_AFTER * 2), Vec::<usize>::new());
    }
}
