//! Runs side by side: the load of one is a few requests a second, and its length is what takes the time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use super::round::Round;
use super::score::Score;

/// Runs that may go side by side: each has three processes.
pub const JOBS_MAX: usize = 64;

/// Makes all runs, so many at a time; what came of each, in their order.
pub fn measure_all(rounds: &[Round], jobs: usize) -> Vec<Result<Score>> {
    let next = AtomicUsize::new(0);
    let ended = Mutex::new(Vec::with_capacity(rounds.len()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, JOBS_MAX).min(rounds.len()) {
            scope.spawn(|| {
                while let Some((place, round)) = take(&next, rounds) {
                    let score = round.measure();
                    let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                    ended.push((place, score));
                    eprintln!("{} of {} runs: {}", ended.len(), rounds.len(), round.name());
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    ended.sort_by_key(|(place, _)| *place);
    ended.into_iter().map(|(_, score)| score).collect()
}

fn take<'a>(next: &AtomicUsize, rounds: &'a [Round]) -> Option<(usize, &'a Round)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    rounds.get(place).map(|round| (place, round))
}
