//! Ten endpoints of which few work, in virtual time: what the benchmarks call massive failure, with the real stack as the client.
//! Used by the tests and by the example of that name. A seed gives the same run everywhere.

#[path = "massive/prototype.rs"]
mod prototype;
#[path = "massive/report.rs"]
mod report;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use homeostat_reactor::{Clock, ManualClock, Moment};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::{Advice, Call, Priority, Stack, StackSettings, Verdict};

use self::prototype::Prototype;
use self::report::Line;
pub use self::report::Report;

pub const ENDPOINTS: usize = 10;
const HEALTHY: usize = 2;
const PERIOD: Duration = Duration::from_secs(30);
const DEADLINE: Duration = Duration::from_secs(5);
/// How many calls come at once in a burst, and when.
const BURST: usize = 5_000;
const BURST_AT: Moment = Moment::from_secs(10);

/// When which endpoints work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Two work, always the same.
    Static80,
    /// Two work, others every 30 s.
    Switch80,
    /// Two work, others from half time on; faults and load as for the first prototype: none lies, none refuses.
    SwitchOnce,
    /// Each goes on and off, ten seconds on average.
    Flap,
    /// Every attempt anywhere fails with four fifths.
    Iid80,
    /// None works for 20 to 40 s, as the seed says, then all.
    Recover,
    /// Two work, and get 1.2 times what they bear.
    Overload,
    /// 5,000 calls at once while two work.
    Burst,
    /// All work, with the lognormal latencies.
    Healthy,
}

impl Schedule {
    pub const ALL: [Self; 9] = [
        Self::Static80,
        Self::Switch80,
        Self::SwitchOnce,
        Self::Flap,
        Self::Iid80,
        Self::Recover,
        Self::Overload,
        Self::Burst,
        Self::Healthy,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Static80 => "static80",
            Self::Switch80 => "switch80",
            Self::SwitchOnce => "switch-once",
            Self::Flap => "flap",
            Self::Iid80 => "iid80",
            Self::Recover => "recover",
            Self::Overload => "overload",
            Self::Burst => "burst",
            Self::Healthy => "healthy",
        }
    }
}

/// Who makes the calls.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    /// Anywhere, once.
    Random,
    /// A stack.
    Stack(StackSettings),
    /// What one writes in an afternoon.
    Prototype,
    /// To the emptiest of those that work, which it is told; once more where that is full.
    Oracle,
}

/// A run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub schedule: Schedule,
    pub seed: u64,
    pub slots: usize,
    pub calls_per_s: f64,
    pub duration: Duration,
    /// The share of calls that must not be made twice.
    pub posts: f64,
}

impl Plan {
    pub fn of(schedule: Schedule, seed: u64) -> Self {
        let slots = 12;
        let bears = (HEALTHY * slots) as f64 / 1.75;
        let (load, secs) = match schedule {
            Schedule::Overload => (1.2, 120),
            Schedule::Recover => (0.7, 60),
            Schedule::Burst => (0.3, 30),
            Schedule::Iid80 => (0.3, 120),
            _ => (0.7, 120),
        };
        let calls_per_s = match schedule {
            Schedule::Healthy => 200.0,
            Schedule::SwitchOnce => 12.0,
            _ => bears * load,
        };
        let slots = if schedule == Schedule::Iid80 { 64 } else { slots };
        Self { schedule, seed, slots, calls_per_s, duration: Duration::from_secs(secs), posts: 0.0 }
    }
}

/// How an attempt fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Refused,
    Error,
    Full,
    Reset,
    WrongBody,
}

struct World {
    plan: Plan,
    clock: Clock,
    chance: Chance,
    busy: [Cell<usize>; ENDPOINTS],
    on: Vec<Vec<bool>>,
    report: RefCell<Report>,
}

impl World {
    fn new(plan: Plan, clock: Clock) -> Self {
        let chance = Chance::seeded(plan.seed);
        let seconds = plan.duration.as_secs() as usize + 60;
        let on = (0..ENDPOINTS)
            .map(|_| {
                let mut is_on = chance.below(5) == 0;
                (0..seconds)
                    .map(|_| {
                        is_on ^= chance.fraction() < 0.1;
                        is_on
                    })
                    .collect()
            })
            .collect();
        Self { plan, clock, chance, busy: Default::default(), on, report: RefCell::default() }
    }

    fn works(&self, endpoint: usize) -> bool {
        let now = self.clock.now();
        let second = (now.0 / 1_000_000_000) as usize;
        let period = (now.0 / PERIOD.as_nanos() as u64) as usize;
        match self.plan.schedule {
            Schedule::Healthy => true,
            Schedule::Static80 | Schedule::Overload | Schedule::Burst => endpoint < HEALTHY,
            Schedule::Switch80 => {
                // Neighbours of a walk that never stays: no endpoint of one period works in the next.
                let step = 2 + (self.plan.seed as usize % 3);
                [(period * step) % ENDPOINTS, (period * step + 1) % ENDPOINTS].contains(&endpoint)
            }
            Schedule::SwitchOnce => {
                let is_first_half = u128::from(now.0) * 2 < self.plan.duration.as_nanos();
                (if is_first_half { [0, 1] } else { [5, 6] }).contains(&endpoint)
            }
            Schedule::Flap => self.on[endpoint][second.min(self.on[endpoint].len() - 1)],
            Schedule::Iid80 => self.chance.below(5) == 0,
            // At the same moment for all seeds, the pauses of a breaker would end just before it or just after it for all of them.
            Schedule::Recover => now >= Moment::from_secs(20) + Duration::from_millis(self.plan.seed % 40 * 500),
        }
    }

    fn good_latency(&self) -> Duration {
        if self.plan.schedule != Schedule::Healthy {
            return Duration::from_secs_f64(0.5 + 2.5 * self.chance.fraction());
        }
        let normal = (-2.0 * (1.0 - self.chance.fraction()).ln()).sqrt()
            * (std::f64::consts::TAU * self.chance.fraction()).cos();
        Duration::from_secs_f64(0.020 * (1.164 * normal).exp())
    }

    async fn attempt(&self, endpoint: usize) -> Result<(), Fault> {
        struct Busy<'a>(&'a Cell<usize>);
        impl Drop for Busy<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() - 1);
            }
        }
        self.report.borrow_mut().window(self.clock.now()).1 += 1;
        let works = self.works(endpoint);
        let good = self.good_latency();
        let kind = if self.plan.schedule == Schedule::Iid80 {
            self.chance.below(8)
        } else {
            (endpoint + self.plan.seed as usize) % 8
        };
        let kind = match (self.plan.schedule, kind) {
            // Three with an error at once, two with a late one, two that hang and one that breaks off.
            (Schedule::SwitchOnce, 0) => 1,
            (Schedule::SwitchOnce, 7) => 3,
            (_, kind) => kind,
        };
        if !works && kind == 0 {
            return Err(Fault::Refused);
        }
        if self.busy[endpoint].get() >= self.plan.slots {
            self.clock.sleep(Duration::from_millis(1)).await;
            return Err(Fault::Full);
        }
        self.busy[endpoint].set(self.busy[endpoint].get() + 1);
        let _busy = Busy(&self.busy[endpoint]);
        let (pause, result) = match (works, kind) {
            (true, _) => (good, Ok(())),
            (_, 1 | 2) => (Duration::from_millis(1), Err(Fault::Error)),
            (_, 3) => (Duration::from_secs(1), Err(Fault::Error)),
            (_, 4 | 5) => (Duration::from_secs(3_600), Err(Fault::Error)),
            (_, 6) => (good / 2, Err(Fault::Reset)),
            _ => (good, Err(Fault::WrongBody)),
        };
        self.clock.sleep(pause).await;
        result
    }

    async fn oracle(&self) -> bool {
        for _ in 0..2 {
            let healthy =
                (0..ENDPOINTS).filter(|endpoint| self.plan.schedule == Schedule::Iid80 || self.works(*endpoint));
            let Some(endpoint) = healthy.min_by_key(|endpoint| self.busy[*endpoint].get()) else { return false };
            match self.attempt(endpoint).await {
                Err(Fault::Full) => {}
                result => return result.is_ok(),
            }
        }
        false
    }

    async fn through(&self, stack: &Stack<usize>, call: Call) -> bool {
        let judge = |result: Result<&(), &Fault>| match result {
            Ok(()) => Advice::from(Verdict::Good),
            Err(Fault::Full) => Verdict::Full.into(),
            Err(Fault::Refused) => Advice::from(Verdict::Failed).never_began(),
            Err(_) => Verdict::Failed.into(),
        };
        let begun = Cell::new(0);
        let work = async |_, endpoint: Arc<usize>| {
            let result = self.attempt(*endpoint).await;
            begun.set(begun.get() + usize::from(!matches!(result, Err(Fault::Refused | Fault::Full))));
            result
        };
        let result = stack.call(&call, judge, work).await;
        if !call.is_idempotent && begun.get() > 1 {
            self.report.borrow_mut().duplicates += 1;
        }
        result.is_ok()
    }

    async fn call(self: Rc<Self>, subject: Subject, client: Rc<Client>, number: usize) {
        let began = self.clock.now();
        let tier = number % 3;
        let priority = [Priority::Critical, Priority::Normal, Priority::Low][tier];
        let is_post = self.chance.fraction() < self.plan.posts;
        let call = Call { is_idempotent: !is_post, ..Call::default() }.priority(priority).within(DEADLINE, &self.clock);
        let is_good = match subject {
            Subject::Random => {
                let attempt = self.attempt(self.chance.below(ENDPOINTS));
                self.clock.within(DEADLINE, attempt).await.is_some_and(|result| result.is_ok())
            }
            Subject::Oracle => self.clock.within(DEADLINE, self.oracle()).await.unwrap_or(false),
            Subject::Prototype => {
                let answer = client.prototype.call(!is_post, |endpoint| self.attempt(endpoint));
                self.clock.within(DEADLINE, answer).await.is_some_and(|result| result.is_ok())
            }
            Subject::Stack(_) => self.through(&client.stack, call).await,
        };
        let took = self.clock.now().since(began);
        let mut report = self.report.borrow_mut();
        let took = (is_good && took <= DEADLINE).then_some(took);
        report.lines.push(Line { began, took, tier });
    }
}

/// Who makes the calls, with what was learned.
struct Client {
    stack: Stack<usize>,
    prototype: Prototype,
}

/// One run.
pub fn run(subject: Subject, plan: &Plan) -> Report {
    let time = ManualClock::new();
    let world = Rc::new(World::new(*plan, time.clock()));
    let settings = if let Subject::Stack(settings) = subject { settings } else { StackSettings::default() };
    let stack = Stack::builder("world", &time.clock()).settings(settings).seed(plan.seed).build();
    let stack = stack.expect("the settings are sound");
    (0..ENDPOINTS).for_each(|endpoint| stack.endpoints().insert(&endpoint.to_string(), endpoint));
    let prototype = Prototype::new(ENDPOINTS, &time.clock(), Chance::seeded(plan.seed ^ 0xb07));
    let client = Rc::new(Client { stack, prototype });
    let mut calls = FuturesUnordered::new();
    let mut context = Context::from_waker(Waker::noop());
    let arrivals = Chance::seeded(plan.seed ^ 0xa11);
    let (mut number, mut next, end) = (0, Moment::ZERO, Moment::ZERO + plan.duration);
    let mut burst_at = (plan.schedule == Schedule::Burst).then_some(BURST_AT);
    loop {
        while let Poll::Ready(Some(())) = calls.poll_next_unpin(&mut context) {}
        let due = time.next_due();
        if next <= end && due.is_none_or(|due| next <= due) {
            time.set(next);
            let at_once = if burst_at.take_if(|at| *at <= next).is_some() { BURST } else { 1 };
            for _ in 0..at_once {
                world.report.borrow_mut().window(next).0 += 1;
                calls.push(Rc::clone(&world).call(subject, Rc::clone(&client), number));
                number += 1;
            }
            next = next + Duration::from_secs_f64(-(1.0 - arrivals.fraction()).ln() / plan.calls_per_s);
        } else {
            match due.filter(|due| *due < end + DEADLINE * 2) {
                Some(due) => time.set(due),
                None => break,
            }
        }
    }
    drop(calls);
    world.report.take()
}
