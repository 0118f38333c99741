//! A run from a seed: a random policy, a random subset of all kinds of fault (so that some seeds have only crashes and some
//! everything at once), and random people.

use crate::declare;
use crate::invariants::Violation;
use crate::script::{Deed, Wish};
use crate::simulation::{KillPoint, Luck, Setup, Simulation};
use crate::world::{CallFault, Mood, Nature};
use homeostat_vocabulary::{
    Autonomy, Chance, Command, Exit, InstanceId, Millis, Policy, Repair, Scope, Service, ServiceName, StartMode,
};

/// Names of services; as many as the largest policy has.
const NAMES: [&str; 5] = ["cache", "db", "mail", "queue", "web"];

/// What a finished run tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether every invariant held and everything came to rest.
    pub result: Result<(), Violation>,
    /// A hash over everything durable.
    pub fingerprint: String,
    /// What happened, for people.
    pub story: String,
    /// Things that happened.
    pub happenings: u64,
}

/// Runs one seed from its beginning to its rest.
#[must_use]
pub fn run(seed: u64, trace: bool) -> Told {
    let mut draw = Draw { chance: Chance::from_seed(seed ^ 0x5EED), kinds: 0 };
    draw.kinds = draw.chance.next_u64();
    let horizon = Millis(30_000 + draw.up_to(270_000));
    let mut simulation = Simulation::new(draw.setup(seed, horizon));
    if trace {
        simulation.trace();
    }
    let result = simulation.run_for(horizon).and_then(|()| simulation.settle());
    Told {
        result,
        fingerprint: simulation.fingerprint(),
        story: simulation.story(),
        happenings: simulation.counts().happenings,
    }
}

/// Kinds of trouble that a seed has or has not; each is a bit of `Draw::kinds`.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Crash,
    DieAtOnce,
    Hang,
    Close,
    Sick,
    BornUnwell,
    IgnoreStop,
    CallFault,
    RandomCallFault,
    Flake,
    LateNews,
    SlowWrites,
    KillEngine,
    KillAtPoint,
    Stall,
    BreakJournal,
    Pause,
    Undo,
    Decide,
    Reload,
    Shutdown,
    Dependencies,
    OnRequest,
}

struct Draw {
    chance: Chance,
    kinds: u64,
}

impl Draw {
    fn has(&self, kind: Kind) -> bool {
        self.kinds >> (kind as u32) & 1 == 1
    }

    /// Less often than every second seed: these drown out the rest.
    fn rarely_has(&self, kind: Kind) -> bool {
        self.has(kind) && self.kinds >> (32 + kind as u32) & 1 == 1
    }

    fn up_to(&mut self, max: u64) -> u64 {
        self.chance.below(max + 1)
    }

    fn between(&mut self, low: u64, high: u64) -> Millis {
        Millis(low + self.up_to(high - low))
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        let index = self.chance.below(choices.len() as u64);
        choices[usize::try_from(index).expect("an index fits")].clone()
    }

    fn setup(&mut self, seed: u64, horizon: Millis) -> Setup {
        let policy = self.policy();
        let instances: Vec<InstanceId> = policy.services.values().flat_map(|it| it.instance_ids()).collect();
        let natures = instances.iter().map(|id| (id.clone(), self.nature())).collect();
        let mut script = Vec::new();
        for _ in 0..5 + self.up_to(40) {
            let at = Millis(self.up_to(horizon.0));
            self.trouble(&policy, &instances, at, &mut script);
        }
        if self.has(Kind::Decide) {
            // Somebody looks in now and then and says yes.
            let every = self.between(2_000, 30_000);
            let looks = (1..=horizon.0 / every.0).map(|look| Millis(look * every.0));
            script.extend(looks.map(|at| (at, Deed::Ask(Wish::ApproveWaiting))));
        }
        if self.has(Kind::OnRequest) {
            let names: Vec<ServiceName> = policy.services.keys().cloned().collect();
            for _ in 0..1 + self.up_to(12) {
                let (name, at) = (self.one_of(&names), Millis(self.up_to(horizon.0)));
                script.push((at, self.wish_for(name)));
            }
        }
        let luck = self.luck();
        let kill = self.has(Kind::KillAtPoint).then(|| {
            let number = 1 + self.up_to(60);
            let points = [
                KillPoint::AfterWrite(number),
                KillPoint::BeforeWrite(number),
                KillPoint::AfterCall(number / 4 + 1),
                KillPoint::BeforeCall(number / 4 + 1),
            ];
            self.one_of(&points)
        });
        Setup { seed, policy, natures, luck, script, kill, supervised: true }
    }

    /// Requests for a while, or a person's word.
    fn wish_for(&mut self, service: ServiceName) -> Deed {
        if self.chance.happens(250) {
            return Deed::Ask(Wish::Exactly(Command::Activate { service }));
        }
        Deed::Requests(service, self.between(0, 60_000))
    }

    fn luck(&mut self) -> Luck {
        let some = |has: bool, span: u64| if has { span } else { 0 };
        Luck {
            call_fault_permille: some(self.has(Kind::RandomCallFault), 100),
            probe_flake_permille: some(self.has(Kind::Flake), 50),
            exit_news_late_max: Millis(some(self.has(Kind::LateNews), 50)),
            write_slow_max: Millis(some(self.has(Kind::SlowWrites), 60)),
            call_slow_max: Millis(some(self.has(Kind::SlowWrites), 300)),
            restart_late_max: Millis(20_000),
        }
    }

    fn policy(&mut self) -> Policy {
        let count = 1 + usize::try_from(self.up_to(4)).expect("small");
        let mut policy = Policy { repair: self.repair(), ..Policy::default() };
        let mut earlier: Vec<ServiceName> = Vec::new();
        for name in NAMES.into_iter().take(count) {
            let name: ServiceName = name.parse().expect("a good name");
            let mut service = declare::service(name.clone());
            self.vary(&mut service);
            if self.has(Kind::Dependencies) {
                service.depends_on = earlier.iter().filter(|_| self.chance.happens(400)).cloned().collect();
            }
            if self.has(Kind::OnRequest) && self.chance.happens(500) {
                service.start = self.on_request();
            }
            earlier.push(name.clone());
            policy.services.insert(name, service);
        }
        policy
    }

    fn on_request(&mut self) -> StartMode {
        let idle_stop = self.chance.happens(700).then(|| self.between(2_000, 40_000));
        StartMode::OnRequest { idle_stop }
    }

    fn repair(&mut self) -> Repair {
        if self.chance.happens(300) {
            return Repair::default();
        }
        Repair {
            backoff_first: self.between(100, 2_000),
            backoff_max: self.between(5_000, 60_000),
            backoff_reset: self.between(1_000, 60_000),
            budget: 1 + u32::try_from(self.up_to(4)).expect("small"),
            budget_window: self.between(60_000, 900_000),
            verify_window: self.between(500, 10_000),
            verify_deadline: self.between(5_000, 30_000),
            approval_deadline: self.between(20_000, 600_000),
        }
    }

    fn vary(&mut self, service: &mut Service) {
        use Autonomy::{Approve, Auto, Observe, Propose};
        service.instances = 1 + u16::try_from(self.up_to(2)).expect("small");
        service.autonomy = self.one_of(&[Auto, Auto, Auto, Auto, Auto, Approve, Observe, Propose]);
        service.stop.grace = self.between(500, 10_000);
        service.health = self.chance.happens(600).then(|| {
            let mut check = declare::health();
            check.interval = self.one_of(&[Millis(500), Millis(1_000), Millis(5_000)]);
            check.timeout = self.between(100, check.interval.0);
            check.failures = 1 + u32::try_from(self.up_to(3)).expect("small");
            check.successes = 1 + u32::try_from(self.up_to(2)).expect("small");
            check.start_grace = if self.chance.happens(300) { Millis(0) } else { self.between(0, 8_000) };
            check
        });
    }

    fn nature(&mut self) -> Nature {
        let slow = self.chance.happens(200);
        Nature {
            warm_up: if slow { self.between(1_000, 4_000) } else { self.between(0, 400) },
            stop_takes: self.between(1, 400),
            born: if self.has(Kind::BornUnwell) && self.chance.happens(300) { Mood::Sick } else { Mood::Well },
            ..Nature::default()
        }
    }

    /// One trouble, if its kind belongs to this seed; some of them end by themselves later.
    fn trouble(&mut self, policy: &Policy, instances: &[InstanceId], at: Millis, script: &mut Vec<(Millis, Deed)>) {
        let instance = self.one_of(instances);
        let later = Millis(at.0 + self.between(100, 60_000).0);
        let span = self.chance.happens(500).then(|| self.between(500, 30_000));
        let mut add = |at: Millis, deed: Deed| script.push((at, deed));
        match self.up_to(18) {
            0..=3 if self.has(Kind::Crash) => {
                let exit = self.one_of(&[Exit::Killed { signal: 9 }, Exit::Code { code: 0 }, Exit::Code { code: 1 }]);
                add(at, Deed::Crash(instance, exit));
            }
            4 if self.has(Kind::DieAtOnce) => {
                let after = self.one_of(&[Millis(0), Millis(5), Millis(25), Millis(500), Millis(5_000)]);
                add(at, Deed::DieAfter(instance.clone(), Some(after)));
                if self.chance.happens(600) {
                    add(later, Deed::DieAfter(instance, None));
                }
            }
            5 if self.has(Kind::Hang) => add(at, Deed::Turn(instance, Mood::Hung, span)),
            6 if self.has(Kind::Close) => add(at, Deed::Turn(instance, Mood::Closed, span)),
            7 if self.has(Kind::Sick) => add(at, Deed::Turn(instance, Mood::Sick, span)),
            8 if self.has(Kind::IgnoreStop) => {
                add(at, Deed::IgnoreStop(instance.clone(), true));
                add(later, Deed::IgnoreStop(instance, false));
            }
            9 if self.has(Kind::CallFault) => add(at, Deed::FailCalls(instance, self.call_faults())),
            10 if self.has(Kind::KillEngine) => add(at, Deed::KillEngine),
            11 if self.has(Kind::Stall) => add(at, Deed::Stall(self.between(100, 45_000))),
            12 if self.rarely_has(Kind::BreakJournal) => {
                add(at, Deed::BreakJournal(true));
                add(later, Deed::BreakJournal(false));
                add(Millis(later.0 + 1), Deed::KillEngine);
            }
            13 if self.has(Kind::Pause) => {
                let name = instance.service;
                let scope = self.one_of(&[Scope::Everything, Scope::Service { name }]);
                add(at, Deed::Ask(Wish::Exactly(Command::Pause { scope: scope.clone() })));
                add(later, Deed::Ask(Wish::Exactly(Command::Resume { scope })));
            }
            14 if self.has(Kind::Undo) => add(at, Deed::Ask(Wish::UndoLatest(instance))),
            15 if self.has(Kind::Decide) => {
                add(at, Deed::Ask(self.one_of(&[Wish::ApproveWaiting, Wish::ApproveWaiting, Wish::RejectWaiting])));
            }
            16 if self.has(Kind::Reload) => add(at, Deed::Reload(Box::new(self.changed(policy)))),
            17 if self.has(Kind::BornUnwell) => {
                let mood = self.one_of(&[Mood::Hung, Mood::Closed, Mood::Sick]);
                add(at, Deed::BornAs(instance.clone(), mood));
                if self.chance.happens(500) {
                    add(later, Deed::BornAs(instance, Mood::Well));
                }
            }
            18 if self.rarely_has(Kind::Shutdown) => {
                let keep_services = self.chance.happens(500);
                add(at, Deed::Ask(Wish::Exactly(Command::Shutdown { keep_services })));
            }
            _ => {}
        }
    }

    fn call_faults(&mut self) -> Vec<CallFault> {
        let all = [CallFault::Fails, CallFault::Impossible, CallFault::Unsure, CallFault::Silent, CallFault::Lost];
        (0..1 + self.up_to(5)).map(|_| self.one_of(&all)).collect()
    }

    /// The policy with something changed in it: a service gone or declared anew, other counts, checks, levels or switches.
    fn changed(&mut self, policy: &Policy) -> Policy {
        let mut changed = policy.clone();
        let names: Vec<ServiceName> = changed.services.keys().cloned().collect();
        let name = self.one_of(&names);
        let kind = self.up_to(6);
        if kind == 0 && names.len() > 1 {
            changed.services.remove(&name);
            changed.services.values_mut().for_each(|service| service.depends_on.retain(|it| *it != name));
            return changed;
        }
        let version = self.up_to(3);
        let Some(service) = changed.services.get_mut(&name) else { return changed };
        if self.has(Kind::OnRequest) && self.chance.happens(300) {
            let on_request = self.on_request();
            service.start = if service.start == StartMode::AtOnce { on_request } else { StartMode::AtOnce };
        }
        match kind {
            1 | 2 => service.command.push(format!("--version={version}")),
            3 => service.instances = 1 + u16::try_from(self.up_to(2)).expect("small"),
            4 => service.health = if service.health.is_some() { None } else { Some(declare::health()) },
            5 => self.vary(service),
            _ => {
                changed.switches.recovery = self.chance.happens(500);
                changed.switches.detection = self.chance.happens(700);
            }
        }
        changed
    }
}
