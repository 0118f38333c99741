//! Availability of a service: the share of time in which at least one of its instances is ready, measured from the moment
//! it was first so.

use homeostat_vocabulary::Timestamp;

/// The running measurement of one service.
#[derive(Clone, Debug)]
pub(crate) struct Availability {
    first_ready: Timestamp,
    ready_ms: u64,
    ready_since: Option<Timestamp>,
    /// Time in which it rested because nobody wanted it: neither kept nor broken promises.
    rested_ms: u64,
    rests_since: Option<Timestamp>,
}

impl Availability {
    pub(crate) const fn beginning_at(now: Timestamp) -> Self {
        Self { first_ready: now, ready_ms: 0, ready_since: Some(now), rested_ms: 0, rests_since: None }
    }

    /// From here on nobody wants it; its instances end as asked.
    pub(crate) fn rests(&mut self, now: Timestamp) {
        if self.rests_since.is_none() {
            self.observe(false, now);
            self.rests_since = Some(now);
        }
    }

    /// From here on it is wanted again.
    pub(crate) fn wakes(&mut self, now: Timestamp) {
        self.rested_ms += self.rests_since.take().map_or(0, |since| now.since(since).0);
    }

    pub(crate) fn observe(&mut self, ready: bool, now: Timestamp) {
        match (self.ready_since, ready) {
            (None, true) => self.ready_since = Some(now),
            (Some(since), false) => {
                self.ready_ms += now.since(since).0;
                self.ready_since = None;
            }
            _ => {}
        }
    }

    /// The share in parts per million; all of it while no time has passed.
    pub(crate) fn share_ppm(&self, now: Timestamp) -> u32 {
        let rested = self.rested_ms + self.rests_since.map_or(0, |since| now.since(since).0);
        let total = now.since(self.first_ready).0.saturating_sub(rested);
        let ready = self.ready_ms + self.ready_since.map_or(0, |since| now.since(since).0);
        if total == 0 {
            return 1_000_000;
        }
        u32::try_from(u128::from(ready) * 1_000_000 / u128::from(total)).expect("ready time is a part of the total")
    }
}
