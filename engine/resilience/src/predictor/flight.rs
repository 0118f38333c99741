//! Calls that are under way at an endpoint: how many, and since when nothing came back. Used by [`Learned`](super::Learned).
//!
//! Silence is evidence long before a timeout, and the only evidence against an endpoint that hangs. A call counts as silent only if
//! it began after every call that ended well: one call that hangs among many that do not says something of itself, not of the
//! endpoint.

use homeostat_reactor::Moment;

/// The oldest silent calls that are looked at: eight beyond p95 are a chance of 1 in 25 billion.
const WATCHED_MAX: usize = 8;

/// The calls under way at one endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Flight {
    in_flight: u32,
    watched: u8,
    good_began: Moment,
    /// Last, as it is read only if there is silence.
    since: [Moment; WATCHED_MAX],
}

impl Flight {
    pub(crate) fn begin(&mut self, now: Moment) {
        self.in_flight = self.in_flight.saturating_add(1);
        if usize::from(self.watched) < WATCHED_MAX {
            self.since[usize::from(self.watched)] = now;
            self.watched += 1;
        }
    }

    pub(crate) fn end(&mut self, began: Moment, is_good: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if is_good {
            self.good_began = self.good_began.max(began);
            let until = self.good_began;
            self.keep(|since| since > until);
        } else {
            let mut is_found = false;
            self.keep(|since| is_found || since != began || std::mem::replace(&mut is_found, true));
        }
    }

    pub(crate) const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// When the latest call began that ended well.
    pub(crate) const fn good_began(&self) -> Moment {
        self.good_began
    }

    /// Since when each silent call runs, the oldest first.
    pub(crate) fn silent(&self) -> &[Moment] {
        &self.since[..usize::from(self.watched)]
    }

    fn keep(&mut self, mut wanted: impl FnMut(Moment) -> bool) {
        let mut kept = 0;
        for place in 0..usize::from(self.watched) {
            let since = self.since[place];
            if wanted(since) {
                self.since[kept] = since;
                kept += 1;
            }
        }
        self.watched = u8::try_from(kept).expect("at most as many as are watched");
    }
}
