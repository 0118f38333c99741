//! Where calls go: never more ejected than the cap, nobody forgotten, and far better than chance.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::balance::{BalanceCore, BalanceSettings, Balancer, EndpointId, Standing, Wish, subset};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::predictor::Outcome;
use homeostat_resilience::{Advice, Call, Failure, Listener, Outlook, PolicyEvent, Refusal, Verdict, judge_result};
use proptest::prelude::*;

const ANY: Wish<'static> = Wish { within: None, is_idempotent: true, tried: &[] };

/// A core whose endpoints answer as they are told, one call every 20 ms.
struct Fleet {
    core: BalanceCore,
    chance: Chance,
    now: Moment,
}

impl Fleet {
    fn new(count: usize) -> Self {
        let mut core = BalanceCore::new(BalanceSettings::default());
        for number in 0..count {
            core.insert(Moment::ZERO, &number.to_string());
        }
        // Late enough that slow start is over.
        Self { core, chance: Chance::seeded(7), now: Moment::from_secs(60) }
    }

    fn id(&self, number: usize) -> EndpointId {
        self.core.find(&number.to_string()).unwrap()
    }

    fn end(&mut self, id: EndpointId, outcome: Outcome) {
        let began = self.now;
        self.core.begin(began, id);
        self.now = began + Duration::from_millis(20);
        self.core.end(self.now, id, began, outcome);
    }

    /// So many calls; how many each endpoint got.
    fn run(&mut self, calls: usize, outcome: impl Fn(usize) -> Outcome) -> Vec<usize> {
        let mut got = vec![0; self.core.len()];
        for _ in 0..calls {
            let id = self.core.choose(self.now, ANY, &self.chance).unwrap();
            let number = (0..got.len()).find(|number| self.id(*number) == id).unwrap();
            got[number] += 1;
            self.end(id, outcome(number));
        }
        got
    }
}

#[test]
fn calls_are_spread_over_equal_endpoints() {
    // Would break: the first endpoint of the list gets the most.
    let got = Fleet::new(8).run(8_000, |_| Outcome::Good);
    assert!(got.iter().all(|count| (500..=1_600).contains(count)), "{got:?}");
}

#[test]
fn one_broken_endpoint_is_left_out_and_comes_back() {
    // Would break: a broken endpoint keeps its share of the calls, or one that was mended stays without.
    let mut fleet = Fleet::new(8);
    let got = fleet.run(4_000, |number| if number == 3 { Outcome::Failed } else { Outcome::Good });
    assert!(got[3] < 40, "{got:?}");
    assert_eq!(fleet.core.standing(fleet.id(3)), Some(Standing::Ejected));
    let got = fleet.run(8_000, |_| Outcome::Good);
    assert!(got[3] > 300, "{got:?}");
    assert_eq!(fleet.core.standing(fleet.id(3)), Some(Standing::Liked));
}

#[test]
fn an_endpoint_that_lies_in_health_checks_is_found_by_real_calls() {
    // Would break: a check that only pings the port brings calls to an endpoint that answers none.
    let mut fleet = Fleet::new(6);
    let mut got = 0;
    for _ in 0..200 {
        fleet.core.hint(fleet.now, "2", true);
        got += fleet.run(10, |number| if number == 2 { Outcome::Failed } else { Outcome::Good })[2];
    }
    assert!(got < 2_000 / 20, "{got} of 2000 calls went to an endpoint that only says that it works");
    assert_ne!(fleet.core.standing(fleet.id(2)), Some(Standing::Liked));
}

#[test]
fn a_full_endpoint_loses_load_for_a_moment_and_is_never_ejected() {
    // Would break: 503 under load ejects healthy endpoints one after another, until nothing is left.
    let mut fleet = Fleet::new(4);
    let got = fleet.run(1_000, |number| if number == 0 { Outcome::Full(None) } else { Outcome::Good });
    assert!(got[0] < 100, "{got:?}");
    assert_eq!(fleet.core.ejected(), 0);
    assert_eq!(fleet.core.standing(fleet.id(0)), Some(Standing::Liked));
    let got = fleet.run(1_000, |_| Outcome::Good);
    assert!(got[0] > 100, "as soon as it has room it gets calls again: {got:?}");
}

#[test]
fn when_most_fail_none_is_left_out() {
    // Would break: a fault of the network or of the judge takes all endpoints away, and what still worked with them.
    let mut fleet = Fleet::new(10);
    fleet.run(3_000, |number| if number < 8 { Outcome::Failed } else { Outcome::Good });
    (0..8).for_each(|number| (0..6).for_each(|_| fleet.end(fleet.id(number), Outcome::Failed)));
    assert!(fleet.core.is_panicking());
    assert_eq!(fleet.core.ejected(), 0);
    let got = fleet.run(1_000, |number| if number < 8 { Outcome::Failed } else { Outcome::Good });
    assert!(got[8] + got[9] > 850, "the predictor still knows where to go: {got:?}");
    (0..8).for_each(|number| fleet.end(fleet.id(number), Outcome::Good));
    assert!(!fleet.core.is_panicking());
}

#[test]
fn who_was_left_out_is_asked_when_those_that_worked_fail() {
    // Would break: the endpoints that work are others now, and one of them stays out for a minute for what it did before.
    let mut fleet = Fleet::new(8);
    let is_out = |fleet: &Fleet| fleet.core.standing(fleet.id(7)) == Some(Standing::Ejected);
    (2..5).for_each(|number| (0..4).for_each(|_| fleet.end(fleet.id(number), Outcome::Failed)));
    (5..8).for_each(|number| (0..6).for_each(|_| fleet.end(fleet.id(number), Outcome::Failed)));
    let before = fleet.run(100, |number| if number < 2 { Outcome::Good } else { Outcome::Failed });
    assert!(is_out(&fleet) && before[7] == 0, "{before:?}");
    // Four seconds, where the shortest pause of one that is left out is ten.
    let got = fleet.run(200, |number| if [1, 7].contains(&number) { Outcome::Good } else { Outcome::Failed });
    assert!(!is_out(&fleet) && got[7] > 1, "asked, and found to work: {got:?}");
}

#[test]
fn an_endpoint_that_is_alone_is_never_ejected() {
    // Would break: a service with one endpoint answers nothing for a minute after five failures.
    let mut fleet = Fleet::new(1);
    assert_eq!(fleet.run(50, |_| Outcome::Failed), [50]);
    assert_eq!(fleet.core.ejected(), 0);
}

#[test]
fn a_new_endpoint_gets_its_share_slowly() {
    // Would break: a process with cold caches gets a full share of the load in its first second.
    let mut fleet = Fleet::new(4);
    fleet.run(400, |_| Outcome::Good);
    fleet.core.insert(fleet.now, "4");
    let first = fleet.run(100, |_| Outcome::Good)[4];
    fleet.now = fleet.now + Duration::from_secs(20);
    let later: usize = fleet.run(1_000, |_| Outcome::Good)[4] / 10;
    assert!(first <= 10 && later > 10, "{first} of the first hundred, then {later} of a hundred");
}

#[test]
fn every_endpoint_is_asked_again_some_day() {
    // Would break: an endpoint that failed while nobody looked never gets a call again.
    let mut fleet = Fleet::new(10);
    fleet.run(2_000, |number| if number < 4 { Outcome::Failed } else { Outcome::Good });
    let mut got = vec![0; 10];
    for _ in 0..20 {
        fleet
            .run(200, |number| if number < 4 { Outcome::Failed } else { Outcome::Good })
            .iter()
            .zip(&mut got)
            .for_each(|(more, got)| *got += more);
    }
    // 4000 calls are 80 s: two of the longest exploring pauses.
    assert!(got.iter().all(|count| *count > 0), "{got:?}");
}

#[test]
fn calls_to_be_made_once_find_a_mended_endpoint_too() {
    // Would break: where no call may be made twice, a doubted endpoint stays doubted for ever.
    let mut fleet = Fleet::new(5);
    (0..4).for_each(|_| fleet.end(fleet.id(0), Outcome::Failed));
    assert_eq!(fleet.core.standing(fleet.id(0)), Some(Standing::Doubted));
    let mut got = 0;
    for _ in 0..10_000 {
        let id = fleet.core.choose(fleet.now, Wish { is_idempotent: false, ..ANY }, &fleet.chance).unwrap();
        got += usize::from(id == fleet.id(0));
        fleet.end(id, Outcome::Good);
    }
    assert!(got > 100, "{got}");
}

#[test]
fn parallel_attempts_are_for_doubt_only() {
    // Would break: healthy traffic is doubled, or a call that must be made once is made twice.
    let mut fleet = Fleet::new(5);
    fleet.run(200, |_| Outcome::Good);
    assert_eq!(fleet.core.plan(fleet.now, ANY, 3, &fleet.chance).len(), 1);
    fleet.run(200, |_| Outcome::Failed);
    let planned = fleet.core.plan(fleet.now, ANY, 9, &fleet.chance);
    assert_eq!(planned.iter().collect::<BTreeSet<_>>().len(), 3, "three different ones by default: {planned:?}");
    assert_eq!(fleet.core.plan(fleet.now, ANY, 1, &fleet.chance).len(), 1);
    assert_eq!(fleet.core.plan(fleet.now, Wish { is_idempotent: false, ..ANY }, 3, &fleet.chance).len(), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Insert(usize),
    Remove(usize),
    Call(Outcome),
    Silence,
    Pass(u64),
    Hint(usize, bool),
    Cap(f32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..20_usize).prop_map(Step::Insert),
        1 => (0..20_usize).prop_map(Step::Remove),
        4 => Just(Step::Call(Outcome::Good)),
        12 => Just(Step::Call(Outcome::Failed)),
        1 => Just(Step::Call(Outcome::Full(None))),
        2 => Just(Step::Silence),
        2 => (0_u64..20_000).prop_map(Step::Pass),
        1 => (0..20_usize, any::<bool>()).prop_map(|(number, works)| Step::Hint(number, works)),
        1 => (0.0_f32..=1.0).prop_map(Step::Cap),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_cap_holds_and_a_call_finds_an_endpoint(steps in prop::collection::vec(step(), 0..400)) {
        // Would break: an ejection over the cap, an endpoint lost from all lists, or a call without one although some are there.
        let mut core = BalanceCore::new(BalanceSettings::default());
        let (chance, mut now, mut names, mut settings) = (Chance::seeded(3), Moment::ZERO, BTreeSet::new(), BalanceSettings::default());
        for step in steps {
            match step {
                Step::Insert(number) => { core.insert(now, &number.to_string()); names.insert(number); }
                Step::Remove(number) => prop_assert_eq!(core.remove(now, &number.to_string()).is_some(), names.remove(&number)),
                Step::Call(outcome) => {
                    if let Some(id) = core.choose(now, ANY, &chance) {
                        core.begin(now, id);
                        core.end(now + Duration::from_millis(5), id, now, outcome);
                    }
                }
                Step::Silence => { if let Some(id) = core.choose(now, ANY, &chance) { core.begin(now, id); } }
                Step::Pass(millis) => now = now + Duration::from_millis(millis),
                Step::Hint(number, works) => core.hint(now, &number.to_string(), works),
                Step::Cap(share) => { settings.eject_share_max = share; core.reload(now, settings); }
            }
            prop_assert_eq!(core.len(), names.len());
            prop_assert!(core.ejected() <= settings.ejected_max(names.len()));
            prop_assert!(!core.is_panicking() || core.ejected() == 0);
            prop_assert_eq!(core.choose(now, ANY, &chance).is_some(), !names.is_empty());
            let shown = core.snapshot(now, "it");
            prop_assert_eq!(shown.endpoints.iter().filter(|endpoint| endpoint.standing == Standing::Ejected).count(), core.ejected());
        }
    }

    #[test]
    fn another_attempt_goes_elsewhere(count in 1_usize..40, broken in 0_usize..40, seed in any::<u64>()) {
        // Would break: a retry is spent where the call has just failed.
        let mut fleet = Fleet::new(count);
        fleet.chance = Chance::seeded(seed);
        fleet.run(200, |number| if number < broken { Outcome::Failed } else { Outcome::Good });
        let standing: usize = count - fleet.core.ejected();
        let mut tried = Vec::new();
        for _ in 0..standing.min(8) {
            let id = fleet.core.choose(fleet.now, Wish { tried: &tried, ..ANY }, &fleet.chance).unwrap();
            prop_assert!(!tried.contains(&id));
            tried.push(id);
        }
    }

    #[test]
    fn subsets_are_even_and_repeatable(count in 1_usize..60, size in 1_usize..20, clients in 1_u64..200) {
        // Would break: one endpoint gets the connections of twice as many clients as another.
        let names: Vec<String> = (0..count).map(|number| format!("endpoint-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut reversed = names.clone();
        reversed.reverse();
        let mut used: BTreeMap<&str, usize> = names.iter().map(|name| (*name, 0)).collect();
        for client in 0..clients {
            let chosen = subset(&names, client, size);
            prop_assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), size.min(count));
            prop_assert_eq!(&chosen, &subset(&reversed, client, size));
            chosen.iter().for_each(|name| *used.get_mut(name).unwrap() += 1);
        }
        let (least, most) = (used.values().min().unwrap(), used.values().max().unwrap());
        prop_assert!(most - least <= 1, "{used:?}");
    }
}

fn balancer(time: &ManualClock) -> Balancer<&'static str> {
    let balancer = Balancer::builder("shop").clock(time.clock()).chance(Chance::seeded(1)).build();
    balancer.insert("a", "a");
    balancer
}

#[tokio::test]
async fn a_call_that_is_dropped_at_any_await_is_no_longer_under_way() {
    // Would break: cancelled calls pile up as load on endpoints that are idle.
    let time = ManualClock::new();
    let balancer = balancer(&time);
    for polls in 0..5 {
        let work = |_| async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok::<_, ()>(())
        };
        let call = Call::default();
        {
            let judge = |_: &Result<(), ()>| Verdict::Good;
            let mut future = pin!(balancer.call(&call, judge, work));
            for _ in 0..polls {
                if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
            }
        }
        assert_eq!(balancer.snapshot().endpoints[0].in_flight, 0, "dropped after {polls} polls");
    }
}

#[tokio::test]
async fn endpoints_come_and_go_while_calls_are_under_way() {
    // Would break: the end of a call to an endpoint that was removed is counted at the one that has its place now.
    let time = ManualClock::new();
    let balancer = balancer(&time);
    let pick = balancer.pick(&Call::default()).unwrap();
    assert!(balancer.remove("a") && !balancer.remove("a"));
    assert_eq!(balancer.pick(&Call::default()).unwrap_err(), Refusal::NoEndpoint { name: "shop".into() });
    balancer.insert("b", "b");
    let other = balancer.pick(&Call::default()).unwrap();
    assert_eq!((**pick.value(), **other.value()), ("a", "b"));
    (0..9).for_each(|_| drop(balancer.pick(&Call::default())));
    pick.finish(Verdict::Failed);
    let shown = balancer.snapshot();
    assert_eq!((shown.endpoints.len(), shown.endpoints[0].in_flight), (1, 1));
    assert!(shown.endpoints[0].works > 0.7);
    other.finish(Verdict::Good);
    balancer.replace([("b".to_owned(), "b2"), ("c".to_owned(), "c")]);
    let names: Vec<String> = balancer.snapshot().endpoints.into_iter().map(|endpoint| endpoint.name).collect();
    assert_eq!(names, ["b", "c"]);
    assert!(balancer.snapshot().endpoints[0].p50_ms.is_some(), "what stays keeps what was learned");
}

#[tokio::test]
async fn grey_failures_are_learned_from_the_judge() {
    // Would break: an endpoint that answers 200 with nonsense is the most popular, because it is quick.
    let time = ManualClock::new();
    let balancer = balancer(&time);
    balancer.insert("grey", "grey");
    let call = Call::idempotent();
    let mut grey = 0;
    for _ in 0..500 {
        let clock = time.clock();
        time.set(clock.now() + Duration::from_millis(50));
        let judge = |result: &Result<&str, ()>| if *result == Ok("grey") { Verdict::Failed } else { Verdict::Good };
        let body = balancer.call(&call, judge, |value| async move { Ok::<_, ()>(*value) }).await.unwrap();
        grey += usize::from(body == "grey");
    }
    assert!(grey < 50, "{grey} of 500 answers were wrong");
}

#[tokio::test]
async fn a_call_that_is_over_is_not_made() {
    // Would break: an endpoint works for somebody who has gone.
    let time = ManualClock::new();
    let balancer = balancer(&time);
    let call = Call::default().within(Duration::from_secs(1), &time.clock());
    time.turn(Duration::from_secs(2)).await;
    let judge = |_: &Result<(), ()>| Verdict::Good;
    let result = balancer.call(&call, judge, |_| async { unreachable!("it is too late") }).await;
    assert_eq!(result, Err(Failure::Refused(Refusal::DeadlinePassed)));
}

#[tokio::test]
async fn ejection_and_return_are_told() {
    // Would break: an endpoint is left out and nobody can know.
    let time = ManualClock::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let told = Arc::clone(&told);
        Listener::new(move |event: &PolicyEvent| told.lock().unwrap().push(event.clone()))
    };
    let balancer = Balancer::builder("shop").clock(time.clock()).chance(Chance::seeded(1)).listener(listener).build();
    ["a", "b", "c"].into_iter().for_each(|name| balancer.insert(name, name));
    let call = Call::idempotent();
    for _ in 0..9_000 {
        time.set(time.clock().now() + Duration::from_millis(10));
        let pick = balancer.pick(&call).unwrap();
        let is_bad = **pick.value() == "b" && time.clock().now() < Moment::from_secs(40);
        pick.finish(if is_bad { Verdict::Failed } else { Verdict::Good });
    }
    let told = told.lock().unwrap();
    assert!(matches!(&told[0], PolicyEvent::Ejected { endpoint, .. } if endpoint == "b"), "{told:?}");
    assert!(matches!(&told[1], PolicyEvent::Readmitted { endpoint, .. } if endpoint == "b"), "{told:?}");
    assert_eq!(balancer.snapshot().endpoints[1].standing, Standing::Liked);
}

#[tokio::test]
async fn a_retry_goes_elsewhere_each_time() {
    // Would break: retry and balancer together ask the broken endpoint three times, and the budget is gone.
    let time = ManualClock::new();
    let balancer = Balancer::builder("shop").clock(time.clock()).chance(Chance::seeded(1)).build();
    ["a", "b", "c"].into_iter().for_each(|name| balancer.insert(name, name));
    let call = Call::idempotent();
    let asked = Mutex::new(Vec::new());
    let course = balancer.course();
    let advise = |result: &Result<(), &str>| judge_result(result);
    for _ in 0..3 {
        let attempt = course.call(&call, advise, |endpoint| {
            asked.lock().unwrap().push(*endpoint);
            async { Err("down") }
        });
        assert_eq!(attempt.await, Err(Failure::Inner("down")));
    }
    let mut asked = asked.into_inner().unwrap();
    asked.sort_unstable();
    assert_eq!(asked, ["a", "b", "c"]);
}

#[test]
fn a_full_endpoint_is_left_alone_for_as_long_as_it_asks() {
    // Would break: `Retry-After` is read by nobody, and the busy endpoint gets the next call at once.
    let time = ManualClock::new();
    let balancer = balancer(&time);
    balancer.insert("b", "b");
    let call = Call::idempotent();
    let first = balancer.pick(&call).unwrap();
    let full = **first.value();
    first.finish(Advice::from(Verdict::Full).retry_after(Duration::from_secs(3)));
    time.set(Moment::from_secs(2));
    for _ in 0..50 {
        let pick = balancer.pick(&call).unwrap();
        assert_ne!(**pick.value(), full);
        pick.finish(Verdict::Good);
    }
    time.set(Moment::from_secs(4));
    assert!((0..200).any(|_| {
        let pick = balancer.pick(&call).unwrap();
        let is_it = **pick.value() == full;
        pick.finish(Verdict::Good);
        is_it
    }));
}

// Would break: calls that are woken again and again although nobody gives cause for doubt, or a doubt that is seen late.
#[test]
fn calls_under_way_are_looked_at_closely_only_where_somebody_is_doubted() {
    let time = ManualClock::new();
    let balancer = Balancer::builder("orders").clock(time.clock()).chance(Chance::seeded(7)).build();
    ["good", "bad"].into_iter().for_each(|name| balancer.insert(name, name));
    let course = balancer.course();
    let look_after = || course.look_again().unwrap();
    for _ in 0..20 {
        let pick = balancer.pick(&Call::idempotent()).unwrap();
        time.set(time.clock().now() + Duration::from_millis(20));
        pick.finish(Verdict::Good);
    }
    let calm = look_after();
    (0..5).for_each(|_| balancer.hint("bad", false));
    assert!(look_after() < calm, "{:?}", balancer.snapshot());
}
