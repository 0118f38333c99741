//! A run: the world, the journal and at most one engine, on one thread, in virtual time. The same setup gives the same run to
//! the last byte.

use crate::agenda::{Agenda, Item};
use crate::engine::Engine;
use crate::gateway::Gateway;
use crate::invariants::{Auditor, Violation};
use crate::journal::Journal;
use crate::script::Deed;
use crate::story::Story;
use crate::world::{Nature, World};
use homeostat_controller::Event;
use homeostat_vocabulary::{Chance, Exit, Fact, InstanceId, Millis, Policy, RunId, Signal, SignalKind, Timestamp};

/// When every run begins: 2026-01-01, so that nothing rests on time beginning at zero.
pub const BEGINNING: Timestamp = Timestamp(1_767_225_600_000);

/// How kind the world is. All zero: a world without luck, in which everything takes the same time.
#[derive(Clone, Debug, Default)]
pub struct Luck {
    /// Share of driver calls that go wrong by chance.
    pub call_fault_permille: u64,
    /// Share of probes that fail although all is well.
    pub probe_flake_permille: u64,
    /// The driver's word of an exit comes up to this late.
    pub exit_news_late_max: Millis,
    /// A write takes up to this much longer than one millisecond.
    pub write_slow_max: Millis,
    /// A driver's call takes up to this much longer than ten milliseconds.
    pub call_slow_max: Millis,
    /// The next engine comes up to this much later than a second after a crash.
    pub restart_late_max: Millis,
}

/// Where a run kills its engine, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillPoint {
    /// When the n-th write is on disk and nobody was told.
    AfterWrite(u64),
    /// When the n-th write was asked for and has not reached the disk.
    BeforeWrite(u64),
    /// When the n-th driver call took effect and was not answered.
    AfterCall(u64),
    /// When the n-th driver call was made and has not taken effect.
    BeforeCall(u64),
}

/// All that makes a run.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Seed of all luck and of the engines' own randomness.
    pub seed: u64,
    /// What the owner wants at first.
    pub policy: Policy,
    /// How the instances are.
    pub natures: Vec<(InstanceId, Nature)>,
    /// How kind the world is.
    pub luck: Luck,
    /// What happens when, counted from the beginning.
    pub script: Vec<(Millis, Deed)>,
    /// Where the engine is killed, besides what the script does.
    pub kill: Option<KillPoint>,
    /// Whether a dead engine is started again by itself.
    pub supervised: bool,
}

/// What a run has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Writes that reached the disk.
    pub writes: u64,
    /// Driver calls that took effect, or would have.
    pub calls: u64,
    /// Engines started.
    pub engines: u64,
    /// Things that happened.
    pub happenings: u64,
}

/// A run.
pub struct Simulation {
    pub(crate) agenda: Agenda,
    pub(crate) world: World,
    pub(crate) gateway: Gateway,
    pub(crate) journal: Journal,
    pub(crate) engine: Option<Engine>,
    pub(crate) engine_number: u64,
    pub(crate) policy: Policy,
    pub(crate) policy_number: u64,
    pub(crate) luck: Luck,
    pub(crate) chance: Chance,
    pub(crate) auditor: Auditor,
    pub(crate) story: Story,
    pub(crate) kill: Option<KillPoint>,
    pub(crate) supervised: bool,
    pub(crate) counts: Counts,
    pub(crate) seed: u64,
}

impl Simulation {
    /// A run that has not begun.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut agenda = Agenda::beginning_at(BEGINNING);
        agenda.at(BEGINNING, Item::EngineStarts);
        for (after, deed) in setup.script {
            agenda.at(BEGINNING.after(after), Item::Script(deed));
        }
        let mut world = World::default();
        for (instance, nature) in setup.natures {
            *world.nature(&instance) = nature;
        }
        let mut simulation = Self {
            agenda,
            world,
            gateway: Gateway::default(),
            journal: Journal::empty(),
            engine: None,
            engine_number: 0,
            policy: Policy::default(),
            policy_number: 0,
            luck: setup.luck,
            chance: Chance::from_seed(setup.seed),
            auditor: Auditor::default(),
            story: Story::default(),
            kill: setup.kill,
            supervised: setup.supervised,
            counts: Counts::default(),
            seed: setup.seed,
        };
        simulation.put_policy(setup.policy);
        simulation
    }

    /// Also tells of what no fact tells: faults, calls, engines.
    pub fn trace(&mut self) {
        self.story.trace = true;
    }

    /// Runs for a span of virtual time, or until an invariant is broken.
    pub fn run_for(&mut self, span: Millis) -> Result<(), Violation> {
        let until = self.agenda.now.after(span);
        while let Some(item) = self.agenda.next(until) {
            self.counts.happenings += 1;
            self.happen(item);
            self.auditor.verdict()?;
        }
        Ok(())
    }

    fn happen(&mut self, item: Item) {
        let number = self.engine_number;
        match item {
            Item::Death { run, exit } => self.life_ends(&run, exit),
            Item::CallLands { engine, call } if engine == number => self.call_lands(call),
            Item::CallAnswers { engine, call } if engine == number => self.call_answers(call),
            Item::GraceOver { engine, call, run } if engine == number => self.grace_is_over(call, &run),
            Item::Probe { engine, instance, watch } if engine == number => self.probe(&instance, watch),
            Item::ProbeAnswers { engine, watch, signal } if engine == number => self.probe_answers(watch, signal),
            Item::Told { engine, signal } if engine == number => self.hear_life(signal),
            Item::Durable { engine } if engine == number => self.waiting_writes_end(),
            Item::Wake { engine } if engine == number => self.wake(),
            Item::EngineStarts => self.start_engine(),
            Item::GatewayTells => self.gateway_tells(),
            Item::Script(deed) => self.carry_out_deed(deed),
            // It was about an engine that is dead.
            _ => {}
        }
    }

    /// A process ends, whoever's doing it was; a living engine hears of it, a little later.
    pub(crate) fn life_ends(&mut self, run: &RunId, exit: Exit) {
        let now = self.agenda.now;
        let Some(instance) = self.world.end(run, &exit, now) else { return };
        self.story.world(now, || format!("{instance} ends its life {run}: {exit}"));
        if self.engine.is_some() {
            let kind = SignalKind::Exited { exit, ended_at: now };
            let signal = Signal { at: now, subject: instance, run: run.clone(), kind };
            let late = self.up_to(self.luck.exit_news_late_max);
            self.agenda.after(late, Item::Told { engine: self.engine_number, signal });
            self.stop_calls_are_over(run);
        }
    }

    /// A random span up to a bound.
    pub(crate) fn up_to(&mut self, max: Millis) -> Millis {
        if max.0 == 0 { max } else { Millis(self.chance.below(max.0 + 1)) }
    }

    pub(crate) fn put_policy(&mut self, policy: Policy) {
        self.policy_number += 1;
        self.auditor.policy_written(self.policy_fingerprint(), policy.clone());
        self.policy = policy;
    }

    fn policy_fingerprint(&self) -> String {
        format!("policy-{}", self.policy_number)
    }

    pub(crate) fn policy_event(&self, origin: &str) -> Event {
        let (policy, origin) = (Box::new(self.policy.clone()), origin.to_owned());
        Event::PolicyApplied { policy, origin, fingerprint: self.policy_fingerprint() }
    }

    /// From here on nothing new goes wrong; what is wrong stays so.
    pub(crate) fn calm(&mut self) {
        self.agenda.forget_script();
        self.luck = Luck::default();
        self.kill = None;
        self.supervised = true;
    }

    /// Ends every trouble.
    pub(crate) fn heal(&mut self) {
        self.world.heal();
        self.journal.broken = None;
    }

    /// Every durable fact, oldest first.
    #[must_use]
    pub fn facts(&self) -> &[(Timestamp, Fact)] {
        self.journal.facts()
    }

    /// The story so far, a line each.
    #[must_use]
    pub fn story(&self) -> String {
        self.story.text()
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// A hash over everything durable.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.journal.fingerprint()
    }
}
