//! Availability of a service: the share of time in which at least one of its instances is ready, measured from the moment
//! it was first so.

use homeostat_vocabulary::Timestamp;

/// The running measurement of one service.
#[derive(Clone, Debug)]
pub(crate) struct Availability {
    first_ready: Timestamp,
    ready_ms: u64,
    ready_since: Option<Timestamp>,
}

impl Availability {
    pub(crate) const fn beginning_at(now: Timestamp) -> Self {
        Self { first_ready: now, ready_ms: 0, ready_since: Some(now) }
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
        let total = now.since(self.first_ready).0;
        let ready = self.ready_ms + self.ready_since.map_or(0, |since| now.since(since).0);
        if total == 0 {
            return 1_000_000;
        }
        u32::try_from(u128::from(ready) * 1_000_000 / u128::from(total)).expect("ready time is a part of the total")
    }
}
