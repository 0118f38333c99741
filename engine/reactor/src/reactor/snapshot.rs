//! A reactor at a glance: for consoles, metrics and tests.

use std::fmt;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::core::Core;
use super::dead_letter::DeadLetterSnapshot;
use super::subscriber::{HandlerState, Subscriber};
use super::timing::TimingSnapshot;
use crate::class::{Class, PerClass};
use crate::clock::Moment;
use crate::event::Event;
use crate::queue::lanes::LaneSnapshot;

/// One class of the inlet.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassSnapshot {
    /// The class.
    pub class: Class,
    /// Its lane in front of the loop.
    pub lane: LaneSnapshot,
    /// Emitters that wait for room.
    pub emitters_waiting: usize,
    /// Events that the loop has taken.
    pub dispatched: u64,
    /// Events that full mailboxes have lost, also those of handlers and streams that have gone.
    pub lost_in_mailboxes: u64,
    /// Events whose reader went away before it began with them.
    pub orphaned: u64,
    /// Events in calls that were cut off, by a subscription that was dropped or a shutdown.
    pub cut_off: u64,
    /// How often a handler that loses nothing has had the class held.
    pub pauses: u64,
    /// How long handlers took for events of this class.
    pub handler_time: TimingSnapshot,
}

/// One handler or stream.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandlerSnapshot {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: HandlerState,
    /// Its mailbox.
    pub mailbox: PerClass<LaneSnapshot>,
    /// Events it has taken; of a stream, handed out.
    pub handled: u64,
    /// Events in calls that said they failed.
    pub failed: u64,
    /// Events in calls that panicked.
    pub panicked: u64,
    /// Events in calls that took too long.
    pub timed_out: u64,
    /// How often it began anew.
    pub restarts: u64,
    /// How often its predicate panicked.
    pub predicate_panics: u64,
    /// How often an event panicked when it was copied for it.
    pub copy_panics: u64,
    /// How long its calls took, by class.
    pub times: PerClass<TimingSnapshot>,
}

/// A reactor, as it stood at a moment.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReactorSnapshot {
    /// When.
    pub at: Moment,
    /// The five classes, the most urgent first.
    pub classes: Vec<ClassSnapshot>,
    /// Everyone who subscribes, in the order of subscribing.
    pub handlers: Vec<HandlerSnapshot>,
    /// Events that nobody wanted.
    pub unwanted: u64,
    /// What handlers did not take.
    pub dead_letters: DeadLetterSnapshot,
}

impl ReactorSnapshot {
    pub(super) fn of<E: Event>(core: &Core<E>) -> Self {
        let at = core.clock.now();
        let (subscribers, lost_by_departed) = core.subscribers_and_lost();
        let handlers: Vec<_> = subscribers.iter().map(|subscriber| handler(subscriber)).collect();
        let lost_now = |class| handlers.iter().map(|handler| handler.mailbox[class].losses.dropped()).sum::<u64>();
        let inlet = core.inlet.snapshot();
        let classes = inlet.iter().map(|(class, (lane, emitters_waiting))| ClassSnapshot {
            class,
            lane: *lane,
            emitters_waiting: *emitters_waiting,
            dispatched: core.dispatched[class].load(Ordering::Relaxed),
            lost_in_mailboxes: lost_by_departed[class] + lost_now(class),
            orphaned: core.orphaned[class].load(Ordering::Relaxed),
            cut_off: core.cut_off[class].load(Ordering::Relaxed),
            pauses: core.pauses[class].load(Ordering::Relaxed),
            handler_time: handlers
                .iter()
                .fold(TimingSnapshot::default(), |sum, handler| sum.plus(&handler.times[class])),
        });
        Self {
            at,
            classes: classes.collect(),
            unwanted: core.unwanted.load(Ordering::Relaxed),
            dead_letters: core.dead_letters.snapshot(),
            handlers,
        }
    }
}

fn handler<E: Event>(subscriber: &Subscriber<E>) -> HandlerSnapshot {
    let mailbox = subscriber.mailbox.snapshot();
    HandlerSnapshot {
        name: subscriber.name.to_string(),
        state: subscriber.state(),
        mailbox: PerClass(mailbox.0.map(|(lane, _)| lane)),
        handled: subscriber.handled.load(Ordering::Relaxed),
        failed: subscriber.failed.load(Ordering::Relaxed),
        panicked: subscriber.panicked.load(Ordering::Relaxed),
        timed_out: subscriber.timed_out.load(Ordering::Relaxed),
        restarts: subscriber.restarts.load(Ordering::Relaxed),
        predicate_panics: subscriber.wants_panicked.load(Ordering::Relaxed),
        copy_panics: subscriber.copies_panicked.load(Ordering::Relaxed),
        times: PerClass::from_fn(|class| subscriber.times[class].snapshot()),
    }
}

/// For eyes: a line for each class that had anything to do, and one for each handler.
impl fmt::Display for ReactorSnapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{:<10} {:>13} {:>10} {:>8} {:>10} {:>8}",
            "class", "waiting", "let in", "lost", "replaced", "refused"
        )?;
        for class in &self.classes {
            let lane = &class.lane;
            if lane.taken + lane.losses.dropped() + lane.losses.refused == 0 {
                continue;
            }
            let waiting = format!("{}/{}", lane.depth, lane.lane.capacity);
            let losses = &lane.losses;
            let (name, lost) = (class.class.name(), losses.dropped());
            let (taken, replaced, refused) = (lane.taken, losses.coalesced, losses.refused);
            writeln!(formatter, "{name:<10} {waiting:>13} {taken:>10} {lost:>8} {replaced:>10} {refused:>8}")?;
        }
        let (head, columns) = ("handler", ["waiting", "taken", "failed", "panicked", "late", "restarts"]);
        let [waiting, taken, failed, panicked, late, restarts] = columns;
        writeln!(formatter, "\n{head:<24} {waiting:>8} {taken:>10} {failed:>8} {panicked:>9} {late:>6} {restarts:>9}")?;
        for handler in &self.handlers {
            let waiting: usize = handler.mailbox.iter().map(|(_, lane)| lane.depth).sum();
            let HandlerSnapshot { name, handled, failed, panicked, timed_out, restarts, .. } = handler;
            write!(
                formatter,
                "{name:<24} {waiting:>8} {handled:>10} {failed:>8} {panicked:>9} {timed_out:>6} {restarts:>9}"
            )?;
            match handler.state {
                HandlerState::Running => writeln!(formatter)?,
                HandlerState::BackingOff => writeln!(formatter, "  waits before it begins anew")?,
                HandlerState::Stopped => writeln!(formatter, "  stopped")?,
            }
        }
        writeln!(formatter, "\nunwanted: {}, dead letters: {}", self.unwanted, self.dead_letters.total)
    }
}
