//! What a rate limiter counts with; [`super::bucket`] and [`super::gcra`] are the two ways.
//!
//! Pure bookkeeping: the limiter tells it how much time has passed, so a meter never sees a clock and time never runs backwards
//! for it. Both ways give the same answers (a property test holds them to it).

use std::fmt::Debug;
use std::time::Duration;

use super::rate::Scale;

pub(super) trait Meter: Debug + Send {
    /// Its name in snapshots.
    fn name(&self) -> &'static str;

    /// This much time has passed.
    fn pass(&mut self, elapsed: Duration);

    /// How long until so many tokens are there for the taking; more than a full burst counts as one taken after the other.
    fn wait(&self, tokens: u64) -> Duration;

    /// Takes tokens that are there.
    fn take(&mut self, tokens: u64);

    /// How many units are missing to a full burst.
    fn headroom(&self) -> u128;

    /// Puts units back, at most the headroom.
    fn put_back(&mut self, units: u128);

    /// Goes on with another rate and burst; the tokens that are there stay, as far as the new burst holds them.
    fn rescale(&mut self, scale: Scale);
}
