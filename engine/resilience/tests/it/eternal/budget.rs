//! Probing traffic, for any pattern of failures and any crowd: never over its budget, and never at an end.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_resilience::eternal::{Answer, EternalSettings};
use homeostat_resilience::{Attempt, Call, Verdict};
use proptest::prelude::*;

/// What an attempt meets.
#[derive(Debug, Clone, Copy)]
enum Fate {
    At(Verdict, u64),
    Hang,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Calls(u8),
    On(u64),
    Back(u64),
    GiveUp(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Good), 4 => Just(Verdict::Failed), 1 => Just(Verdict::Full), 1 => Just(Verdict::Ignored)
    ];
    prop_oneof![6 => (verdict, prop_oneof![Just(0), 0..900_u64]).prop_map(|(verdict, ms)| Fate::At(verdict, ms)), 1 => Just(Fate::Hang)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..40_u8).prop_map(Act::Calls),
        4 => (0..1_500_u64).prop_map(Act::On),
        1 => (0..3_000_u64).prop_map(Act::Back),
        1 => (0..100_usize).prop_map(Act::GiveUp),
    ]
}

type Calling<'a> = Pin<Box<dyn Future<Output = Result<Answer<()>, Verdict>> + 'a>>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn probes_stay_under_their_budget_and_never_end(
        fates in prop::collection::vec(fate(), 1..30),
        acts in prop::collection::vec(act(), 1..60),
        probes_per_s in 1..8_u32,
        attempts_max in 1..4_u32,
    ) {
        // Would break: probing that multiplies with callers, attempts, cancellations or a clock that jumps; or an outage with a
        // pattern after which nothing is tried any more.
        let settings = EternalSettings { probes_per_s, attempts_max, timeout_ms: 1_000, ..EternalSettings::default() };
        let (eternal, time) = super::eternal(settings);
        let clock = time.clock();
        // Probes by the time that has passed forwards, in milliseconds: a clock that goes back earns nothing.
        let (sent, passed, next) = (RefCell::new(Vec::<u64>::new()), RefCell::new(0_u64), RefCell::new(0));
        let judge = |result: &Result<(), Verdict>| result.err().unwrap_or(Verdict::Good);
        let work = |_: Attempt| {
            if eternal.snapshot().breaker.state != "closed" {
                sent.borrow_mut().push(*passed.borrow());
            }
            let fate = fates[*next.borrow() % fates.len()];
            *next.borrow_mut() += 1;
            let clock = clock.clone();
            async move {
                match fate {
                    Fate::Hang => std::future::pending().await,
                    Fate::At(verdict, millis) => {
                        if millis > 0 {
                            clock.sleep(Duration::from_millis(millis)).await;
                        }
                        if verdict == Verdict::Good { Ok(()) } else { Err(verdict) }
                    }
                }
            }
        };
        let call = Call::idempotent();
        let mut under_way: Vec<Calling<'_>> = Vec::new();
        for act in acts {
            match act {
                Act::Calls(count) => under_way.extend((0..count).map(|_| {
                    Box::pin(eternal.call(&call, judge, work, || async { Ok(()) })) as Calling<'_>
                })),
                Act::On(millis) => {
                    *passed.borrow_mut() += millis;
                    time.set(Moment(clock.now().0 + millis * 1_000_000));
                }
                Act::Back(millis) => {
                    time.set(Moment(clock.now().0.saturating_sub(millis * 1_000_000)));
                    // Somebody looks at the clock while it is back: otherwise it never happened.
                    eternal.snapshot();
                }
                Act::GiveUp(which) if !under_way.is_empty() => drop(under_way.swap_remove(which % under_way.len())),
                Act::GiveUp(_) => {}
            }
            under_way.retain_mut(|calling| calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            prop_assert!(eternal.snapshot().probes_in_flight <= settings.probes_in_flight_max);
        }
        let sent_by_now = sent.borrow().clone();
        let burst = u64::from(settings.close_after) + 1;
        for (index, first) in sent_by_now.iter().enumerate() {
            for (count, last) in (1_u64..).zip(&sent_by_now[index..]) {
                let allowed = burst as f64 + (last - first) as f64 / 1_000.0 * f64::from(probes_per_s);
                prop_assert!(count as f64 <= allowed + 1e-6, "{count} probes within {} ms", last - first);
            }
        }
        under_way.clear();
        prop_assert_eq!(eternal.snapshot().probes_in_flight, 0);
        // Whatever was, once all is well it closes: within the time that so many probes take.
        for _ in 0..8 {
            time.set(Moment(clock.now().0 + 1_000_000_000));
            let well = |_: Attempt| async { Ok::<(), Verdict>(()) };
            let mut calling = Box::pin(eternal.call(&call, judge, well, || async { Ok(()) }));
            prop_assert!(calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        prop_assert_eq!(eternal.snapshot().breaker.state, "closed");
    }
}
