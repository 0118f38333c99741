//! How bad things are, how long an attempt may take, and whether recovery is proven: no clock, no lock, no future.
//!
//! What always holds: never more probes under way than allowed; the timeout lies between what good answers usually take and the
//! longest, and shortens only as degradation grows; every fourth probe has the longest, so that something that has become slower,
//! however much slower within it, is found again. There is no state from which it does not come back.

use std::time::Duration;

use super::settings::EternalSettings;
use crate::Verdict;

/// The weight of one outcome in the degradation: after four good ones in a row, a quarter is left of what there was.
const GAIN: f64 = 0.3;

/// How bad an answer is that is good, but slow.
const BAD_WHEN_SLOW: f64 = 0.5;

/// Every so many probes one has the longest timeout.
const LONG_LOOK_EVERY: u64 = 4;

/// The weight of one answer in the mean, and in the mean deviation, of how long answers take, and how many deviations make
/// "usually": as TCP estimates its timeouts (RFC 6298), proven on latencies of every shape.
const MEAN_GAIN: f64 = 1.0 / 8.0;
const DEVIATION_GAIN: f64 = 1.0 / 4.0;
const DEVIATIONS: f64 = 4.0;

/// The shortest timeout as a share of the longest, as long as there has been no good answer to learn from.
const UNKNOWN: f64 = 0.25;

/// The shortest timeout of all, in seconds: nothing across a network is judged by less.
const SHORTEST_SECS: f64 = 0.01;

/// The estimates.
#[derive(Debug)]
pub struct Core {
    settings: EternalSettings,
    pub(super) degradation: f64,
    /// Mean and mean deviation of good answers, in seconds.
    pub(super) usual: Option<(f64, f64)>,
    /// The generation of the breaker that the good ones in a row belong to.
    generation: u64,
    in_a_row: u32,
    in_flight: u32,
    probes: u64,
}

/// A probe under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The generation of the breaker that it looks through.
    pub generation: u64,
    /// How long it may take.
    pub timeout: Duration,
}

impl Core {
    /// One that has seen nothing, and believes in the best.
    pub const fn new(settings: EternalSettings) -> Self {
        Self { settings, degradation: 0.0, usual: None, generation: 0, in_a_row: 0, in_flight: 0, probes: 0 }
    }

    /// A place for a probe, if one is free. It must be ended or given up.
    pub fn begin(&mut self, generation: u64) -> Option<Probe> {
        if self.in_flight >= self.settings.probes_in_flight_max {
            return None;
        }
        // Only ever on: whoever looked at the door before it moved must not undo what was proven since.
        if generation > self.generation {
            (self.generation, self.in_a_row) = (generation, 0);
        }
        self.in_flight += 1;
        let is_long_look = self.probes % LONG_LOOK_EVERY == LONG_LOOK_EVERY - 1;
        Some(Probe { generation, timeout: if is_long_look { self.longest() } else { self.timeout() } })
    }

    /// The probe is on its way: it counts.
    pub const fn sent(&mut self) {
        self.probes += 1;
    }

    /// The probe was given up, or never sent: its place is free, and it says nothing.
    pub const fn give_up(&mut self) {
        self.in_flight -= 1;
    }

    /// The probe has ended. Whether that proves recovery.
    pub fn end(&mut self, probe: Probe, verdict: Verdict, took: Duration) -> bool {
        self.give_up();
        self.learn(verdict, took);
        if probe.generation != self.generation {
            return false;
        }
        match verdict {
            Verdict::Good if !self.settings.breaker.is_slow(took) => self.in_a_row += 1,
            Verdict::Good | Verdict::Failed => self.in_a_row = 0,
            Verdict::Full | Verdict::Ignored => return false,
        }
        self.in_a_row >= self.settings.close_after && self.degradation <= self.settings.close_below
    }

    /// Takes in how any attempt ended.
    pub fn learn(&mut self, verdict: Verdict, took: Duration) {
        let bad = match verdict {
            Verdict::Good if self.settings.breaker.is_slow(took) => BAD_WHEN_SLOW,
            Verdict::Good => 0.0,
            Verdict::Failed => 1.0,
            Verdict::Full | Verdict::Ignored => return,
        };
        self.degradation += GAIN * (bad - self.degradation);
        if verdict == Verdict::Good {
            let took = took.as_secs_f64();
            let (mean, deviation) = self.usual.unwrap_or((took, took / 2.0));
            let off = took - mean;
            self.usual = Some((mean + MEAN_GAIN * off, deviation + DEVIATION_GAIN * (off.abs() - deviation)));
        }
    }

    /// What a cut-off attempt says that had so much time: that it failed, if good answers take less; nothing, if whoever waited
    /// had not the time for a good one.
    pub fn cut_off(&self, had: Duration) -> Verdict {
        if had >= self.shortest() { Verdict::Failed } else { Verdict::Ignored }
    }

    /// How long an attempt may take as things are.
    pub fn timeout(&self) -> Duration {
        let (shortest, longest) = (self.shortest(), self.longest());
        // In proportion and not in steps: as much degradation always halves it, wherever it starts.
        let part = (shortest.as_secs_f64() / longest.as_secs_f64()).powf(self.degradation);
        longest.mul_f64(part).clamp(shortest, longest)
    }

    /// How long an attempt may take when all is well.
    pub const fn longest(&self) -> Duration {
        Duration::from_millis(self.settings.timeout_ms)
    }

    /// How long good answers usually take, at most.
    fn shortest(&self) -> Duration {
        let longest = self.longest().as_secs_f64();
        let usual = self.usual.map_or(longest * UNKNOWN, |(mean, deviation)| mean + DEVIATIONS * deviation);
        Duration::from_secs_f64(usual.max(SHORTEST_SECS).min(longest))
    }

    /// Goes on with other settings and all that was learned.
    pub const fn reload(&mut self, settings: EternalSettings) {
        self.settings = settings;
    }

    /// Its settings.
    pub const fn settings(&self) -> &EternalSettings {
        &self.settings
    }

    /// How bad things are, from 0 to 1.
    pub const fn degradation(&self) -> f64 {
        self.degradation
    }

    /// Good probes in a row.
    pub const fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Probes under way.
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Probes sent so far.
    pub const fn probes(&self) -> u64 {
        self.probes
    }
}
