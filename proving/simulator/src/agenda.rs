//! What is still to happen, in the order of virtual time; things due at the same moment happen in the order they were noted.
//!
//! Used by [`crate::Simulation`] alone. Always holds: time never runs backwards.

use crate::script::Deed;
use homeostat_vocabulary::{Exit, InstanceId, Millis, RunId, Signal, Timestamp};
use std::collections::BTreeMap;

/// One thing that is to happen. What belongs to an engine carries that engine's number, and is void once it is dead.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A process ends.
    Death { run: RunId, exit: Exit },
    /// A driver's call takes effect.
    CallLands { engine: u64, call: u64 },
    /// A driver's call is answered.
    CallAnswers { engine: u64, call: u64 },
    /// The grace of a stop is over: the driver kills.
    GraceOver { engine: u64, call: u64, run: RunId },
    /// A probe is sent.
    Probe { engine: u64, instance: InstanceId, watch: u64 },
    /// A probe is answered.
    ProbeAnswers { engine: u64, watch: u64, signal: Signal },
    /// The driver's word of an exit arrives.
    Told { engine: u64, signal: Signal },
    /// What waits to be written is on disk.
    Durable { engine: u64 },
    /// The engine's own timer, or the end of a stall.
    Wake { engine: u64 },
    /// An engine is started.
    EngineStarts,
    /// The gateway tells how requests went.
    GatewayTells,
    /// A line of the script.
    Script(Deed),
}

/// The list of what is to happen.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    items: BTreeMap<(Timestamp, u64), Item>,
    noted: u64,
    pub(crate) now: Timestamp,
}

impl Agenda {
    pub(crate) fn beginning_at(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }

    pub(crate) fn at(&mut self, at: Timestamp, item: Item) {
        self.noted += 1;
        self.items.insert((at.max(self.now), self.noted), item);
    }

    pub(crate) fn after(&mut self, span: Millis, item: Item) {
        self.at(self.now.after(span), item);
    }

    /// The next thing that happens no later than `until`; time moves to it, or to `until` when there is none.
    pub(crate) fn next(&mut self, until: Timestamp) -> Option<Item> {
        let due = self.items.first_key_value().map(|(key, _)| *key).filter(|(at, _)| *at <= until);
        self.now = due.map_or(until, |(at, _)| at).max(self.now);
        due.and_then(|key| self.items.remove(&key))
    }

    /// Strikes out what the script still held.
    pub(crate) fn forget_script(&mut self) {
        self.items.retain(|_, item| !matches!(item, Item::Script(_)));
    }
}
