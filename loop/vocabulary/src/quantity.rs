//! Periods, sizes and shares as people write them: `"10s"`, `"512MiB"`, `"99.9%"`.
//!
//! Used by the sections of the configuration and of the gateway as field types. Each is read from text, shown in one canonical text
//! that reads back as itself, and describes itself in the schema; the kind named there is what the shape check calls to judge a value.

use crate::reason;
use crate::sentence::Sentence;
use crate::time::Millis;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The longest period that can be written: ten years, so that adding two of them can never overflow anything.
const PERIOD_MILLIS_MAX: u64 = 10 * 366 * 24 * 3_600_000;
/// The largest size that can be written: one pebibyte.
const SIZE_BYTES_MAX: u64 = 1 << 50;
/// One hundred percent in parts per million.
const WHOLE_PPM: u64 = 1_000_000;

/// The units of a period, largest first; `m` is read as minutes because that is what those who write it mean.
const PERIOD_UNITS: [(&str, u64); 6] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A span of time, such as `"500ms"`, `"10s"`, `"5min"`, `"1h30min"`, `"90d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Millis);

/// A number of bytes, such as `"512MiB"` or `"2GB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A share of the whole, such as `"99.9%"`, kept in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

impl Period {
    /// A period of whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Millis::from_secs(seconds))
    }
}

impl FromStr for Period {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        let mut rest = text;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (amount, unit, tail) = leading_amount(rest).ok_or_else(|| reason::number_and_unit("10s"))?;
            let scale = PERIOD_UNITS.iter().find(|(name, _)| *name == unit);
            let (_, scale) = scale.ok_or_else(|| unknown_unit(unit, reason::units_of_periods()))?;
            let part = amount.times(*scale).ok_or_else(reason::too_fine_for_a_period)?;
            total = total.saturating_add(part);
            rest = tail;
        }
        match total {
            _ if text.is_empty() => Err(reason::empty()),
            ..=PERIOD_MILLIS_MAX => Ok(Self(Millis(total))),
            _ => Err(reason::too_long()),
        }
    }
}

impl FromStr for Size {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        let (amount, unit, tail) = leading_amount(text).ok_or_else(|| reason::number_and_unit("512MiB"))?;
        if !tail.is_empty() {
            return Err(reason::one_number());
        }
        let scale = SIZE_UNITS.iter().find(|(name, _)| *name == unit);
        let (_, scale) = scale.ok_or_else(|| unknown_unit(unit, reason::units_of_sizes()))?;
        match amount.times(*scale) {
            Some(bytes) if bytes <= SIZE_BYTES_MAX => Ok(Self(bytes)),
            _ => Err(reason::too_fine_for_a_size()),
        }
    }
}

impl FromStr for Share {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        let number = text.strip_suffix('%').ok_or_else(reason::percent_sign)?;
        let amount = Amount::parse(number.trim_end()).ok_or_else(reason::number_before_percent)?;
        let ppm = amount.times(WHOLE_PPM / 100).ok_or_else(reason::too_fine_for_a_share)?;
        match u32::try_from(ppm) {
            Ok(ppm) if (1..=WHOLE_PPM).contains(&u64::from(ppm)) => Ok(Self(ppm)),
            _ => Err(reason::share_bounds()),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.0 {
            0 => f.write_str("0s"),
            millis => write_in_largest_unit(f, millis, &PERIOD_UNITS),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0B"),
            bytes => write_in_largest_unit(f, bytes, &SIZE_UNITS),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        match rest {
            0 => write!(f, "{whole}%"),
            _ => write!(f, "{whole}.{}%", format!("{rest:04}").trim_end_matches('0')),
        }
    }
}

fn write_in_largest_unit(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = units.iter().filter(|(_, scale)| value.is_multiple_of(*scale)).min_by_key(|(_, scale)| value / scale);
    let (unit, scale) = fits.expect("the last unit is one, which divides everything");
    write!(f, "{}{unit}", value / scale)
}

fn unknown_unit(unit: &str, known: Sentence) -> Sentence {
    if unit.is_empty() { reason::unit_missing(known) } else { reason::unit_unknown(known) }
}

/// A decimal number without a floating point, so that 0.1 is a tenth.
struct Amount {
    digits: u64,
    decimals: u32,
}

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || text.ends_with('.') {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { digits, decimals: u32::try_from(fraction.len()).ok()? })
    }

    /// The amount of units of size `scale`, when it comes out whole.
    fn times(&self, scale: u64) -> Option<u64> {
        let divisor = 10_u64.checked_pow(self.decimals)?;
        let product = self.digits.checked_mul(scale)?;
        product.is_multiple_of(divisor).then(|| product / divisor)
    }
}

/// Splits `"1h30min"` into the amount 1, the unit `h`, and the rest.
fn leading_amount(text: &str) -> Option<(Amount, &str, &str)> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(number_end);
    let rest = rest.trim_start();
    let unit_end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let (unit, tail) = rest.split_at(unit_end);
    Some((Amount::parse(number)?, unit, tail.trim_start()))
}

macro_rules! written_as_text {
    ($name:ident, $kind:literal, $pattern:literal, $example:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "x-kind": $kind, "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

written_as_text!(Period, "period", r"^([0-9]+(\.[0-9]+)? *(ms|s|min|m|h|d) *)+$", "10s");
written_as_text!(Size, "size", r"^[0-9]+(\.[0-9]+)? *([KMGT]iB|[kMGT]?B)$", "512MiB");
written_as_text!(Share, "share", r"^[0-9]+(\.[0-9]+)? *%$", "99.9%");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_mean_what_they_say_and_show_as_themselves() {
        // A unit read wrongly makes a check a thousand times too eager.
        let read = |text: &str| text.parse::<Period>().map(|period| (period.0.0, period.to_string()));
        assert_eq!(read("500ms"), Ok((500, "500ms".to_owned())));
        assert_eq!(read("1.5s"), Ok((1_500, "1500ms".to_owned())));
        assert_eq!(read("1h30min"), Ok((5_400_000, "90min".to_owned())));
        assert_eq!(read("5m"), Ok((300_000, "5min".to_owned())));
        assert_eq!(read("90 d"), Ok((7_776_000_000, "90d".to_owned())));
        for bad in ["", "10", "s", "-1s", "1y", "0.0001s", "999999999999999999999s", "4000d", "1s;"] {
            assert!(read(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn sizes_and_shares_mean_what_they_say() {
        // A limit read in the wrong base kills a healthy service.
        let size = |text: &str| text.parse::<Size>().map(|size| (size.0, size.to_string()));
        assert_eq!(size("512MiB"), Ok((512 << 20, "512MiB".to_owned())));
        assert_eq!(size("1.5GiB"), Ok((1536 << 20, "1536MiB".to_owned())));
        assert_eq!(size("2GB"), Ok((2_000_000_000, "2GB".to_owned())));
        assert!(size("512M").is_err() && size("1MiB1").is_err());
        let share = |text: &str| text.parse::<Share>().map(|share| (share.0, share.to_string()));
        assert_eq!(share("99.9%"), Ok((999_000, "99.9%".to_owned())));
        assert_eq!(share("100%"), Ok((1_000_000, "100%".to_owned())));
        assert!(share("101%").is_err() && share("0%").is_err() && share("99.9").is_err());
    }
}
