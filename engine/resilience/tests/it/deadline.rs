//! Deadlines: they only come nearer, travel along, and end what is too late.

use std::cell::Cell;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::{
    Attempt, Call, Coalesce, CoalesceSettings, Deadline, DeadlineSettings, Failure, Hedge, Refusal, Remaining,
    advise_through, judge_result,
};
use proptest::prelude::*;

use crate::simulation::{drop_after, run};

fn limit(time: &ManualClock, limit_ms: u64) -> Deadline {
    Deadline::new("limit", DeadlineSettings::of_millis(limit_ms), time.clock())
}

#[test]
fn work_that_takes_too_long_is_dropped_and_told_apart_from_a_call_that_is_over() {
    // Would break: work that goes on for nobody, or a retry that cannot tell a slow attempt from the end of all time.
    let time = ManualClock::new();
    let (deadline, clock) = (limit(&time, 100), time.clock());
    let alive = Arc::new(());
    let slow = |_: Call| {
        let (sleep, alive) = (clock.sleep(Duration::from_secs(9)), Arc::clone(&alive));
        async move {
            sleep.await;
            drop(alive);
            Ok::<_, ()>(())
        }
    };
    let after = Duration::from_millis(100);
    let result = run(&time, deadline.call(&Call::default(), slow));
    assert_eq!(result, Err(Failure::Refused(Refusal::TimedOut { name: "limit".to_owned(), after })));
    let short = Call::default().within(Duration::from_millis(50), &clock);
    let after = Duration::from_millis(50);
    let result = run(&time, deadline.call(&short, slow));
    assert_eq!(result, Err(Failure::Refused(Refusal::TimedOut { name: "limit".to_owned(), after })));
    let not_made = async |_: Call| -> Result<(), ()> { panic!("there is no time for it") };
    assert_eq!(run(&time, deadline.call(&short, not_made)), Err(Failure::Refused(Refusal::DeadlinePassed)));
    assert_eq!((Arc::strong_count(&alive), time.sleepers()), (1, 0));
    let snapshot = deadline.snapshot();
    assert_eq!((snapshot.calls, snapshot.timed_out, snapshot.too_late), (3, 1, 2));
}

#[test]
fn an_order_that_was_sent_is_not_sent_again_when_the_time_is_up() {
    // Would break: an order sent twice, because a call that was given up half way says that it was never made.
    let time = ManualClock::new();
    let (deadline, hedge) = (limit(&time, 1_000), Hedge::builder("hedge", &time.clock()).build());
    let order = |clock| Call::default().within(Duration::from_millis(50), clock);
    let clock = time.clock();
    let coalesce = Coalesce::<u8, (), ()>::new("coalesce", CoalesceSettings::default(), time.clock());
    let sent = [
        run(&time, coalesce.call(&1, &order(&clock), |_| pending::<Result<(), ()>>())),
        run(&time, deadline.call(&order(&clock), |_| pending::<Result<(), ()>>())),
        run(&time, hedge.call(&order(&clock), judge_result, |_| pending::<Result<(), ()>>())),
    ];
    assert!(sent.iter().all(|result| result.as_ref().is_err_and(Failure::may_have_begun)), "{sent:?}");
    let over = Call::default().until(clock.now());
    let not_made = async || -> Result<(), ()> { panic!("there is no time for it") };
    let unmade = [
        run(&time, coalesce.call(&1, &over, |_| not_made())),
        run(&time, deadline.call(&over, |_| not_made())),
        run(&time, hedge.call(&over, judge_result, |_| not_made())),
    ];
    assert!(unmade.iter().all(|result| *result == Err(Failure::Refused(Refusal::DeadlinePassed))), "{unmade:?}");
    assert!(!unmade.iter().flat_map(|result| result.as_ref().err()).any(Failure::may_have_begun));
}

#[test]
fn a_hedge_starts_nothing_for_a_call_that_an_attempt_has_used_up() {
    // Would break: an attempt at the very end, for nobody, because the one before it told of the end first.
    let time = ManualClock::new();
    let (deadline, hedge) = (limit(&time, 50), Hedge::builder("hedge", &time.clock()).build());
    let (call, made) = (Call::idempotent().within(Duration::from_millis(50), &time.clock()), Cell::new(0));
    let work = |attempt: Attempt| {
        made.set(made.get() + 1);
        let deadline = &deadline;
        async move { deadline.call(&attempt.call, |_| pending::<Result<(), ()>>()).await }
    };
    let advise = advise_through(|result: Result<&(), &()>| judge_result(&result));
    let result = run(&time, hedge.call(&call, advise, work)).map_err(Failure::flatten);
    let after = Duration::from_millis(50);
    assert_eq!(result, Err(Failure::Refused(Refusal::TimedOut { name: "limit".to_owned(), after })));
    assert_eq!(made.get(), 1);
}

#[test]
fn the_work_is_told_what_is_left() {
    // Would break: a callee that believes it has more time than whoever waits for it.
    let time = ManualClock::new();
    time.set(Moment::from_secs(1));
    let (outer, inner) = (limit(&time, 300), limit(&time, 500));
    let nested = async |call: Call| inner.call(&call, async |call| Ok::<_, ()>(call)).await;
    let seen = run(&time, outer.call(&Call::default(), nested));
    assert_eq!(seen.unwrap().deadline, Some(Moment::from_millis(1_300)));
    outer.reload(DeadlineSettings::of_millis(0));
    let seen = run(&time, outer.call(&Call::default(), async |call| Ok::<_, ()>(call)));
    assert_eq!(seen.unwrap().deadline, None);
}

#[test]
fn an_answer_that_is_there_makes_no_timer_and_a_dropped_call_leaves_none() {
    // Would break: a timer that is allocated for each answer out of a cache, or that outlives its call.
    let time = ManualClock::new();
    let (deadline, clock) = (limit(&time, 100), time.clock());
    for polls in 0..4 {
        let work = |_| {
            assert_eq!(time.sleepers(), 0);
            clock.sleep(Duration::from_millis(30))
        };
        drop(drop_after(
            &time,
            polls,
            deadline.call(&Call::default(), async |call| {
                work(call).await;
                Ok::<_, ()>(())
            }),
        ));
        assert_eq!(time.sleepers(), 0, "after {polls} polls");
    }
}

proptest! {
    #[test]
    fn what_is_left_never_grows_on_the_way(left_us in 0_u64..2_000_000_000) {
        // Would break: rounding that gives the other side more time than there is.
        let left = Duration::from_micros(left_us);
        let call = Call { deadline: Some(Moment::from_secs(5) + left), ..Call::default() };
        let text = Remaining::of(&call, Moment::from_secs(5)).unwrap().to_string();
        let read = text.parse::<Remaining>().unwrap();
        prop_assert!(read.0 <= left && left - read.0 < Duration::from_millis(1));
    }

    #[test]
    fn no_text_from_outside_does_harm(text in ".{0,20}") {
        // Would break: a header that stops the service, or a sign, a fraction or a unit that is guessed at.
        if let Ok(Remaining(left)) = text.parse::<Remaining>() {
            prop_assert_eq!(left.as_millis(), text.trim().parse::<u128>().unwrap());
        }
    }
}

#[test]
fn only_digits_tell_what_is_left() {
    // Would break: "-5" or "1e9" read as a time.
    for wrong in ["", " ", "-5", "+5", "1.5", "1e9", "5ms", "0x10", "1234567890", "٣"] {
        assert!(wrong.parse::<Remaining>().is_err(), "{wrong:?}");
    }
    assert_eq!(" 250\t".parse::<Remaining>(), Ok(Remaining(Duration::from_millis(250))));
    assert_eq!(Remaining::of(&Call::default(), Moment::ZERO), None);
    assert_eq!(
        Remaining(Duration::MAX).to_string().parse::<Remaining>().unwrap().0,
        Duration::from_millis(999_999_999)
    );
}
