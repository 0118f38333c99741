//! Hedges: when a second attempt starts, who wins, and what it costs.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::chance::Chance;
use homeostat_resilience::latency::LatencyHistogram;
use homeostat_resilience::{
    Advice, Attempt, Budget, BudgetSettings, Call, Failure, Hedge, HedgeSettings, Listener, PolicyEvent, Refusal,
    Retry, RetrySettings, Verdict, advise_through, judge_result,
};
use proptest::prelude::*;

use crate::simulation::{Running, drop_after, run, run_all};
use crate::storm::{Service, advise, any_callers, any_weather, attempts_max, call_number};

const PLENTY: BudgetSettings = BudgetSettings { ratio: 5.0, minimum_per_s: 1_000.0 };

/// What became of a call that is played with a script.
struct Played {
    result: Result<u32, Failure<u32>>,
    started_ms: Vec<u64>,
    ended_ms: u64,
    under_way_max: usize,
    events: Vec<String>,
}

struct Leaves<'a>(&'a Cell<usize>);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Plays a call whose attempts take so many milliseconds and succeed or not, with another attempt due after 100 ms each time.
fn play(settings: HedgeSettings, budget: BudgetSettings, call: &Call, acts: &[(u64, bool)]) -> Played {
    let time = ManualClock::new();
    let events = Arc::new(Mutex::new(Vec::new()));
    let diary = Arc::clone(&events);
    let listener = Listener::new(move |event| {
        diary.lock().unwrap().push(match event {
            PolicyEvent::HedgeFired { attempt, .. } => format!("fired {attempt}"),
            PolicyEvent::HedgeWon { attempt, .. } => format!("won {attempt}"),
            PolicyEvent::AttemptWasted { after, .. } => format!("wasted {}", after.as_millis()),
            PolicyEvent::Retried { attempt, .. } => format!("in place {attempt}"),
            other => format!("{other:?}"),
        });
    });
    let hedge = Hedge::builder("reads", &time.clock())
        .settings(settings)
        .budget(&Budget::new("reads", budget))
        .pace(|_: &Call, _: u32, _: Moment| Some(Duration::from_millis(100)))
        .listener(listener)
        .build();
    let (under_way, under_way_max) = (Cell::new(0_usize), Cell::new(0_usize));
    let started_ms = RefCell::new(Vec::new());
    let act = async |attempt: Attempt| {
        let clock = time.clock();
        started_ms.borrow_mut().push(clock.now().0 / 1_000_000);
        under_way.set(under_way.get() + 1);
        under_way_max.set(under_way_max.get().max(under_way.get()));
        let _leaves = Leaves(&under_way);
        let (millis, is_good) = acts[attempt.number as usize - 1];
        clock.sleep(Duration::from_millis(millis)).await;
        if is_good { Ok(attempt.number) } else { Err(attempt.number) }
    };
    let result = run(&time, hedge.call(call, judge_result, act));
    assert_eq!((under_way.get(), time.sleepers()), (0, 0), "losers are cancelled");
    Played {
        result,
        ended_ms: time.clock().now().0 / 1_000_000,
        under_way_max: under_way_max.get(),
        events: events.lock().unwrap().clone(),
        started_ms: started_ms.take(),
    }
}

fn play_simply(acts: &[(u64, bool)]) -> Played {
    play(HedgeSettings::default(), PLENTY, &Call::idempotent(), acts)
}

#[test]
fn the_first_acceptable_answer_wins_and_the_others_are_cancelled() {
    // Would break: waiting for the slow one, or leaving it running.
    let played = play_simply(&[(900, true), (50, true)]);
    assert_eq!((played.result, played.ended_ms), (Ok(2), 150));
    assert_eq!(played.started_ms, [0, 100]);
    assert_eq!(played.events, ["fired 2", "won 2", "wasted 150"]);
    let played = play_simply(&[(120, true), (50, true)]);
    assert_eq!((played.result, played.ended_ms), (Ok(1), 120));
    assert_eq!(played.events, ["fired 2", "wasted 20"]);
}

#[test]
fn a_quick_answer_starts_nothing_else() {
    // Would break: double load on a healthy route.
    let played = play_simply(&[(99, true)]);
    assert_eq!((played.result, played.started_ms, played.events.len()), (Ok(1), vec![0], 0));
}

#[test]
fn a_failure_is_gone_on_from_at_once() {
    // Would break: waiting for the percentile although the attempt has failed already, or losing to a failure that came first.
    let played = play_simply(&[(10, false), (900, true), (30, true)]);
    assert_eq!((played.result, played.started_ms, played.ended_ms), (Ok(3), vec![0, 10, 110], 140));
    assert_eq!(played.events, ["in place 2", "fired 3", "won 3", "wasted 130"]);
    let played = play_simply(&[(900, true), (10, false), (10, true)]);
    assert_eq!((played.result, played.started_ms), (Ok(3), vec![0, 100, 110]));
}

#[test]
fn when_all_fail_the_last_failure_is_told_and_the_number_is_kept() {
    // Would break: attempts without an end, or a caller that never hears why.
    let played = play_simply(&[(10, false); 9]);
    assert_eq!((played.result, played.started_ms), (Err(Failure::Inner(4)), vec![0, 10, 20, 30]));
    let two = HedgeSettings { in_flight_max: 2, attempts_max: 3, ..HedgeSettings::default() };
    let played = play(two, PLENTY, &Call::idempotent(), &[(900, true), (300, false), (900, true), (0, true)]);
    assert_eq!((played.result, played.started_ms, played.under_way_max), (Ok(1), vec![0, 100, 400], 2));
}

#[test]
fn what_may_not_be_done_twice_is_never_under_way_twice() {
    // Would break: an order sent to two exchanges.
    let played = play(HedgeSettings::default(), PLENTY, &Call::default(), &[(900, true), (0, true)]);
    assert_eq!((played.result, played.started_ms), (Ok(1), vec![0]));
    let played = play(HedgeSettings::default(), PLENTY, &Call::default(), &[(10, false), (0, true)]);
    assert_eq!((played.result, played.started_ms), (Err(Failure::Inner(1)), vec![0]));
    let time = ManualClock::new();
    let hedge = Hedge::builder("orders", &time.clock()).budget(&Budget::new("plenty", PLENTY)).build();
    let never_began = |result: &Result<u32, ()>| match result {
        Ok(_) => Verdict::Good.into(),
        Err(()) => Advice::from(Verdict::Failed).never_began(),
    };
    let work = async |attempt: Attempt| if attempt.number == 1 { Err(()) } else { Ok(attempt.number) };
    assert_eq!(run(&time, hedge.call(&Call::default(), never_began, work)), Ok(2), "it never began");
}

#[test]
fn without_budget_the_first_attempt_is_left_to_end() {
    // Would break: a budget that cuts calls off, or a hedge that asks it in a circle.
    let none = BudgetSettings { ratio: 0.0, minimum_per_s: 0.0 };
    let played = play(HedgeSettings::default(), none, &Call::idempotent(), &[(900, true)]);
    assert_eq!((played.result, played.ended_ms, played.started_ms), (Ok(1), 900, vec![0]));
    let played = play(HedgeSettings::default(), none, &Call::idempotent(), &[(900, false)]);
    assert_eq!(played.result, Err(Failure::Inner(1)));
}

#[test]
fn the_deadline_ends_all_attempts() {
    // Would break: attempts that go on for a caller who is gone.
    let time = ManualClock::new();
    let call = Call::idempotent().within(Duration::from_millis(250), &time.clock());
    let played = play(HedgeSettings::default(), PLENTY, &call, &[(900, true); 4]);
    let refusal = Refusal::TimedOut { name: "reads".to_owned(), after: Duration::from_millis(250) };
    assert_eq!((played.result, played.ended_ms), (Err(Failure::Refused(refusal)), 250));
    assert_eq!(played.started_ms, [0, 100, 200]);
}

#[test]
fn a_predictor_may_start_several_at_once() {
    // Would break: a predictor that knows that one attempt will not do, and has to wait all the same.
    let time = ManualClock::new();
    let pace = |_: &Call, next: u32, _: Moment| (next <= 2).then_some(Duration::ZERO);
    let hedge = Hedge::builder("reads", &time.clock()).budget(&Budget::new("plenty", PLENTY)).pace(pace).build();
    let clock = time.clock();
    let work = |attempt: Attempt| {
        let sleep = clock.sleep(Duration::from_millis(if attempt.number == 1 { 500 } else { 20 }));
        async move {
            sleep.await;
            Ok::<_, ()>(attempt.number)
        }
    };
    assert_eq!(run(&time, hedge.call(&Call::idempotent(), judge_result, work)), Ok(2));
    assert_eq!(clock.now(), Moment::from_millis(20));
}

/// A latency whose logarithm is spread normally: the median is 20 ms, the 99th percentile 300 ms.
fn latency(chance: &Chance) -> Duration {
    let normal = (-2.0 * (1.0 - chance.fraction()).ln()).sqrt() * (std::f64::consts::TAU * chance.fraction()).cos();
    Duration::from_secs_f64(0.020 * (1.164 * normal).exp())
}

#[test]
fn on_a_healthy_route_a_hedge_costs_a_twentieth_and_takes_the_tail_away() {
    // Would break: the default settings, that cost more than they say or gain nothing; a percentile that sinks with each hedge that it
    // starts, because the slow answers are never seen.
    const CALLS: usize = 20_000;
    let time = ManualClock::new();
    let clock = time.clock();
    let (hedge, chance) = (Hedge::builder("reads", &clock).build(), Chance::seeded(11));
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let begun = clock.now();
        let first = latency(&chance);
        without.push(first);
        let work = |attempt: Attempt| {
            let sleep = clock.sleep(if attempt.number == 1 { first } else { latency(&chance) });
            async {
                sleep.await;
                Ok::<(), ()>(())
            }
        };
        run(&time, hedge.call(&Call::idempotent(), judge_result, work)).unwrap();
        with.push(clock.now().since(begun));
    }
    with.sort();
    without.sort();
    let (snapshot, tail) = (hedge.snapshot(), CALLS / 1_000 * 999);
    let fired = snapshot.fired as f64 / CALLS as f64;
    assert!((0.03..=0.05).contains(&fired), "{fired}");
    assert!(with[tail] * 2 < without[tail], "the percentile 99.9: {:?}, {:?}", with[tail], without[tail]);
    assert_eq!(snapshot.wasted, snapshot.fired);
}

#[test]
fn attempts_that_hang_do_not_drive_the_percentile_up_for_ever() {
    // Would break: a few endpoints that hang, and everybody waits longer and longer for a second attempt. Good answers take 20 ms;
    // most first attempts hang, for minutes.
    let time = ManualClock::new();
    let clock = time.clock();
    let hedge = Hedge::builder("reads", &clock).budget(&Budget::new("plenty", PLENTY)).build();
    let mut longest = Duration::ZERO;
    for call in 0..5_000 {
        let work = |attempt: Attempt| {
            let hangs = call >= 200 && attempt.number == 1 && call % 5 != 0;
            let sleep = clock.sleep_until(if hangs { Moment::NEVER } else { clock.now() + Duration::from_millis(20) });
            async {
                sleep.await;
                Ok::<(), ()>(())
            }
        };
        let begun = clock.now();
        run(&time, hedge.call(&Call::idempotent(), judge_result, work)).unwrap();
        longest = longest.max(clock.now().since(begun));
    }
    assert!(longest < Duration::from_millis(250), "{longest:?}");
    assert!(clock.now() > Moment::from_secs(300), "{:?}", clock.now());
}

#[test]
fn a_call_dropped_anywhere_leaves_nothing_behind() {
    // Would break: attempts that go on without their call.
    for polls in 0..12 {
        let time = ManualClock::new();
        let clock = time.clock();
        let pace = |_: &Call, _: u32, _: Moment| Some(Duration::from_millis(10));
        let hedge = Hedge::builder("reads", &clock).budget(&Budget::new("plenty", PLENTY)).pace(pace).build();
        let under_way = Cell::new(0_usize);
        let work = |attempt: Attempt| {
            under_way.set(under_way.get() + 1);
            let leaves = Leaves(&under_way);
            let sleep = clock.sleep(Duration::from_millis(15));
            async move {
                sleep.await;
                drop(leaves);
                if attempt.number < 4 { Err(()) } else { Ok(()) }
            }
        };
        drop(drop_after(&time, polls, hedge.call(&Call::idempotent(), judge_result, work)));
        assert_eq!((under_way.get(), time.sleepers()), (0, 0), "after {polls} polls");
    }
}

proptest! {
    #[test]
    fn no_failure_makes_a_storm_of_hedges_and_retries(
        weather in any_weather(), callers in any_callers(), minimum in 0_u32..3, seed: u64, pace_ms in 0_u64..500,
    ) {
        // Would break: retries around hedges that multiply, because each counts the call or pays for itself.
        let time = ManualClock::new();
        let clock = time.clock();
        let budget = Budget::new("storm", BudgetSettings { ratio: 0.2, minimum_per_s: f64::from(minimum) });
        let settings = RetrySettings { attempts_max: 20, pause_min_ms: 1, ..RetrySettings::default() };
        let retry = Retry::builder("storm", &clock).settings(settings).budget(&budget).chance(Chance::seeded(seed)).build();
        let pace = move |_: &Call, _: u32, _: Moment| Some(Duration::from_millis(pace_ms));
        let hedge = Hedge::builder("storm", &clock).budget(&budget).pace(pace).build();
        let service = Service::new(&time, weather);
        let running = callers.iter().enumerate().map(|(index, at_ms)| -> Running<'_> {
            let (service, retry, hedge, clock) = (&service, &retry, &hedge, &clock);
            Box::pin(async move {
                clock.sleep_until(Moment::from_millis(*at_ms)).await;
                let call = call_number(index, clock);
                let through = advise_through(|result: Result<&(), &_>| advise(&result.copied().map_err(|weather| *weather)));
                let hedged = async |attempt: Attempt| hedge.call(&attempt.call, advise, |_| service.attempt()).await;
                let _ = retry.call(&call, through, hedged).await;
                assert!(clock.now() <= call.deadline.unwrap(), "no call outlives its deadline");
            })
        });
        run_all(&time, running.collect());
        let most = attempts_max(callers.len() as u64, 0.2, f64::from(minimum), clock.now());
        prop_assert!(service.attempts.get() <= most, "{} attempts, at most {most}", service.attempts.get());
        let extra = budget.snapshot(clock.now()).extra;
        prop_assert_eq!(extra + callers.len() as u64, service.attempts.get(), "each attempt is the call or is paid for");
        prop_assert_eq!(time.sleepers(), 0);
    }

    #[test]
    fn a_quantile_is_at_most_a_bucket_too_high(
        latencies_us in prop::collection::vec(20_u64..400_000_000, 1..300), fraction in 0.01..0.999_f64,
    ) {
        // Would break: hedging at a percentile that is not the one that was asked for.
        let mut histogram = LatencyHistogram::new(Duration::from_secs(30));
        latencies_us.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros), Moment::ZERO));
        let mut sorted = latencies_us;
        sorted.sort_unstable();
        let exact = sorted[(sorted.len() as f64 * fraction).floor() as usize] as f64;
        let read = histogram.quantile(fraction).unwrap().as_secs_f64() * 1e6;
        prop_assert!(read >= exact * 0.999 && read <= exact * 1.095, "{read}, exactly {exact}");
    }
}

#[test]
fn latencies_are_forgotten_and_a_clock_that_goes_back_does_no_harm() {
    // Would break: a route that was slow this morning and is hedged too late ever since.
    let mut histogram = LatencyHistogram::new(Duration::from_secs(30));
    let (slow, quick) = (Duration::from_secs(2), Duration::from_millis(10));
    (0..1_000).for_each(|_| histogram.record(slow, Moment::from_secs(100)));
    let later = Moment::from_secs(100 + 30 * 5);
    (0..1_000).for_each(|_| histogram.record(quick, later));
    assert!(histogram.quantile(0.95).unwrap() < quick * 2);
    assert!((1_031.0..1_032.0).contains(&histogram.count(later)), "{}", histogram.count(later));
    histogram.record(slow, Moment::from_secs(5));
    assert!((1_032.0..1_033.0).contains(&histogram.count(Moment::from_secs(5))));
    // So long that the weights have to be made small again, more than once.
    for hour in 1..4 {
        let now = Moment::from_secs(hour * 3_600);
        assert!(histogram.count(now) < 1e-3);
        (0..8).for_each(|_| histogram.record(slow, now));
        (0..8).for_each(|_| histogram.record(quick, now + Duration::from_secs(30)));
        let count = histogram.count(now + Duration::from_secs(30));
        assert!((11.99..12.01).contains(&count), "{count}");
        assert!(histogram.quantile(0.6).unwrap() < quick * 2 && histogram.quantile(0.7).unwrap() > slow / 2);
    }
    assert!(size_of::<LatencyHistogram>() <= 1_024);
}
