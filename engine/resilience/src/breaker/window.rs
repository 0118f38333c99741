//! What a breaker looks back on: the last so many calls, or the last so long a time. For the breaker's core alone.
//!
//! The sums always equal what is in the window; taking one in costs the same however large it is, and allocates nothing.

use super::settings::WindowShape;

/// Into how many steps a window of time is cut: what is forgotten at once is a tenth of it, and a breaker stays small.
const STEPS: usize = 10;

/// How many nanoseconds a millisecond has.
const NANOS_A_MILLI: u64 = 1_000_000;

/// Calls that were answered, by what they say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many say anything.
    pub(super) counted: u32,
    /// How many of them failed.
    pub(super) failed: u32,
    /// How many of them were slow.
    pub(super) slow: u32,
}

impl Tally {
    /// One call.
    pub(super) fn of(is_failed: bool, is_slow: bool) -> Self {
        Self { counted: 1, failed: u32::from(is_failed), slow: u32::from(is_slow) }
    }

    pub(super) fn add(&mut self, more: Self) {
        self.counted = self.counted.saturating_add(more.counted);
        self.failed = self.failed.saturating_add(more.failed);
        self.slow = self.slow.saturating_add(more.slow);
    }

    fn take(&mut self, less: Self) {
        self.counted = self.counted.saturating_sub(less.counted);
        self.failed = self.failed.saturating_sub(less.failed);
        self.slow = self.slow.saturating_sub(less.slow);
    }

    /// The share of these that failed; nothing failed of nothing.
    pub(super) fn failure_rate(&self) -> f64 {
        share(self.failed, self.counted)
    }

    /// The share of these that was slow.
    pub(super) fn slow_rate(&self) -> f64 {
        share(self.slow, self.counted)
    }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

/// The window.
#[derive(Debug)]
pub(super) enum Window {
    /// A ring of calls, oldest overwritten first.
    Calls { ring: Box<[Tally8]>, next: usize, total: Tally },
    /// A ring of steps of time.
    Time { steps: [Tally; STEPS], step_nanos: u64, current: u64, total: Tally },
}

/// One call in a byte; nothing counted where there has been none yet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally8(u8);

impl Tally8 {
    fn of(tally: Tally) -> Self {
        Self((tally.counted.min(1) | tally.failed.min(1) << 1 | tally.slow.min(1) << 2) as u8)
    }

    fn tally(self) -> Tally {
        let bit = |place: u8| u32::from(self.0 >> place & 1);
        Tally { counted: bit(0), failed: bit(1), slow: bit(2) }
    }
}

impl Window {
    /// One that has seen nothing, from this many nanoseconds on.
    pub(super) fn new(shape: WindowShape, passed: u64) -> Self {
        match shape {
            WindowShape::Calls(calls) => Self::Calls {
                ring: vec![Tally8::default(); calls as usize].into_boxed_slice(),
                next: 0,
                total: Tally::default(),
            },
            WindowShape::TimeMs(span_ms) => {
                let step_nanos = (span_ms.saturating_mul(NANOS_A_MILLI) / STEPS as u64).max(1);
                let total = Tally::default();
                Self::Time { steps: [total; STEPS], step_nanos, current: passed / step_nanos, total }
            }
        }
    }

    /// Takes one call in.
    pub(super) fn take(&mut self, call: Tally, passed: u64) {
        self.pass(passed);
        match self {
            Self::Calls { ring, next, total } => {
                let oldest = std::mem::replace(&mut ring[*next], Tally8::of(call));
                *next = (*next + 1) % ring.len();
                total.take(oldest.tally());
                total.add(call);
            }
            Self::Time { steps, current, total, .. } => {
                steps[(*current % STEPS as u64) as usize].add(call);
                total.add(call);
            }
        }
    }

    /// Forgets what is too long ago.
    pub(super) fn pass(&mut self, passed: u64) {
        let Self::Time { steps, step_nanos, current, total } = self else { return };
        let arrived = passed / *step_nanos;
        for step in *current + 1..=arrived.min(*current + STEPS as u64) {
            total.take(std::mem::take(&mut steps[(step % STEPS as u64) as usize]));
        }
        *current = arrived.max(*current);
    }

    /// What is in it.
    pub(super) const fn total(&self) -> Tally {
        match self {
            Self::Calls { total, .. } | Self::Time { total, .. } => *total,
        }
    }

    /// The same in another shape. Of calls in order the newest stay; otherwise what is there counts as having happened now, in
    /// proportion where there is less room: a breaker that is reloaded in the middle of an outage goes on knowing of it.
    pub(super) fn reshaped(&self, shape: WindowShape, passed: u64) -> Self {
        let mut reshaped = Self::new(shape, passed);
        match (self, &mut reshaped) {
            (Self::Calls { ring, next, .. }, Self::Calls { .. }) => {
                let (newer, older) = ring.split_at(*next);
                let in_order = older.iter().chain(newer).map(|call| call.tally());
                in_order.filter(|call| call.counted > 0).for_each(|call| reshaped.take(call, passed));
            }
            (_, Self::Calls { ring, .. }) => {
                let (total, room) = (self.total(), ring.len() as u64);
                let kept = u64::from(total.counted).min(room);
                let scaled = |part: u32| u64::from(part) * kept / u64::from(total.counted.max(1));
                let (failed, slow) = (scaled(total.failed), scaled(total.slow));
                (0..kept).for_each(|index| reshaped.take(Tally::of(index < failed, index < slow), passed));
            }
            (_, Self::Time { .. }) => reshaped.take(self.total(), passed),
        }
        reshaped
    }
}
