//! The endpoints of a balancer and where each stands: liked, doubted or ejected. Used by [`BalanceCore`](super::BalanceCore).
//!
//! Each endpoint is in exactly one of three lists, and knows its place there, so moving it costs the same whatever their number.
//! An id is never used again for another endpoint: a call that ends after its endpoint was removed finds nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use homeostat_reactor::Moment;
use serde::{Deserialize, Serialize};

use super::counts::AttemptCounts;
use crate::predictor::Learned;

/// An endpoint, as long as it is there. The default is none that ever was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId {
    place: u32,
    generation: u32,
}

impl EndpointId {
    /// None that ever was.
    pub(super) const NONE: Self = Self { place: 0, generation: 0 };

    /// The place of its value in a list; taken again by another endpoint after it is gone.
    pub(super) const fn place(self) -> usize {
        self.place as usize
    }
}

/// Where an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It gets calls.
    Liked,
    /// It gets calls where no liked one is at hand, and now and then to see.
    Doubted,
    /// It gets none for a while.
    Ejected,
}

/// One endpoint. What a choice reads stands side by side.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) id: EndpointId,
    /// Since when it grows towards its full share; never, if it has it.
    pub(crate) grows_since: Option<Moment>,
    pub(crate) learned: Learned,
    pub(crate) name: Arc<str>,
    pub(crate) standing: Standing,
    position: u32,
    /// When a doubted endpoint is asked again, or an ejected one let in again.
    pub(crate) due: Moment,
    /// How often it failed since it is doubted: the pauses until it is asked again double with it.
    pub(crate) disappointments: u16,
    /// How often it was left out since it was last liked: the pauses double with it.
    pub(crate) ejections: u16,
    /// Whether it failed so often in a row that it would be ejected if it were alone in that.
    pub(crate) is_failing: bool,
    /// What its calls came to. Last: no choice reads it.
    pub(crate) counts: AttemptCounts,
}

/// All endpoints.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    next_generation: u32,
    names: BTreeMap<Arc<str>, EndpointId>,
    lists: [Vec<EndpointId>; 3],
    /// When which endpoint of a list is due; entries that are out of date are passed over.
    due: [BinaryHeap<Reverse<(Moment, EndpointId)>>; 3],
}

impl Roster {
    pub(crate) fn insert(&mut self, now: Moment, name: &str, learned: Learned) -> EndpointId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer endpoints than there are addresses")
        });
        self.next_generation += 1;
        let id = EndpointId { place, generation: self.next_generation };
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name), id);
        let list = &mut self.lists[Standing::Liked as usize];
        self.slots[place as usize] = Some(Slot {
            id,
            name,
            standing: Standing::Liked,
            position: list.len() as u32,
            due: Moment::NEVER,
            disappointments: 0,
            ejections: 0,
            is_failing: false,
            counts: AttemptCounts::default(),
            grows_since: Some(now),
            learned,
        });
        list.push(id);
        id
    }

    pub(crate) fn remove(&mut self, id: EndpointId) -> Option<Slot> {
        self.get(id)?;
        self.unlist(id);
        let slot = self.slots[id.place as usize].take()?;
        self.names.remove(&slot.name);
        self.free.push(id.place);
        Some(slot)
    }

    pub(crate) fn get(&self, id: EndpointId) -> Option<&Slot> {
        self.slots.get(id.place as usize)?.as_ref().filter(|slot| slot.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: EndpointId) -> Option<&mut Slot> {
        self.slots.get_mut(id.place as usize)?.as_mut().filter(|slot| slot.id == id)
    }

    pub(crate) fn find(&self, name: &str) -> Option<EndpointId> {
        self.names.get(name).copied()
    }

    pub(crate) fn list(&self, standing: Standing) -> &[EndpointId] {
        &self.lists[standing as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// All of them, by name.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.names.values().filter_map(|id| self.get(*id))
    }

    /// Has an endpoint stand elsewhere, and be due then.
    pub(crate) fn move_to(&mut self, id: EndpointId, standing: Standing, due: Moment) {
        self.unlist(id);
        let list = &mut self.lists[standing as usize];
        let position = list.len() as u32;
        list.push(id);
        let slot = self.get_mut(id).expect("only endpoints that are there are moved");
        (slot.standing, slot.position) = (standing, position);
        self.set_due(id, due);
    }

    pub(crate) fn set_due(&mut self, id: EndpointId, due: Moment) {
        let Some(slot) = self.get_mut(id) else { return };
        slot.due = due;
        let standing = slot.standing;
        if due == Moment::NEVER {
            return;
        }
        self.due[standing as usize].push(Reverse((due, id)));
        // Entries out of date are dropped before they outnumber the endpoints: each rebuilding is paid by as many insertions.
        if self.due[standing as usize].len() > 2 * self.len() + 64 {
            let fresh = self.list(standing).iter().filter_map(|id| self.get(*id));
            let fresh = fresh.filter(|slot| slot.due != Moment::NEVER).map(|slot| Reverse((slot.due, slot.id)));
            self.due[standing as usize] = fresh.collect();
        }
    }

    /// The first of a list that is due by now; it stays so until it is moved or its time is set anew.
    pub(crate) fn first_due(&mut self, standing: Standing, now: Moment) -> Option<EndpointId> {
        loop {
            let Reverse((due, id)) = *self.due[standing as usize].peek()?;
            if self.get(id).is_some_and(|slot| slot.standing == standing && slot.due == due) {
                return (due <= now).then_some(id);
            }
            self.due[standing as usize].pop();
        }
    }

    fn unlist(&mut self, id: EndpointId) {
        let Some((standing, position)) = self.get(id).map(|slot| (slot.standing, slot.position)) else { return };
        let list = &mut self.lists[standing as usize];
        list.swap_remove(position as usize);
        if let Some(moved) = list.get(position as usize).copied() {
            self.get_mut(moved).expect("who is listed is there").position = position;
        }
    }
}
