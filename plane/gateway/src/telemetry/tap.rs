//! The tap: requests as they are answered, for whoever wants to look for a while.
//!
//! Written by the front at the end of each request, read through the control. Always holds: while nobody looks it costs one atomic
//! read a request; whoever looks too slowly misses some and is told how many; nothing that may be secret is shown: no query, no
//! header's value, no body.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::mpsc;

/// Who may look at once.
const WATCHERS_MAX: usize = 8;
/// Requests that wait to be shown to each.
const WAITING_MAX: usize = 1_024;

/// A request, as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Tapped {
    /// When its answer began, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Who asked.
    pub client: String,
    /// How.
    pub method: String,
    /// For which host.
    pub host: String,
    /// For what; without the query, which may hold secrets.
    pub path: String,
    /// The route that took it; none did where it is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// The upstream that it went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The endpoint that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The answer's status.
    pub status: u16,
    /// From the head of the request to the head of the answer.
    pub took_us: u64,
    /// Attempts that were made.
    pub attempts: u32,
    /// What the cache had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<&'static str>,
    /// Requests not shown to this watcher before this one, because it was too slow.
    #[serde(skip_serializing_if = "is_zero")]
    pub missed: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Which requests are shown.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this route.
    pub route: Option<String>,
    /// Only those with this status, or with this first digit.
    pub status: Option<StatusFilter>,
    /// Only those whose path begins so.
    pub path: Option<String>,
    /// Only those that took at least so long.
    pub took_us_min: u64,
    /// Of those, the first of so many each; 0 and 1 are all of them.
    pub one_in: u64,
}

/// A status, or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilter {
    /// This one.
    Exactly(u16),
    /// Those from 100 times this on.
    Class(u16),
}

impl std::str::FromStr for StatusFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no status: write 503, or 5xx");
        match text.strip_suffix("xx") {
            Some(class) => match class.parse() {
                Ok(class @ 1..=5) => Ok(Self::Class(class)),
                _ => Err(wrong()),
            },
            None => text.parse().ok().filter(|status| (100..600).contains(status)).map(Self::Exactly).ok_or_else(wrong),
        }
    }
}

impl Filter {
    fn shows(&self, tapped: &Tapped) -> bool {
        let status = self.status.is_none_or(|status| match status {
            StatusFilter::Exactly(status) => tapped.status == status,
            StatusFilter::Class(class) => tapped.status / 100 == class,
        });
        status
            && self.route.as_ref().is_none_or(|route| tapped.route == *route)
            && self.path.as_ref().is_none_or(|path| tapped.path.starts_with(path.as_str()))
            && tapped.took_us >= self.took_us_min
    }
}

#[derive(Debug)]
struct Watcher {
    filter: Filter,
    shown: mpsc::Sender<Tapped>,
    missed: u64,
    /// Requests that fitted the filter.
    fitting: u64,
}

impl Watcher {
    /// Whether this one is to be shown; counts it.
    fn wants(&mut self, tapped: &Tapped) -> bool {
        if !self.filter.shows(tapped) {
            return false;
        }
        self.fitting += 1;
        (self.fitting - 1).is_multiple_of(self.filter.one_in.max(1))
    }
}

/// Who looks at the moment.
#[derive(Debug, Default)]
pub struct Tap {
    count: AtomicUsize,
    watchers: Mutex<Vec<Watcher>>,
}

impl Tap {
    /// Whether anybody looks: if not, there is nothing to be made for them.
    pub fn is_open(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Looks from now on; `None` when too many do.
    pub fn open(self: &Arc<Self>, filter: Filter) -> Option<mpsc::Receiver<Tapped>> {
        let (shown, seen) = mpsc::channel(WAITING_MAX);
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| !watcher.shown.is_closed());
        if watchers.len() == WATCHERS_MAX {
            return None;
        }
        watchers.push(Watcher { filter, shown, missed: 0, fitting: 0 });
        self.count.store(watchers.len(), Ordering::Relaxed);
        Some(seen)
    }

    /// Shows a request to those who want to see it.
    pub fn show(&self, tapped: &Tapped) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        for watcher in watchers.iter_mut() {
            if !watcher.wants(tapped) {
                continue;
            }
            let shown = Tapped { missed: watcher.missed, ..tapped.clone() };
            match watcher.shown.try_send(shown) {
                Ok(()) => watcher.missed = 0,
                Err(_) => watcher.missed += 1,
            }
        }
        watchers.retain(|watcher| !watcher.shown.is_closed());
        self.count.store(watchers.len(), Ordering::Relaxed);
    }
}
