//! What happens to an event that finds its class full, chosen by name.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One in this many goes through a sampled class that is full, unless another number is chosen.
const SAMPLE_ONE_IN: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

/// What happens when a class is full.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schemars", schemars(with = "String"))]
pub enum Overflow {
    /// Whoever emits waits for room, in the order of asking.
    Block,
    /// The new event is dropped.
    DropNewest,
    /// The oldest event of the class is dropped.
    DropOldest,
    /// A new event takes the place of the one waiting with the same key, at any time; when the class is full and none has it, the
    /// oldest is dropped.
    Coalesce,
    /// When the class is more than half full only one in so many is let in; when it is full the new event is dropped.
    Sample {
        /// One in this many.
        one_in: NonZeroU32,
    },
    /// The new event is given back to whoever emits it, as an error.
    Fail,
}

impl Overflow {
    /// Thins out by ten.
    pub const SAMPLE: Self = Self::Sample { one_in: SAMPLE_ONE_IN };
}

/// `sample` or `sample:20` and the like.
impl fmt::Display for Overflow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => formatter.write_str("block"),
            Self::DropNewest => formatter.write_str("drop_newest"),
            Self::DropOldest => formatter.write_str("drop_oldest"),
            Self::Coalesce => formatter.write_str("coalesce"),
            Self::Sample { one_in } => write!(formatter, "sample:{one_in}"),
            Self::Fail => formatter.write_str("fail"),
        }
    }
}

/// A name that is none of the six.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no way to overflow; there are block, drop_newest, drop_oldest, coalesce, sample or sample:N (N at least 1), and fail"
)]
pub struct UnknownOverflow(pub String);

impl FromStr for Overflow {
    type Err = UnknownOverflow;

    fn from_str(name: &str) -> Result<Self, UnknownOverflow> {
        let unknown = || UnknownOverflow(name.to_owned());
        Ok(match name {
            "block" => Self::Block,
            "drop_newest" => Self::DropNewest,
            "drop_oldest" => Self::DropOldest,
            "coalesce" => Self::Coalesce,
            "sample" => Self::SAMPLE,
            "fail" => Self::Fail,
            _ => {
                let number = name.strip_prefix("sample:").ok_or_else(unknown)?;
                Self::Sample { one_in: number.parse().map_err(|_| unknown())? }
            }
        })
    }
}

impl TryFrom<String> for Overflow {
    type Error = UnknownOverflow;

    fn try_from(name: String) -> Result<Self, UnknownOverflow> {
        name.parse()
    }
}

impl From<Overflow> for String {
    fn from(overflow: Overflow) -> Self {
        overflow.to_string()
    }
}
