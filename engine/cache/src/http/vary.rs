//! Variants: answers that depend on fields of the request, and the second half of the key that tells them apart.
//!
//! Values are brought into one form first, because languages in another order are the same wish and would be another entry. The key of
//! an address holds which fields count; a variant's key holds a number of that record too, so that what belonged to an older record
//! is never found again. The number of variants is bounded: a field from outside must not fill the cache.

use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderMap, HeaderName, VARY};

use super::advice::Reason;
use super::list::{members, split, trim};
use super::weight::{WHOLE, weight};

/// On how many fields an answer may depend.
const FIELDS_MAX: usize = 16;

/// A longer value makes no key: told apart by a hash alone, two could be made to meet, and would share an answer.
const VALUE_BYTES_MAX: usize = 1_024;

/// The fields of the request that an answer depends on, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vary(Vec<HeaderName>);

impl Vary {
    /// Of a response.
    ///
    /// # Errors
    /// When it depends on more than can be told apart.
    pub fn of(headers: &HeaderMap) -> Result<Self, Reason> {
        let names = members(headers, VARY).ok_or(Reason::Vary)?;
        if names.contains(&"*") {
            return Err(Reason::VaryStar);
        }
        let fields: Result<Vec<HeaderName>, _> = names.into_iter().map(str::parse).collect();
        let mut fields = fields.map_err(|_| Reason::Vary)?;
        fields.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        fields.dedup();
        if fields.len() > FIELDS_MAX { Err(Reason::Vary) } else { Ok(Self(fields)) }
    }

    /// Whether it depends on nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields.
    pub fn fields(&self) -> &[HeaderName] {
        &self.0
    }

    /// What tells this request's variant from others: the fields with their values in one form. `None` when a value is too long to be
    /// part of a key: then it is nobody's variant, and the request passes the cache by.
    pub fn secondary(&self, request: &HeaderMap) -> Option<String> {
        let mut secondary = String::new();
        for field in &self.0 {
            // Neither a name nor a value can hold a line break: no request can look like another one's key.
            secondary.push('\n');
            secondary.push_str(field.as_str());
            if request.contains_key(field) {
                secondary.push(':');
                let value = normal(field, request);
                if value.len() > VALUE_BYTES_MAX {
                    return None;
                }
                secondary.push_str(&value);
            }
        }
        Some(secondary)
    }
}

/// Which variants there are of one address: kept under its plain key, in place of an answer.
#[derive(Debug)]
pub struct Variants {
    vary: Vary,
    number: u64,
    variants_max: usize,
    known: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl Variants {
    /// A new record, whose number no other one has.
    pub fn new(vary: Vary, variants_max: u32) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (known, hasher) = (Mutex::default(), RandomState::new());
        Self { vary, number, variants_max: variants_max as usize, known, hasher }
    }

    /// The fields it goes by.
    pub fn vary(&self) -> &Vary {
        &self.vary
    }

    /// The key of this request's variant; `None` when there is none, see [`Vary::secondary`].
    pub fn key(&self, primary: &str, request: &HeaderMap) -> Option<String> {
        Some(format!("{primary}\n{}{}", self.number, self.vary.secondary(request)?))
    }

    /// Whether the variant of this request may be kept: one that is known, or one more while there is room.
    pub fn admits(&self, request: &HeaderMap) -> bool {
        let Some(secondary) = self.vary.secondary(request) else { return false };
        let hash = self.hasher.hash_one(secondary);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&hash) || known.len() < self.variants_max && known.insert(hash)
    }
}

/// The value of a field in one form: lines joined, spaces around commas off, and of wishes their order and letters' size as well.
fn normal(field: &HeaderName, request: &HeaderMap) -> String {
    let Some(parts) = members(request, field) else {
        // No text, or no list: byte by byte then. No list begins with a comma, so that it is never taken for one that reads like this.
        let lines = request.get_all(field).iter().map(|line| line.as_bytes().escape_ascii().to_string());
        return format!(",{}", lines.collect::<Vec<_>>().join(","));
    };
    let is_wish = [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE].contains(field);
    // Within quotes may stand what parts one wish from the next.
    if !is_wish || parts.iter().any(|part| part.contains('"')) {
        return parts.join(",");
    }
    let mut wishes: Vec<(u16, String)> = parts.into_iter().map(wish).collect();
    // What is not wanted need not be said, except by those who take anything else, or of the plain form, which all take unless they say so.
    let takes_any = wishes.iter().any(|(_, name)| name.contains('*'));
    wishes.retain(|(weight, name)| *weight > 0 || takes_any || name == "identity");
    wishes.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    wishes.dedup();
    let mut text = String::new();
    for (weight, name) in wishes {
        let _ = write!(text, "{name} {weight},");
    }
    text
}

/// A wish and its weight in thousandths. A weight that cannot be read stays with the name: nobody knows what the origin takes it for.
fn wish(part: &str) -> (u16, String) {
    let part = part.to_ascii_lowercase();
    let (mut said, mut name) = (WHOLE, String::with_capacity(part.len()));
    let is_one = part.split(';').skip(1).filter(|parameter| weight(trim(parameter)).is_some()).count() == 1;
    for (at, parameter) in part.split(';').map(trim).enumerate() {
        if at > 0
            && is_one
            && let Some(Ok(weight)) = weight(parameter)
        {
            said = weight;
            continue;
        }
        if at > 0 {
            name.push(';');
        }
        name.push_str(parameter);
    }
    (said, name)
}

/// The tags that a response names for itself: `Surrogate-Key`, between spaces, and `Cache-Tag`, between commas.
pub fn tags(headers: &HeaderMap) -> Vec<&str> {
    let mut tags = Vec::new();
    for line in headers.get_all("surrogate-key").iter().filter_map(|line| line.to_str().ok()) {
        tags.extend(line.split([' ', '\t']).filter(|tag| !tag.is_empty()).take(crate::TAGS_AN_ENTRY_MAX));
    }
    for line in headers.get_all("cache-tag").iter().filter_map(|line| line.to_str().ok()) {
        let _ = split(line, &mut tags);
    }
    tags.truncate(crate::TAGS_AN_ENTRY_MAX);
    tags
}
