//! The controller: composes the stages of the loop into one pure function, `step(state, event, now, chance) -> effects`.
//!
//! Called by the engine's shell with one event at a time, by the simulator in virtual time, and by a replay. Always holds:
//! * no I/O, no clock, no randomness of its own, no order taken from a hash map: the same events give the same effects;
//! * what must survive a crash is in [`Memory`], and memory is nothing but a fold over the facts it recorded;
//! * facts come before the effects that rest on them: the shell makes all of a step's facts durable first.
//!
//! It must never wait for anything: what takes time is an effect, and its result comes back as an event.

mod availability;
mod commands;
mod memory;
mod reconcile;
mod repair;
mod rest;
mod signals;
mod state;
mod status;
mod turn;
mod verify;

pub use memory::{Memory, RememberedAction, Stage};
pub use state::State;

use homeostat_vocabulary::{
    ActionEnd, ActionId, Chance, Command, CommandReply, Complaint, Fact, HealthCheck, InstanceId, Plan, Policy,
    Refusal, RunId, ServiceName, Signal, Timestamp, TrafficReport,
};
use std::collections::BTreeMap;
use turn::Turn;

/// Something the controller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new engine has taken charge and looked around.
    Boot {
        /// The engine's version.
        version: String,
        /// The engine's process id.
        pid: u32,
        /// What the drivers found: lives that run, and lives that ended unseen.
        signals: Vec<Signal>,
    },
    /// A policy was validated and is to come into force.
    PolicyApplied {
        /// The policy.
        policy: Box<Policy>,
        /// Where it came from.
        origin: String,
        /// A short hash of it.
        fingerprint: String,
    },
    /// A changed configuration was not valid.
    PolicyRejected {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        problems: Vec<String>,
    },
    /// The configuration was read again and is the one in force, as after a bad change that was taken back.
    PolicyUnchanged,
    /// Something was perceived.
    Signal(Signal),
    /// An action came to its end.
    ActionEnded {
        /// Which.
        action: ActionId,
        /// How.
        end: ActionEnd,
    },
    /// The saga engine raised an alarm.
    Alarm {
        /// Which action, if it is about one.
        action: Option<ActionId>,
        /// The code of the page that says what to do.
        code: String,
        /// What is wrong.
        why: String,
    },
    /// The gateway tells how requests went for every service it knows, all of them at once.
    Traffic(Vec<TrafficReport>),
    /// What a service has to complain of now, all of it; nothing once all was put right.
    Complaints {
        /// Which service.
        service: ServiceName,
        /// What it says.
        complaints: Vec<Complaint>,
    },
    /// Somebody asks for something.
    Command {
        /// What.
        command: Command,
        /// Who.
        by: String,
    },
    /// The journal takes no more records. From here on nothing is decided or begun; perceiving goes on.
    JournalLost {
        /// Why.
        reason: String,
    },
    /// Time has passed; see [`State::wake_at`].
    Tick,
}

/// Something the shell is to do, in this order: first all facts become durable, in one transaction, then the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write this fact to the journal.
    Record(Fact),
    /// Carry this plan out. Asked again after a crash, it must not happen twice: the saga's name tells.
    Carry(Box<Plan>),
    /// Let the saga of an action that is parked or stuck go on.
    Resume {
        /// Which action.
        action: ActionId,
        /// Its saga.
        saga: String,
        /// Who says so.
        by: String,
    },
    /// Probe this life until told otherwise.
    Watch {
        /// Which instance.
        instance: InstanceId,
        /// Which life of it.
        run: RunId,
        /// Its ports, for the placeholders in the check.
        ports: BTreeMap<String, u16>,
        /// How.
        check: HealthCheck,
    },
    /// Probe this instance no more.
    Forget {
        /// Which.
        instance: InstanceId,
    },
    /// Let the steps of actions be carried out, or hold them back.
    Gate {
        /// True to let them through.
        open: bool,
    },
    /// Answer the command.
    Reply(Result<CommandReply, Refusal>),
    /// End the engine.
    Exit {
        /// Whether the services run on.
        services_kept: bool,
    },
}

/// Takes one event in and says what follows from it.
pub fn step(state: &mut State, event: Event, now: Timestamp, chance: &mut Chance) -> Vec<Effect> {
    let mut turn = Turn::new(state, now, chance);
    match event {
        Event::Boot { version, pid, signals } => turn.boot(version, pid, signals),
        Event::PolicyApplied { policy, origin, fingerprint } => {
            turn.state.configuration_refused.clear();
            turn.apply_policy(*policy, origin, fingerprint);
        }
        Event::PolicyRejected { origin, problems } => {
            turn.state.configuration_refused.clone_from(&problems);
            turn.record(Fact::PolicyRejected { origin, problems });
        }
        Event::PolicyUnchanged => turn.state.configuration_refused.clear(),
        Event::Signal(signal) => turn.perceive(signal),
        Event::ActionEnded { action, end } => turn.action_ended(action, end),
        Event::Alarm { action, code, why } => turn.alarm(action, code, why),
        Event::Traffic(reports) => turn.heard_traffic(reports),
        Event::Complaints { service, complaints } => {
            turn.state.complaints.insert(service, complaints);
        }
        Event::Command { command, by } => turn.command(command, by),
        Event::JournalLost { reason } => turn.journal_lost(reason),
        Event::Tick => turn.tick(),
    }
    turn.finish()
}
