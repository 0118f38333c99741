//! What came of a run in the virtual world, and what is read off it.

use std::time::Duration;

use homeostat_reactor::Moment;

use super::{DEADLINE, PERIOD};

/// Calls that arrive this long after a switch are calm.
const CALM_AFTER: Duration = Duration::from_secs(2);
/// Amplification is looked at over so long.
const WINDOW: Duration = Duration::from_secs(10);

/// What came of a call.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub began: Moment,
    pub took: Option<Duration>,
    pub tier: usize,
}

/// What came of a run.
#[derive(Debug, Default, Clone)]
pub struct Report {
    pub lines: Vec<Line>,
    pub duplicates: usize,
    windows: Vec<(usize, usize)>,
}

impl Report {
    fn share(&self, of: impl Fn(&&Line) -> bool, secs: f64) -> f64 {
        let lines: Vec<&Line> = self.lines.iter().filter(of).collect();
        let good = lines.iter().filter(|line| line.took.is_some_and(|took| took.as_secs_f64() <= secs)).count();
        good as f64 / lines.len().max(1) as f64
    }

    pub fn calls(&self) -> usize {
        self.lines.len()
    }

    pub fn good_within(&self, secs: f64) -> f64 {
        self.share(|_| true, secs)
    }

    pub fn calm(&self) -> f64 {
        self.share(|line| line.began.0 % PERIOD.as_nanos() as u64 >= CALM_AFTER.as_nanos() as u64, 5.0)
    }

    pub fn tier(&self, tier: usize) -> f64 {
        self.share(|line| line.tier == tier, 5.0)
    }

    pub fn attempts_a_call(&self) -> f64 {
        self.windows.iter().map(|(_, attempts)| attempts).sum::<usize>() as f64 / self.lines.len() as f64
    }

    /// The calls and attempts that began in the same ten seconds.
    pub fn window(&mut self, now: Moment) -> &mut (usize, usize) {
        let number = (now.0 / WINDOW.as_nanos() as u64) as usize;
        self.windows.resize(self.windows.len().max(number + 1), (0, 0));
        &mut self.windows[number]
    }

    /// The most in any ten seconds.
    pub fn attempts_a_call_most(&self) -> f64 {
        let full = self.windows.iter().filter(|(calls, _)| *calls >= 50);
        full.map(|(calls, attempts)| *attempts as f64 / *calls as f64).fold(0.0, f64::max)
    }

    /// In seconds; a failure counts as the deadline.
    pub fn latency(&self, share: f64) -> f64 {
        let mut all: Vec<Duration> = self.lines.iter().map(|line| line.took.unwrap_or(DEADLINE)).collect();
        all.sort();
        all[((all.len() - 1) as f64 * share) as usize].as_secs_f64()
    }
}
