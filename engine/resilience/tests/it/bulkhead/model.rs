//! The pure core of the bulkhead beside a model of it.

use std::collections::BTreeMap;
use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_resilience::Priority;
use homeostat_resilience::bulkhead::gate::{Answer, Arrival, Gate, Ticket};
use homeostat_resilience::bulkhead::{BulkheadSettings, Plan};
use homeostat_resilience::shares::PerPriority;
use proptest::prelude::*;

/// What the gate should do, in the simplest words: one list of who waits, sorted out anew each time.
struct Model {
    plan: Plan,
    running: Vec<Priority>,
    line: Vec<(u32, Priority, Moment)>,
}

impl Model {
    fn under_way(&self, priority: Priority) -> usize {
        self.running.iter().filter(|other| **other == priority).count()
    }

    fn is_owed(&self, priority: Priority) -> bool {
        self.under_way(priority) < self.plan.guarantees[priority]
    }

    fn fits(&self, priority: Priority) -> bool {
        let spoken: usize = Priority::ALL.iter().map(|p| self.under_way(*p).max(self.plan.guarantees[*p])).sum();
        self.running.len() < self.plan.permits && (self.is_owed(priority) || spoken < self.plan.permits)
    }

    /// Lets in whoever can be; gives who got which answer.
    fn settle(&mut self, now: Moment) -> BTreeMap<u32, Answer> {
        let mut answers = BTreeMap::new();
        loop {
            let best = (0..self.line.len()).min_by_key(|at| (!self.is_owed(self.line[*at].1), self.line[*at].1, *at));
            let Some(at) = best.filter(|at| self.fits(self.line[*at].1)) else { return answers };
            let (id, priority, until) = self.line.remove(at);
            if now < until {
                self.running.push(priority);
            }
            answers.insert(id, if now < until { Answer::Admitted } else { Answer::TimeUp });
        }
    }

    /// Somebody comes; gives who got which answer, the newcomer `None` if it is refused.
    fn arrive(&mut self, id: u32, priority: Priority, until: Moment, now: Moment) -> BTreeMap<u32, Option<Answer>> {
        self.line.push((id, priority, until));
        let mut answers: BTreeMap<_, _> = self.settle(now).into_iter().map(|(id, answer)| (id, Some(answer))).collect();
        if self.line.len() > self.plan.waiting_max {
            let last = (0..self.line.len()).max_by_key(|at| (self.line[*at].1, *at)).unwrap();
            let gone = self.line.remove(last).0;
            answers.insert(gone, (gone != id).then_some(Answer::Shed));
        }
        answers
    }

    fn change(&mut self, plan: Plan, now: Moment) -> BTreeMap<u32, Answer> {
        self.plan = plan;
        let mut answers = self.settle(now);
        while self.line.len() > plan.waiting_max {
            let last = (0..self.line.len()).max_by_key(|at| (self.line[*at].1, *at)).unwrap();
            answers.insert(self.line.remove(last).0, Answer::Shed);
        }
        answers
    }
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(usize, u64),
    Release(usize),
    Leave(usize),
    Pass(u64),
    Change(Plan),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_usize, 1..60_u64).prop_map(|(priority, patience)| Step::Arrive(priority, patience)),
        3 => any::<usize>().prop_map(Step::Release),
        1 => any::<usize>().prop_map(Step::Leave),
        1 => (0..20_u64).prop_map(Step::Pass),
        1 => plans().prop_map(Step::Change),
    ];
    prop::collection::vec(step, 1..200)
}

fn plans() -> impl Strategy<Value = Plan> {
    (1..12_usize, 0..8_usize, prop::array::uniform4(0.0..0.5_f64)).prop_map(|(permits, waiting_max, shares)| {
        let [critical, normal, low, background] = shares;
        let guaranteed_shares = PerPriority { critical, normal, low, background };
        Plan::of(&BulkheadSettings { permits, waiting_max, guaranteed_shares, ..BulkheadSettings::default() })
    })
}

/// The gate and the model side by side, and who holds which ticket.
struct Pair {
    /// How many may be under way: more than the permits while there are fewer of them than there were.
    allowed: usize,
    /// Whether the plan is still the one that all under way were let in with.
    is_first_plan: bool,
    gate: Gate<u32>,
    model: Model,
    tickets: BTreeMap<u32, Ticket>,
}

impl Pair {
    fn check(&mut self, wakes: &[u32], expected: &BTreeMap<u32, Answer>) -> Result<(), TestCaseError> {
        let woken: BTreeMap<u32, Answer> =
            wakes.iter().map(|id| (*id, self.gate.pick_up(self.tickets.remove(id).unwrap()).unwrap())).collect();
        prop_assert_eq!(&woken, expected);
        let (plan, under_way, waiting) =
            (self.gate.plan(), self.gate.in_flight_by_priority(), self.gate.waiting_by_priority());
        prop_assert!(self.gate.in_flight() <= self.allowed);
        self.allowed = plan.permits.max(self.gate.in_flight());
        prop_assert!(self.gate.waiting() <= plan.waiting_max);
        let spoken: usize = Priority::ALL.iter().map(|p| under_way[*p].max(plan.guarantees[*p])).sum();
        prop_assert!(
            !self.is_first_plan || spoken <= plan.permits,
            "a guarantee was given away: {under_way:?} of {plan:?}"
        );
        for priority in Priority::ALL {
            prop_assert_eq!(under_way[priority], self.model.under_way(priority));
            let is_full = self.gate.in_flight() >= plan.permits;
            let has_share = under_way[priority] >= plan.guarantees[priority];
            prop_assert!(waiting[priority] == 0 || has_share || (is_full && !self.is_first_plan), "starved");
        }
        Ok(())
    }

    fn arrive(&mut self, id: u32, priority: Priority, until: Moment, now: Moment) -> Result<(), TestCaseError> {
        let passed_over =
            Priority::ALL.iter().any(|other| *other < priority && self.gate.waiting_by_priority()[*other] > 0);
        let is_owed = self.model.is_owed(priority);
        let mut expected = self.model.arrive(id, priority, until, now);
        let mut wakes = Vec::new();
        let arrival = self.gate.arrive(priority, until, now, || id, &mut wakes);
        let own = expected.remove(&id);
        match arrival {
            Arrival::Admitted => {
                prop_assert_eq!(own, Some(Some(Answer::Admitted)));
                prop_assert!(is_owed || !passed_over, "overtook a more important one");
            }
            Arrival::Refused => prop_assert_eq!(own, Some(None)),
            Arrival::Waits(ticket) => {
                prop_assert_eq!(own, None);
                self.tickets.insert(id, ticket);
            }
        }
        let others = expected.into_iter().map(|(id, answer)| (id, answer.unwrap())).collect();
        self.check(&wakes, &others)
    }
}

proptest! {
    #[test]
    fn the_gate_does_what_the_model_does(plan in plans(), steps in steps()) {
        // Would break: more calls than permits, a guarantee given away, an overtaken payment, a waiter that is forgotten.
        let model = Model { plan, running: Vec::new(), line: Vec::new() };
        let mut pair = Pair {
            allowed: plan.permits, is_first_plan: true, gate: Gate::new(plan), model, tickets: BTreeMap::new() };
        let mut now = Moment::from_secs(1);
        for (id, step) in (0_u32..).zip(steps) {
            let mut wakes = Vec::new();
            match step {
                Step::Arrive(priority, patience) => {
                    pair.arrive(id, Priority::ALL[priority], now + Duration::from_millis(patience), now)?;
                }
                Step::Release(which) if !pair.model.running.is_empty() => {
                    let at = which % pair.model.running.len();
                    let priority = pair.model.running.swap_remove(at);
                    pair.gate.release(priority, now, &mut wakes);
                    let expected = pair.model.settle(now);
                    pair.check(&wakes, &expected)?;
                }
                Step::Leave(which) if !pair.model.line.is_empty() => {
                    let at = which % pair.model.line.len();
                    let (id, ..) = pair.model.line.remove(at);
                    pair.gate.leave(pair.tickets.remove(&id).unwrap(), now, &mut wakes);
                    pair.check(&wakes, &BTreeMap::new())?;
                }
                Step::Change(plan) => {
                    pair.is_first_plan = false;
                    pair.allowed = plan.permits.max(pair.gate.in_flight());
                    pair.gate.change(plan, now, &mut wakes);
                    let expected = pair.model.change(plan, now);
                    pair.check(&wakes, &expected)?;
                }
                Step::Pass(millis) => now = now + Duration::from_millis(millis),
                Step::Release(_) | Step::Leave(_) => {}
            }
        }
        for priority in std::mem::take(&mut pair.model.running) {
            pair.gate.release(priority, Moment::NEVER, &mut Vec::new());
        }
        prop_assert_eq!((pair.gate.in_flight(), pair.gate.waiting()), (0, 0));
    }

    #[test]
    fn any_settings_make_a_plan(permits in any::<usize>(), shares in prop::array::uniform4(any::<f64>())) {
        // Would break: a typing error in a configuration that lets nothing through, or guarantees more than there is.
        let [critical, normal, low, background] = shares;
        let guaranteed_shares = PerPriority { critical, normal, low, background };
        let plan = Plan::of(&BulkheadSettings { permits, guaranteed_shares, ..BulkheadSettings::default() });
        prop_assert!(plan.permits >= 1);
        prop_assert!(plan.guarantees.values().map(|given| *given as u128).sum::<u128>() < plan.permits as u128);
    }
}
