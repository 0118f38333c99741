//! Patterns over names with dots: `shop.orders.*`, `shop.**`, `Order*`.
//!
//! Compiled once with the rules that use them. A pattern is matched name by name: `*` stands for any run of letters inside one name
//! and `?` for one letter; a name that is `**` stands for any number of whole names, none included. There is no other magic and no
//! way to escape it. The work for one match is at most the length of the pattern times the length of the text, whatever either
//! says: both kinds of star only ever go back to the last star of their kind, which is enough and never exponential.

use std::fmt;

/// Longest pattern: it is written by a person, and its length bounds the work of a match.
pub const PATTERN_BYTES_MAX: usize = 256;

/// Longest text that is matched at all, for the same bound: a longer one matches no pattern.
pub const TEXT_BYTES_MAX: usize = 1024;

/// What matches a whole run of names.
const ANY_NAMES: &str = "**";

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// It is empty, so it could only match events that say nothing.
    #[error("the pattern is empty; leave it out to match everything")]
    Empty,
    /// It is longer than [`PATTERN_BYTES_MAX`].
    #[error("the pattern has {0} bytes; at most {PATTERN_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// `**` stands beside other letters in a name.
    #[error("`{0}` mixes `**` with other letters; `**` stands alone between dots, and inside a name one `*` is enough")]
    MixedStars(String),
    /// Two dots in a row, or one at an end.
    #[error("`{0}` has an empty name beside a dot, which no subject has")]
    EmptyName(String),
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
    names: Vec<Name>,
}

/// One name of the pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    /// `**`.
    Any,
    /// Exactly this.
    Exact(String),
    /// With `*` or `?` in it.
    Wild(Vec<char>),
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// ```
    /// use homeostat_reactor::route::Glob;
    ///
    /// let orders = Glob::new("shop.*.orders.**")?;
    /// assert!(orders.matches("shop.eu.orders") && orders.matches("shop.eu.orders.17.lines"));
    /// assert!(!orders.matches("shop.eu.north.orders"));
    /// # Ok::<(), homeostat_reactor::route::BadPattern>(())
    /// ```
    pub fn new(pattern: &str) -> Result<Self, BadPattern> {
        if pattern.is_empty() {
            return Err(BadPattern::Empty);
        }
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(BadPattern::TooLong(pattern.len()));
        }
        let names = pattern.split('.').map(|name| match name {
            "" => Err(BadPattern::EmptyName(pattern.to_owned())),
            ANY_NAMES => Ok(Name::Any),
            _ if name.contains(ANY_NAMES) => Err(BadPattern::MixedStars(name.to_owned())),
            _ if name.contains(['*', '?']) => Ok(Name::Wild(name.chars().collect())),
            _ => Ok(Name::Exact(name.to_owned())),
        });
        Ok(Self { names: names.collect::<Result<_, _>>()?, pattern: pattern.to_owned() })
    }

    /// Whether a text matches; never, when it is longer than [`TEXT_BYTES_MAX`].
    pub fn matches(&self, text: &str) -> bool {
        if text.len() > TEXT_BYTES_MAX {
            return false;
        }
        // What follows the last `**` that was passed: where it begins in the pattern, and the text to try it on next.
        let mut retry: Option<(usize, Option<&str>)> = None;
        let mut at = 0;
        let mut rest = (!text.is_empty()).then_some(text);
        loop {
            match self.names.get(at) {
                Some(Name::Any) => {
                    at += 1;
                    retry = Some((at, rest));
                    continue;
                }
                Some(name) => {
                    if let Some((first, tail)) = rest.map(split_name)
                        && name.matches(first)
                    {
                        (at, rest) = (at + 1, tail);
                        continue;
                    }
                }
                None if rest.is_none() => return true,
                None => {}
            }
            // Let the last `**` take one name more.
            let Some((after_star, Some(tried))) = retry else { return false };
            let (_, tail) = split_name(tried);
            retry = Some((after_star, tail));
            (at, rest) = (after_star, tail);
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.pattern)
    }
}

/// The first name of a path, and what follows its dot.
fn split_name(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)))
}

impl Name {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == name,
            Self::Wild(pattern) => matches_letters(pattern, name),
        }
    }
}

fn matches_letters(pattern: &[char], name: &str) -> bool {
    let mut letters = name.chars();
    let mut at = 0;
    // What follows the last `*`, and the letters to try it on next.
    let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        let before = letters.clone();
        match (pattern.get(at), letters.next()) {
            (Some('*'), _) => {
                at += 1;
                letters = before.clone();
                retry = Some((at, before));
            }
            (Some(wanted), Some(letter)) if *wanted == '?' || *wanted == letter => at += 1,
            (None, None) => return true,
            _ => {
                let Some((after_star, mut tried)) = retry else { return false };
                if tried.next().is_none() {
                    return false;
                }
                letters = tried.clone();
                at = after_star;
                retry = Some((after_star, tried));
            }
        }
    }
}
