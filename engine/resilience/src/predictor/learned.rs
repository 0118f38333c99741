//! All that is learned of one endpoint, in at most 1 KiB: its belief, its latencies, its calls under way, its load.
//!
//! Owned by a slot of the balancer; every method takes the time. It never decides: it answers what is likely.

use std::time::Duration;

use homeostat_reactor::Moment;

use super::belief::{Belief, Count, Prior};
use super::flight::Flight;
use super::sketch::left_after;
use super::streak::Streak;
use super::{Pool, PredictorSettings, Sketch};

/// A silent call that is given up counts against the endpoint as much as the endpoint looks broken by then, from this on: under it,
/// losers of a race would be held against healthy endpoints.
const GIVEN_UP_COUNTS_FROM: f32 = 0.3;
/// From this weight on a failure is one of those in a row for which an endpoint is left out.
const FAILURE_COUNTS_FROM: f32 = 0.5;
/// The peak of the latency sinks to half in this time (Finagle and linkerd use about 10 s as their decay).
const PEAK_HALF_LIFE: Duration = Duration::from_secs(7);
/// After this long without a word from other nodes, what they said counts half as much.
const FOREIGN_HALF_LIFE: Duration = Duration::from_secs(30);
/// A call that has time for this share of good calls has time enough.
const SLOW_SHARE: f32 = 0.995;
/// How long load keeps away after the first "full", and after many in a row.
const FULL_PAUSE_MIN: Duration = Duration::from_millis(50);
const FULL_PAUSE_MAX: Duration = Duration::from_secs(1);
/// What has failed has come back after this time with even odds, as far as is assumed for the choice among such.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(1);
/// Each good answer of a house that was as full as it ever is allowed adds this part of a place: after four rounds it is tried with
/// one call more, and one call in some sixty is told "full" where nothing has changed.
const ROOM_GROWTH: f32 = 0.25;
/// This part of what was learned of a broken endpoint is still believed when the world has changed.
const BELIEVED_OF_BEFORE: f32 = 0.2;
/// An endpoint that asks for more than this is not believed: it would be an ejection by its own word.
const FULL_PAUSE_ASKED_MAX: Duration = Duration::from_secs(10);

/// How a call at an endpoint ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a good answer.
    Good,
    /// It failed.
    Failed,
    /// The endpoint had no room; how long it asked to be left alone, if it did.
    Full(Option<Duration>),
    /// With something that says nothing of the endpoint.
    Ignored,
    /// It was given up without an answer.
    GivenUp,
}

/// What is known of one endpoint.
///
/// In this order, and with the sketch elsewhere, a choice among ten thousand reads three lines of the cache for each endpoint that
/// it looks at; in the compiler's order it was six, which is most of what such a choice costs.
#[derive(Debug, Clone, PartialEq)]
#[repr(C)]
pub struct Learned {
    belief: Belief,
    full_until: Moment,
    peak_at: Moment,
    peak_secs: f32,
    /// The middle of its good calls and nearly the longest, or 0: read for each choice, where the sketch would cost two lines of
    /// the cache more.
    settled_secs: f32,
    slow_secs: f32,
    /// How many of our calls it has room for, as far as it has said; 0 as long as it never said that it is full.
    room: f32,
    /// How much of one place more good answers have earned, in answers.
    room_earned: f32,
    fulls: u16,
    failures: u16,
    failed_at: Moment,
    streak: Streak,
    foreign: Prior,
    foreign_at: Moment,
    flight: Flight,
    latency: Box<Sketch>,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            belief: Belief::default(),
            flight: Flight::default(),
            foreign: Prior { share: 0.5, weight: 0.0 },
            foreign_at: Moment::ZERO,
            settled_secs: 0.0,
            slow_secs: 0.0,
            peak_secs: 0.0,
            peak_at: Moment::ZERO,
            full_until: Moment::ZERO,
            room: 0.0,
            room_earned: 0.0,
            fulls: 0,
            failures: 0,
            failed_at: Moment::ZERO,
            streak: Streak::default(),
            latency: Box::default(),
        }
    }
}

impl Learned {
    /// A call begins.
    pub fn begin(&mut self, now: Moment) {
        self.flight.begin(now);
    }

    /// The call that began then has ended. What it says is noted here and in the pool. Whether it is news: not if calls that began
    /// later have shown already that it is otherwise by now.
    pub fn end(
        &mut self,
        now: Moment,
        began: Moment,
        outcome: Outcome,
        pool: &mut Pool,
        settings: &PredictorSettings,
    ) -> bool {
        // As likely as it looks with this call still silent.
        let is_broken = if outcome == Outcome::GivenUp { 1.0 - self.works(now, pool, settings) } else { 0.0 };
        self.flight.end(began, outcome == Outcome::Good);
        match outcome {
            Outcome::Good => self.good(now, began, pool, settings),
            Outcome::Full(pause) => {
                self.full(now, pause);
                true
            }
            Outcome::Failed => self.failed(now, began, 1.0, pool, settings),
            Outcome::GivenUp if is_broken >= GIVEN_UP_COUNTS_FROM => self.failed(now, began, is_broken, pool, settings),
            Outcome::Ignored | Outcome::GivenUp => true,
        }
    }

    fn good(&mut self, now: Moment, began: Moment, pool: &mut Pool, settings: &PredictorSettings) -> bool {
        let (took, is_news) = (now.since(began), self.streak.note(began, true));
        if is_news {
            let prior = self.prior(now, pool);
            self.belief.observe(now, true, 1.0, prior, settings.outcome_half_life);
            (self.failures, self.fulls) = (0, 0);
        }
        self.latency.record(now, took, 1.0, settings.latency_half_life);
        pool.good(now, took, settings);
        self.read_sketch();
        self.raise_peak(now, took);
        if self.room > 0.0 && (self.flight.in_flight() + 1) as f32 >= self.room.floor() {
            self.grow();
        }
        is_news
    }

    fn failed(
        &mut self,
        now: Moment,
        began: Moment,
        weight: f32,
        pool: &mut Pool,
        settings: &PredictorSettings,
    ) -> bool {
        if !self.streak.note(began, false) {
            return false;
        }
        let prior = self.prior(now, pool);
        self.belief.observe(now, false, weight, prior, settings.outcome_half_life);
        pool.bad(now, now.since(began), weight, settings);
        if weight >= FAILURE_COUNTS_FROM {
            self.failures = self.failures.saturating_add(1);
            self.failed_at = now;
        }
        true
    }

    /// When the trouble began of this endpoint that has worked: with its first failure in a row, or with the oldest silent call.
    /// `None` if it never has, for then nothing has changed.
    pub(crate) fn troubled_since(&self) -> Option<Moment> {
        if self.flight.good_began() == Moment::ZERO {
            return None;
        }
        self.flight.silent().first().copied().into_iter().chain(self.streak.failing_since()).min()
    }

    /// An endpoint that worked has failed since that moment, and most others did before: what changed there may have changed here.
    /// What failed until then may work by now; and if nothing that began later has gone well here, that is held against it like a
    /// failure of its own.
    pub(crate) fn world_changed(
        &mut self,
        now: Moment,
        since: Moment,
        is_liked: bool,
        pool: &Pool,
        settings: &PredictorSettings,
    ) {
        if !is_liked {
            self.belief.fade_before(since, BELIEVED_OF_BEFORE);
            if self.failed_at < since {
                self.failures = 0;
            }
        } else if self.flight.good_began() < since {
            let prior = self.prior(now, pool);
            self.belief.observe(now, false, 1.0, prior, settings.outcome_half_life);
        }
    }

    /// A good answer of a full house. Counted until it makes a whole place: of a room of thousands the part that one answer adds is
    /// less than the number can hold.
    fn grow(&mut self) {
        self.room_earned += ROOM_GROWTH;
        if self.room_earned >= self.room {
            (self.room, self.room_earned) = (self.room + 1.0, 0.0);
        }
    }

    /// It has room for those of our calls that are there. Where none is, others have it all, and only time can tell.
    pub(crate) fn full(&mut self, now: Moment, pause: Option<Duration>) {
        let others = self.flight.in_flight() as f32;
        self.room = if self.room > 0.0 { self.room.min(others) } else { others }.max(1.0);
        self.room_earned = 0.0;
        let own = if others > 0.0 { Duration::ZERO } else { FULL_PAUSE_MIN * (1 << self.fulls.min(5)) };
        let asked = pause.map(|pause| pause.min(FULL_PAUSE_ASKED_MAX));
        self.full_until = now + asked.unwrap_or(own.min(FULL_PAUSE_MAX));
        self.fulls = self.fulls.saturating_add(1);
    }

    /// A health check says that it is broken. One that says the opposite is no evidence: it is not a real call.
    pub fn check_failed(&mut self, now: Moment, pool: &Pool, settings: &PredictorSettings) {
        self.belief.observe(now, false, 1.0, self.prior(now, pool), settings.outcome_half_life);
    }

    /// How likely it works at this moment, calls under way included.
    pub fn works(&self, now: Moment, pool: &Pool, settings: &PredictorSettings) -> f32 {
        let share = self.belief.share(now, self.prior(now, pool), settings.outcome_half_life);
        let odds = share / (1.0 - share) * pool.silence_ratio(now, &self.latency, self.flight.silent());
        odds / (1.0 + odds)
    }

    /// How likely a call that begins now succeeds within this time.
    pub fn succeeds_within(
        &self,
        now: Moment,
        limit: Option<Duration>,
        pool: &Pool,
        settings: &PredictorSettings,
    ) -> f32 {
        self.works(now, pool, settings) * self.in_time(limit, pool)
    }

    /// The share of good calls that are done within this time; 1 as long as nobody knows.
    pub fn in_time(&self, limit: Option<Duration>, pool: &Pool) -> f32 {
        let Some(limit) = limit else { return 1.0 };
        let is_enough = self.slow_secs > 0.0 && limit.as_secs_f32() >= self.slow_secs;
        if is_enough { 1.0 } else { pool.done_within(&self.latency, limit).unwrap_or(1.0) }
    }

    /// How much sense it makes to ask it again, from 0 to 1, if it has failed: what failed a moment ago will hardly have come back,
    /// however little that says of it in the long run.
    pub fn hope(&self, now: Moment) -> f32 {
        if self.failures == 0 {
            return 1.0;
        }
        let since = now.since(self.failed_at).as_secs_f32();
        since / (since + COMES_BACK_WITHIN.as_secs_f32())
    }

    /// Whether it gets better (above 0) or worse.
    pub fn trend(&self, now: Moment, pool: &Pool) -> f32 {
        self.belief.trend(self.prior(now, pool))
    }

    /// What a further call would wait for, in seconds: the recent peak of its latency for each call under way and this one.
    pub fn load_secs(&self, now: Moment, pool: &Pool) -> f32 {
        let settled = if self.settled_secs > 0.0 { self.settled_secs } else { pool.settled_secs() };
        let peak = self.peak_secs * left_after(now.since(self.peak_at), PEAK_HALF_LIFE);
        peak.max(settled) * (self.flight.in_flight() + 1) as f32
    }

    /// Whether it said a moment ago that it has no room, or has as many of our calls as it ever had room for.
    pub fn is_full(&self, now: Moment) -> bool {
        now < self.full_until || (self.room > 0.0 && self.flight.in_flight() as f32 >= self.room.floor())
    }

    /// How many of our calls it has room for, if it ever said so.
    pub fn room(&self) -> Option<f32> {
        (self.room > 0.0).then_some(self.room)
    }

    /// Until when it asked to be left alone.
    pub(crate) const fn full_until(&self) -> Moment {
        self.full_until
    }

    /// What it takes in memory, all in all; at most 1 KiB, whatever the endpoint's traffic.
    pub const BYTES: usize = size_of::<Self>() + size_of::<Sketch>();

    /// Calls under way.
    pub const fn in_flight(&self) -> u32 {
        self.flight.in_flight()
    }

    /// Failures since the last good answer.
    pub const fn failures(&self) -> u16 {
        self.failures
    }

    /// The time within which this share of its good calls is done.
    pub fn latency(&self, share: f32) -> Option<Duration> {
        self.latency.quantile(share)
    }

    /// What other nodes say of it; it counts beside its own calls and fades.
    pub fn hear(&mut self, now: Moment, said: Prior) {
        (self.foreign, self.foreign_at) = (said, now);
    }

    pub(crate) const fn counted(&self) -> Count {
        self.belief.counted()
    }

    pub(crate) const fn latency_sketch(&self) -> &Sketch {
        &self.latency
    }

    /// What was known before: only where nothing is known yet.
    pub(crate) fn recall(&mut self, now: Moment, count: Count, latency: Sketch) {
        if self.belief == Belief::default() {
            self.belief = Belief::from_counts(count, now);
            *self.latency = latency;
            self.read_sketch();
        }
    }

    /// How much room it had before: only where it has not said anything of that yet.
    pub(crate) fn recall_room(&mut self, room: f32) {
        if self.room <= 0.0 {
            self.room = room;
        }
    }

    fn prior(&self, now: Moment, pool: &Pool) -> Prior {
        if self.foreign.weight <= 0.0 {
            return pool.prior();
        }
        let left = left_after(now.since(self.foreign_at), FOREIGN_HALF_LIFE);
        pool.prior().with(Prior { weight: self.foreign.weight * left, ..self.foreign })
    }

    fn read_sketch(&mut self) {
        self.settled_secs = self.latency.quantile_secs(0.5).unwrap_or_default();
        self.slow_secs = self.latency.quantile_secs(SLOW_SHARE).unwrap_or_default();
    }

    fn raise_peak(&mut self, now: Moment, took: Duration) {
        let sunk = self.peak_secs * left_after(now.since(self.peak_at), PEAK_HALF_LIFE);
        (self.peak_secs, self.peak_at) = (sunk.max(took.as_secs_f32()), now);
    }
}
