//! How likely an endpoint works, from what became of its calls: two fading counts, of which the one that predicted better lately has
//! the greater say. Used for each endpoint by [`Learned`](super::Learned).
//!
//! One count remembers some thirty calls and is calm, the other three and is quick. After each call each is weighed by how likely
//! it held what happened, so a change is believed after about three surprises and a single failure changes little. A single
//! half-life would have to be wrong in one of the two cases. Whatever it was told, and however often, the counts are bounded: a
//! poisoned belief is overruled by a handful of true outcomes.

use std::time::Duration;

use homeostat_reactor::Moment;

use super::sketch::left_after;

/// What one call leaves of all before it, in the quick count and in the calm one (half of it after twenty). With half of it left
/// after two calls in the quick one, a change was believed two failures later, half a point of the calls where everything moves.
const QUICK_KEEPS: f32 = 0.5;
const CALM_KEEPS: f32 = 0.965_936;
/// What is assumed before anything is known weighs as much as one call.
const PRIOR_WEIGHT: f32 = 1.0;
/// Part of the trust that is dealt out anew after each call, so that neither count is ever beyond hearing.
const SHARED_ANEW: f32 = 0.1;
/// Nothing is held more certain than this: odds stay finite, and a surprise can be weighed.
const CERTAIN: f32 = 0.995;

/// Good and bad outcomes, the old ones counting less.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Count {
    pub(crate) good: f32,
    pub(crate) bad: f32,
}

impl Count {
    pub(crate) fn scaled(self, factor: f32) -> Self {
        Self { good: self.good * factor, bad: self.bad * factor }
    }

    pub(crate) fn add(&mut self, is_good: bool, weight: f32) {
        if is_good {
            self.good += weight;
        } else {
            self.bad += weight;
        }
    }

    /// Without what cannot have been counted: less than nothing, or more than a belief holds.
    pub(crate) fn sound(self) -> Self {
        let most = 1.0 / (1.0 - CALM_KEEPS);
        let sound = |value: f32| if value.is_finite() { value.clamp(0.0, most) } else { 0.0 };
        let count = Self { good: sound(self.good), bad: sound(self.bad) };
        let all = count.good + count.bad;
        if all > most { count.scaled(most / all) } else { count }
    }

    pub(crate) fn share(self, prior: Prior) -> f32 {
        let share = (self.good + prior.share * prior.weight) / (self.good + self.bad + prior.weight);
        share.clamp(1.0 - CERTAIN, CERTAIN)
    }
}

/// What is assumed of an endpoint beside its own calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// The share of calls that go well.
    pub share: f32,
    /// How many calls of its own outweigh it.
    pub weight: f32,
}

impl Prior {
    /// An assumption that one call outweighs.
    pub fn of(share: f32) -> Self {
        Self { share: if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }, weight: PRIOR_WEIGHT }
    }

    /// This and another one together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let weight = self.weight + other.weight;
        Self { share: (self.share * self.weight + other.share * other.weight) / weight, weight }
    }
}

/// How likely an endpoint works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    quick: Count,
    calm: Count,
    trust_in_quick: f32,
    at: Moment,
}

impl Default for Belief {
    fn default() -> Self {
        Self { quick: Count::default(), calm: Count::default(), trust_in_quick: 0.5, at: Moment::ZERO }
    }
}

impl Belief {
    /// Takes note of an outcome. A weight under 1 says that it is not certain.
    pub fn observe(&mut self, now: Moment, is_good: bool, weight: f32, prior: Prior, half_life: Duration) {
        let weight = weight.clamp(0.0, 1.0);
        *self = self.aged(now, half_life);
        // Most outcomes are certain, and a power costs as much as all the rest.
        let power = |base: f32| if weight >= 1.0 { base } else { base.powf(weight) };
        let likely = |share: f32| power(if is_good { share } else { 1.0 - share });
        let quick = self.trust_in_quick * likely(self.quick.share(prior));
        let calm = (1.0 - self.trust_in_quick) * likely(self.calm.share(prior));
        self.trust_in_quick = SHARED_ANEW / 2.0 + (1.0 - SHARED_ANEW) * quick / (quick + calm);
        self.quick = self.quick.scaled(power(QUICK_KEEPS));
        self.calm = self.calm.scaled(power(CALM_KEEPS));
        self.quick.add(is_good, weight);
        self.calm.add(is_good, weight);
    }

    /// The share of calls that go well, as of now: without news it nears what is assumed beside its own calls.
    pub fn share(&self, now: Moment, prior: Prior, half_life: Duration) -> f32 {
        let aged = self.aged(now, half_life);
        aged.trust_in_quick * aged.quick.share(prior) + (1.0 - aged.trust_in_quick) * aged.calm.share(prior)
    }

    /// Whether it gets better (above 0, at most 1) or worse.
    pub fn trend(&self, prior: Prior) -> f32 {
        self.quick.share(prior) - self.calm.share(prior)
    }

    /// All that it knows from before that moment counts for so much less.
    pub(crate) fn fade_before(&mut self, moment: Moment, keeps: f32) {
        if self.at < moment {
            *self = Self { quick: self.quick.scaled(keeps), calm: self.calm.scaled(keeps), ..*self };
        }
    }

    /// What it has counted, the old counting less.
    pub(crate) const fn counted(&self) -> Count {
        self.calm
    }

    /// A belief from counts; they cannot weigh more than its own would.
    pub(crate) fn from_counts(count: Count, now: Moment) -> Self {
        let calm = count.sound();
        // The quick count begins empty, as nobody knows after a restart what was the case lately; so the calm one has the say.
        Self { calm, at: now, trust_in_quick: SHARED_ANEW / 2.0, quick: Count::default() }
    }

    /// The quick count forgets four times as fast: it is about now.
    fn aged(&self, now: Moment, half_life: Duration) -> Self {
        let age = now.since(self.at);
        if age.is_zero() {
            return *self;
        }
        let left = left_after(age, half_life);
        let left_of_quick = (left * left) * (left * left);
        Self { quick: self.quick.scaled(left_of_quick), calm: self.calm.scaled(left), at: now, ..*self }
    }
}
