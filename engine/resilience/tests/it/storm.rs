//! A service that fails as a test tells it to, whole callers that insist, and the count of what reaches it.

use std::cell::Cell;
use std::time::Duration;

use homeostat_reactor::{Clock, ManualClock, Moment};
use homeostat_resilience::{Advice, Call, Verdict};
use proptest::prelude::*;

/// How the service is for a tenth of a second.
#[derive(Debug, Clone, Copy)]
pub enum Weather {
    /// Answers after so many milliseconds.
    Good(u64),
    /// Fails after so many milliseconds.
    Failing(u64),
    /// Has no room and says so, and when to come back.
    Full(u64),
    /// Closes the door before it hears what is wanted.
    Refusing,
    /// Never answers.
    Hanging,
}

/// Any weather for up to eight seconds, the last for ever.
pub fn any_weather() -> impl Strategy<Value = Vec<Weather>> {
    let weather = prop_oneof![
        (0_u64..400).prop_map(Weather::Good),
        (0_u64..400).prop_map(Weather::Failing),
        (0_u64..400).prop_map(Weather::Full),
        Just(Weather::Refusing),
        Just(Weather::Hanging),
    ];
    prop::collection::vec(weather, 1..80)
}

/// When each caller calls, in milliseconds.
pub fn any_callers() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0_u64..20_000, 1..120)
}

/// The service.
pub struct Service {
    pub clock: Clock,
    pub weather: Vec<Weather>,
    pub attempts: Cell<u64>,
}

impl Service {
    pub fn new(time: &ManualClock, weather: Vec<Weather>) -> Self {
        Self { clock: time.clock(), weather, attempts: Cell::new(0) }
    }

    /// An attempt that has reached it.
    pub async fn attempt(&self) -> Result<(), Weather> {
        self.attempts.set(self.attempts.get() + 1);
        let tenth = (self.clock.now().0 / 100_000_000) as usize;
        let weather = self.weather[tenth.min(self.weather.len() - 1)];
        match weather {
            Weather::Good(millis) => {
                self.clock.sleep(Duration::from_millis(millis)).await;
                return Ok(());
            }
            Weather::Failing(millis) => self.clock.sleep(Duration::from_millis(millis)).await,
            Weather::Hanging => self.clock.sleep_until(Moment::NEVER).await,
            Weather::Full(_) | Weather::Refusing => {}
        }
        Err(weather)
    }
}

/// What callers make of its answers.
pub fn advise(result: &Result<(), Weather>) -> Advice {
    match result {
        Ok(()) => Verdict::Good.into(),
        Err(Weather::Full(millis)) => Advice::from(Verdict::Full).retry_after(Duration::from_millis(*millis)),
        Err(Weather::Refusing) => Advice::from(Verdict::Failed).never_began(),
        Err(_) => Verdict::Failed.into(),
    }
}

/// A call of the storm: every third must not be made twice.
pub fn call_number(index: usize, clock: &Clock) -> Call {
    let call = if index.is_multiple_of(3) { Call::default() } else { Call::idempotent() };
    call.within(Duration::from_secs(3), clock)
}

/// The most attempts that may reach the service for so many calls that began and ended within `elapsed`.
pub fn attempts_max(calls: u64, ratio: f64, minimum_per_s: f64, elapsed: Moment) -> u64 {
    let windows = elapsed.0 / 10_000_000_000 + 1;
    calls + (calls as f64 * ratio + 10.0 * minimum_per_s * windows as f64) as u64
}

/// Fails if an extra attempt began that the ten seconds up to it, in whole seconds, did not cover.
pub fn assert_covered(calls: &[Moment], extra: &[Moment], ratio: f64, minimum_per_s: f64) {
    for begun in extra {
        let last = begun.0 / 1_000_000_000;
        let recent = |moments: &[Moment]| {
            let slots = moments.iter().filter(|moment| *moment <= begun).map(|moment| moment.0 / 1_000_000_000);
            slots.filter(|slot| slot + 10 > last).count() as f64
        };
        let most = (recent(calls) * ratio).max(10.0 * minimum_per_s);
        assert!(recent(extra) <= most + 1e-6, "{} extra attempts, {most} covered at {begun:?}", recent(extra));
    }
}
