//! Points in time and spans of time, in whole milliseconds.
//!
//! The engine's shell hands out [`Timestamp`]s from a clock that never runs backwards (see the wiring in `bin/homeostat`);
//! the pure stages only compare and add them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A point in time: milliseconds since the UNIX epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Timestamp {
    /// This point moved into the future by `span`; saturates instead of wrapping.
    #[must_use]
    pub fn after(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to this point; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Millis {
    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

impl From<Millis> for std::time::Duration {
    fn from(span: Millis) -> Self {
        Self::from_millis(span.0)
    }
}

/// As a person would say it: `80 ms`, `2.5 s`, `3 min 20 s`, `4 h 5 min`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{} ms", self.0),
            1_000..60_000 if self.0.is_multiple_of(1_000) => write!(f, "{} s", self.0 / 1_000),
            1_000..60_000 => write!(f, "{}.{} s", self.0 / 1_000, self.0 % 1_000 / 100),
            60_000..3_600_000 => two_units(f, self.0 / 1_000, 60, "min", "s"),
            _ => two_units(f, self.0 / 60_000, 60, "h", "min"),
        }
    }
}

fn two_units(f: &mut fmt::Formatter<'_>, small: u64, ratio: u64, large_name: &str, small_name: &str) -> fmt::Result {
    match (small / ratio, small % ratio) {
        (large, 0) => write!(f, "{large} {large_name}"),
        (large, rest) => write!(f, "{large} {large_name} {rest} {small_name}"),
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-21T08:52:01.250Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, millis_of_day) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil_from_days(days);
        let seconds = millis_of_day / 1_000;
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis_of_day % 1_000)
    }
}

/// The Gregorian date of a day counted from 1970-01-01, reckoned in 400-year eras that begin on the first of March, so
/// that the leap day is the last day of a year and needs no special case.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    const DAYS_FROM_YEAR_ZERO: u64 = 719_468;
    const DAYS_AN_ERA: u64 = 146_097;
    let shifted = days + DAYS_FROM_YEAR_ZERO;
    let (era, day_of_era) = (shifted / DAYS_AN_ERA, shifted % DAYS_AN_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_a_person_says_them() {
        // A wrong unit in a story would mislead whoever reads it at night.
        let said = |millis: u64| Millis(millis).to_string();
        assert_eq!(said(80), "80 ms");
        assert_eq!(said(2_500), "2.5 s");
        assert_eq!(said(10_000), "10 s");
        assert_eq!(said(200_000), "3 min 20 s");
        assert_eq!(said(4 * 3_600_000 + 5 * 60_000), "4 h 5 min");
    }

    #[test]
    fn dates_hold_across_leap_days_and_centuries() {
        // The journal's dates would be off by a day after a 29 February.
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Timestamp(1_795_251_121_250).to_string(), "2026-11-21T08:52:01.250Z");
        assert_eq!(Timestamp(4_107_542_400_000).to_string(), "2100-03-01T00:00:00.000Z");
    }
}
