//! What became of calls, and what follows for where an endpoint stands: the pure core of [`Balancer`](super::Balancer).
//!
//! Time and chance come in as arguments. It always holds that no more endpoints are ejected than the cap allows, that none is
//! while it panics, and that each doubted or ejected one has a time at which it is asked again. Nothing here looks at all endpoints
//! except snapshots and the beginning of a panic.

use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Moment;

use super::counts::AttemptCounts;
use super::roster::{EndpointId, Roster, Slot, Standing};
use super::settings::BalanceSettings;
use crate::pause::doubled;
use crate::predictor::{Count, Learned, Outcome, Pool, Prior, Sketch};

/// What changed, for whoever listens.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// An endpoint is left out for this long.
    Ejected(Arc<str>, Duration),
    /// An endpoint is asked again.
    Readmitted(Arc<str>),
    /// Panic began or ended.
    Panicking(bool),
}

/// A balancer without clock, chance and values.
#[derive(Debug)]
pub struct BalanceCore {
    pub(super) settings: BalanceSettings,
    pub(super) roster: Roster,
    pub(super) pool: Pool,
    /// What is left of the share of calls that may go to doubted endpoints.
    pub(super) explorations: f32,
    failing: usize,
    pub(super) is_panicking: bool,
    changes: Vec<Change>,
    /// What the calls at endpoints came to that are gone.
    pub(super) gone: AttemptCounts,
}

impl BalanceCore {
    /// Without endpoints.
    pub fn new(settings: BalanceSettings) -> Self {
        Self {
            settings,
            roster: Roster::default(),
            pool: Pool::default(),
            explorations: 1.0,
            failing: 0,
            is_panicking: false,
            changes: Vec::new(),
            gone: AttemptCounts::default(),
        }
    }

    /// Adds an endpoint; one that is there already stays as it is.
    pub fn insert(&mut self, now: Moment, name: &str) -> EndpointId {
        if let Some(id) = self.roster.find(name) {
            return id;
        }
        let id = self.roster.insert(now, name, Learned::default());
        self.weigh_panic(now);
        id
    }

    /// Takes an endpoint away. Calls under way there go on; what becomes of them is of no interest any more.
    pub fn remove(&mut self, now: Moment, name: &str) -> Option<EndpointId> {
        let id = self.roster.find(name)?;
        let slot = self.roster.remove(id)?;
        self.failing -= usize::from(slot.is_failing);
        self.gone.add(&slot.counts);
        self.keep_cap(now);
        self.weigh_panic(now);
        Some(id)
    }

    /// New settings; what was learned stays.
    pub fn reload(&mut self, now: Moment, settings: BalanceSettings) {
        self.settings = settings;
        self.keep_cap(now);
        self.weigh_panic(now);
    }

    /// A call begins there.
    pub fn begin(&mut self, now: Moment, id: EndpointId) {
        if let Some(slot) = self.roster.get_mut(id) {
            slot.learned.begin(now);
        }
    }

    /// The call that began there at that moment has ended.
    pub fn end(&mut self, now: Moment, id: EndpointId, began: Moment, outcome: Outcome) {
        let Some(slot) = self.roster.get_mut(id) else { return };
        slot.counts.count(outcome);
        if !slot.learned.end(now, began, outcome, &mut self.pool, &self.settings.predictor) {
            return;
        }
        match outcome {
            Outcome::Good => self.after_good(now, id),
            Outcome::Failed | Outcome::GivenUp => self.after_failure(now, id),
            Outcome::Full(_) | Outcome::Ignored => {}
        }
    }

    /// What a health check says. It is a hint and no proof: "broken" counts like one failed call; "works" has a doubted endpoint
    /// asked by the next real call that may be made twice, and changes nothing else.
    pub fn hint(&mut self, now: Moment, name: &str, works: bool) {
        let Some(id) = self.roster.find(name) else { return };
        let Some(slot) = self.roster.get_mut(id) else { return };
        if !works {
            slot.learned.check_failed(now, &self.pool, &self.settings.predictor);
            self.after_failure(now, id);
        } else if slot.standing == Standing::Doubted {
            // Not at once for ever: an endpoint that lies would get every spare call. Half of what is left of its pause.
            let due = now + slot.due.since(now) / 2;
            self.roster.set_due(id, due);
        }
    }

    /// An endpoint said at the end of an answer that had begun well that it has no room: learned as if it had said so at once.
    pub fn said_full(&mut self, now: Moment, name: &str) {
        if let Some(slot) = self.roster.find(name).and_then(|id| self.roster.get_mut(id)) {
            slot.learned.full(now, None);
        }
    }

    /// What other nodes say of an endpoint, together. It moves nothing by itself: it is weighed with what is seen here.
    pub fn hear(&mut self, now: Moment, name: &str, said: Prior) {
        if let Some(slot) = self.roster.find(name).and_then(|id| self.roster.get_mut(id)) {
            slot.learned.hear(now, said);
        }
    }

    /// What changed since it was last asked.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    pub(crate) fn recall_pool(&mut self, good: Sketch) {
        self.pool.recall(good);
    }

    pub(crate) fn recall_endpoint(&mut self, now: Moment, name: &str, count: Count, latency: Sketch) {
        let Some(id) = self.roster.find(name) else { return };
        if let Some(slot) = self.roster.get_mut(id) {
            slot.learned.recall(now, count, latency);
        }
        let is_liked = self.standing(id) == Some(Standing::Liked);
        if is_liked && self.works(now, id) < self.settings.predictor.doubted_below {
            self.doubt(now, id);
        }
    }

    pub(crate) fn recall_room(&mut self, name: &str, room: f32) {
        if let Some(slot) = self.roster.find(name).and_then(|id| self.roster.get_mut(id)) {
            slot.learned.recall_room(room);
        }
    }

    /// Whether every endpoint gets its calls.
    pub(super) fn is_all_liked(&self) -> bool {
        self.roster.list(Standing::Liked).len() == self.roster.len()
    }

    /// Whether there is somebody to find out about.
    pub(super) fn is_somebody_doubted(&mut self, now: Moment) -> bool {
        self.settle(now);
        !self.roster.list(Standing::Doubted).is_empty()
    }

    /// Lets in who has been left out for long enough.
    pub(super) fn settle(&mut self, now: Moment) {
        while let Some(id) = self.roster.first_due(Standing::Ejected, now) {
            self.readmit(now, id);
        }
    }

    pub(super) fn doubt(&mut self, now: Moment, id: EndpointId) {
        let due = now + self.settings.explore_pause.min(self.settings.explore_pause_max);
        let Some(slot) = self.roster.get_mut(id) else { return };
        slot.disappointments = 0;
        let since = slot.learned.troubled_since();
        self.roster.move_to(id, Standing::Doubted, due);
        if let Some(since) = since {
            self.look_around(now, id, since);
        }
    }

    /// One that worked does not any more, where most others did not before: the world has changed. Those that failed may work
    /// again, left out or not, and are asked as soon as there is a call for it; those that worked are believed less.
    fn look_around(&mut self, now: Moment, changed: EndpointId, since: Moment) {
        /// Of more doubted endpoints than this the usual pauses find one soon enough, and nobody looks through thousands.
        const LOOKED_AT_MAX: usize = 64;
        let [liked, doubted, ejected] =
            [Standing::Liked, Standing::Doubted, Standing::Ejected].map(|standing| self.roster.list(standing));
        let others = doubted.len() + ejected.len();
        if others > LOOKED_AT_MAX || liked.len() > others {
            return;
        }
        let mut others = [liked, doubted, ejected].concat();
        others.retain(|id| *id != changed);
        // Their pauses are for what was done in a world that is gone.
        while let Some(id) = self.roster.list(Standing::Ejected).last().copied() {
            self.readmit(now, id);
        }
        for id in others {
            let Some(slot) = self.roster.get_mut(id) else { continue };
            let is_liked = slot.standing == Standing::Liked;
            slot.learned.world_changed(now, since, is_liked, &self.pool, &self.settings.predictor);
            if !is_liked {
                slot.disappointments = 0;
                self.roster.set_due(id, now);
            }
        }
    }

    /// Puts off when a doubted endpoint is asked again, as it is being asked now.
    pub(super) fn put_off(&mut self, now: Moment, id: EndpointId) {
        let Some(slot) = self.roster.get_mut(id) else { return };
        let due =
            now + doubled(self.settings.explore_pause, slot.disappointments.into(), self.settings.explore_pause_max);
        self.roster.set_due(id, due);
    }

    fn after_good(&mut self, now: Moment, id: EndpointId) {
        // Whoever is liked stays so after a good answer: it is not even asked how likely he works.
        let is_liked = self.standing(id) == Some(Standing::Liked);
        let is_better = !is_liked && self.works(now, id) >= self.settings.predictor.doubted_below;
        let Some(slot) = self.roster.get_mut(id) else { return };
        slot.disappointments = 0;
        let was_failing = std::mem::take(&mut slot.is_failing);
        if is_better {
            if std::mem::take(&mut slot.ejections) > 0 {
                slot.grows_since = Some(now);
            }
            if slot.standing == Standing::Ejected {
                self.changes.push(Change::Readmitted(Arc::clone(&slot.name)));
            }
            self.roster.move_to(id, Standing::Liked, Moment::NEVER);
        } else if slot.standing == Standing::Doubted {
            // Half a proof: the other half is wanted at once.
            self.roster.set_due(id, now);
        }
        if was_failing {
            self.failing -= 1;
            self.weigh_panic(now);
        }
    }

    fn after_failure(&mut self, now: Moment, id: EndpointId) {
        let works = self.works(now, id);
        let eject_after = self.settings.eject_after_failures.max(1);
        let Some(slot) = self.roster.get_mut(id) else { return };
        slot.disappointments = slot.disappointments.saturating_add(1);
        if !slot.is_failing && slot.learned.failures() >= eject_after {
            slot.is_failing = true;
            self.failing += 1;
        }
        let (standing, is_failing) = (slot.standing, slot.is_failing);
        match standing {
            Standing::Liked if works < self.settings.predictor.doubted_below => self.doubt(now, id),
            Standing::Doubted => self.put_off(now, id),
            Standing::Liked | Standing::Ejected => {}
        }
        self.weigh_panic(now);
        let has_room = self.ejected() < self.settings.ejected_max(self.roster.len());
        if is_failing && has_room && !self.is_panicking && standing != Standing::Ejected {
            self.eject(now, id);
        }
    }

    fn eject(&mut self, now: Moment, id: EndpointId) {
        let Some(slot) = self.roster.get_mut(id) else { return };
        let pause = doubled(self.settings.eject_pause, slot.ejections.into(), self.settings.eject_pause_max);
        slot.ejections = slot.ejections.saturating_add(1);
        slot.counts.ejections += 1;
        self.changes.push(Change::Ejected(Arc::clone(&slot.name), pause));
        self.roster.move_to(id, Standing::Ejected, now + pause);
    }

    /// From ejected to doubted: the next call that can bear it will see.
    fn readmit(&mut self, now: Moment, id: EndpointId) {
        let Some(slot) = self.roster.get(id) else { return };
        self.changes.push(Change::Readmitted(Arc::clone(&slot.name)));
        self.roster.move_to(id, Standing::Doubted, now);
    }

    fn keep_cap(&mut self, now: Moment) {
        while self.ejected() > self.settings.ejected_max(self.roster.len()) {
            let id = *self
                .roster
                .list(Standing::Ejected)
                .last()
                .expect("more are ejected than the cap, which is 0 at least");
            self.readmit(now, id);
        }
    }

    fn weigh_panic(&mut self, now: Moment) {
        let is_panic = self.settings.is_panic(self.failing, self.roster.len(), self.is_panicking);
        if is_panic != self.is_panicking {
            self.is_panicking = is_panic;
            self.changes.push(Change::Panicking(is_panic));
        }
        while let Some(id) = self.roster.list(Standing::Ejected).last().copied().filter(|_| is_panic) {
            self.readmit(now, id);
        }
    }

    fn works(&self, now: Moment, id: EndpointId) -> f32 {
        let works = |slot: &Slot| slot.learned.works(now, &self.pool, &self.settings.predictor);
        self.roster.get(id).map_or(0.0, works)
    }
}
