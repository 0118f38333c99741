//! How long an entry lives, and what may be done with it at a moment. Pure: time and chance come in as arguments.
//!
//! Four spans follow each other or overlap: fresh; then stale, but good enough while somebody refreshes it; stale, but better than an
//! error; and kept only because asking the origin whether it has changed is cheaper than fetching it. What is past all of them is
//! dead, and never seen again.

use std::time::Duration;

use homeostat_reactor::Moment;

/// No entry outlives this, whatever its origin says: ten years, so that sums of spans cannot wrap.
const LIFE_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Beyond so many times its cost from its end no entry is refreshed early: the chance is below one in a million.
const EARLY_SPAN: f64 = 14.0;

/// How long an entry may be used, from when it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Life {
    /// As good as new.
    pub fresh: Duration,
    /// After that, still given away while one caller refreshes it.
    pub while_revalidating: Duration,
    /// After it was fresh, still given away when it cannot be refreshed.
    pub on_error: Duration,
    /// After it was fresh, still kept so that the origin can be asked whether it has changed; not given away without.
    pub kept: Duration,
    /// Says that there is nothing: counted on its own.
    pub is_negative: bool,
}

impl Life {
    /// Fresh for so long, and then gone.
    pub fn fresh(fresh: Duration) -> Self {
        Self { fresh, ..Self::default() }
    }

    /// Known not to be there, for so long.
    pub fn negative(fresh: Duration) -> Self {
        Self { fresh, is_negative: true, ..Self::default() }
    }

    /// And then served stale for so long while it is being refreshed.
    #[must_use]
    pub const fn while_revalidating(mut self, span: Duration) -> Self {
        self.while_revalidating = span;
        self
    }

    /// And then served stale for so long when refreshing it fails.
    #[must_use]
    pub const fn on_error(mut self, span: Duration) -> Self {
        self.on_error = span;
        self
    }

    /// And then kept for so long to be revalidated.
    #[must_use]
    pub const fn kept(mut self, span: Duration) -> Self {
        self.kept = span;
        self
    }

    /// Whether there is any moment at which it could be used.
    pub fn is_over_at_once(&self) -> bool {
        self.fresh.max(self.while_revalidating).max(self.on_error).max(self.kept).is_zero()
    }
}

/// The moments at which an entry changes what it is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// When it was stored.
    pub stored_at: Moment,
    /// Fresh before this.
    pub fresh_until: Moment,
    /// Served while it is refreshed before this.
    pub revalidate_until: Moment,
    /// Served on error before this.
    pub error_until: Moment,
    /// Dead from here on.
    pub dead_at: Moment,
}

/// What an entry is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Give it away.
    Fresh,
    /// See what it may be used for.
    Stale {
        /// While one caller refreshes it.
        may_serve_while_revalidating: bool,
        /// When it cannot be refreshed.
        may_serve_on_error: bool,
    },
    /// Forget it.
    Dead,
}

impl Deadlines {
    /// Those of a life that begins now. `draw` in 0..1 takes up to `jitter_share` off the fresh span; the others move with it.
    pub fn of(life: &Life, now: Moment, jitter_share: f64, draw: f64) -> Self {
        let capped = |span: Duration| span.min(LIFE_MAX);
        let fresh = capped(life.fresh).mul_f64(1.0 - jitter_share * draw);
        let fresh_until = now + fresh;
        let revalidate_until = fresh_until + capped(life.while_revalidating);
        let error_until = fresh_until + capped(life.on_error);
        let dead_at = revalidate_until.max(error_until).max(fresh_until + capped(life.kept));
        Self { stored_at: now, fresh_until, revalidate_until, error_until, dead_at }
    }

    /// What the entry is good for now.
    pub fn age(&self, now: Moment) -> Age {
        if now < self.fresh_until {
            Age::Fresh
        } else if now >= self.dead_at {
            Age::Dead
        } else {
            Age::Stale {
                may_serve_while_revalidating: now < self.revalidate_until,
                may_serve_on_error: now < self.error_until,
            }
        }
    }

    /// Whether a fresh entry that took `cost` to fetch should be refreshed before it expires, so that it never does: the nearer its
    /// end and the dearer it was, the likelier (Vattani, Chierichetti and Lowenstein, 2015). With many callers one of them draws the
    /// lot in time; with few, hardly anybody does, and nothing is fetched that nobody wants.
    pub fn is_due_early(&self, now: Moment, cost: Duration, eagerness: f64, draw: impl FnOnce() -> f64) -> bool {
        // Plain numbers, not sums of durations: this is on the way of every hit.
        let left_nanos = self.fresh_until.0.saturating_sub(now.0) as f64;
        let cost_nanos = cost.as_nanos() as f64 * eagerness;
        if left_nanos > cost_nanos * EARLY_SPAN || cost_nanos <= 0.0 {
            return false;
        }
        // From (0, 1]: the logarithm of nothing is not a number to work with.
        let draw = 1.0 - draw();
        cost_nanos * -draw.ln() >= left_nanos
    }
}
