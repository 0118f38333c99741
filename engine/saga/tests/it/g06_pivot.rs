//! Guarantee 6: after the point of no return the saga only goes forward.

use homeostat_saga::{
    Call, Command, Definition, End, MemoryLedger, Nature, SagaError, StepDefinition, Stored, Undo, Verb,
};

use crate::definitions::{pivot, saga, step};
use crate::harness::Run;
use crate::world::Mood;

fn order(moods: impl FnMut(&Call) -> Mood + 'static, pivot_nature: Nature) -> Run<MemoryLedger> {
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(moods));
    let steps = vec![step("reserve", Nature::Idempotent), pivot("pay", pivot_nature), step("ship", Nature::Idempotent)];
    run.submit(saga("a", "order", steps));
    run.until_quiet();
    run.judge();
    run
}

fn undos(run: &Run<MemoryLedger>) -> usize {
    run.world.calls.iter().filter(|call| call.verb == Verb::Undo).count()
}

#[test]
fn guarantee_06_failure_after_the_pivot_is_stuck_and_goes_on_forward() {
    // Breaks when something is undone after the payment has gone out.
    let mut run = order(|call| if call.name == "ship" { Mood::Refuses } else { Mood::Willing }, Nature::Queryable);
    assert!(matches!(run.standing(&"a".into()), Some(End::Stuck { .. })));
    let cancelled = run.command(&"a".into(), Command::Cancel { cause: "no".into() }).unwrap();
    assert!(matches!(cancelled, Err(SagaError::NotNow { .. })));
    run.moods = Box::new(|_| Mood::Willing);
    run.command(&"a".into(), Command::Resume).unwrap().unwrap();
    run.judge();
    assert!(matches!(run.standing(&"a".into()), Some(End::Done { .. })));
    assert_eq!(undos(&run), 0);
}

#[test]
fn guarantee_06_failure_before_or_at_the_pivot_turns_back() {
    // Breaks when a pivot that certainly did not happen is taken for passed.
    let run = order(|call| if call.name == "pay" { Mood::Refuses } else { Mood::Willing }, Nature::Queryable);
    assert!(matches!(run.standing(&"a".into()), Some(End::Undone { .. })));
    assert_eq!(undos(&run), 1);
}

#[test]
fn guarantee_06_an_unknown_pivot_is_never_undone() {
    // Breaks when a payment that may have gone out is followed by an undo of the reservation.
    for nature in [Nature::Idempotent, Nature::Neither, Nature::Queryable] {
        let silent = |call: &Call| if call.name == "pay" { Mood::LostUnheard } else { Mood::Willing };
        let run = order(silent, nature);
        let standing = run.standing(&"a".into());
        assert!(matches!(standing, Some(End::Parked { .. })), "{nature:?}: {standing:?}");
        assert_eq!(undos(&run), 0);
    }
}

#[test]
fn guarantee_06_an_unknown_pivot_that_a_person_disproves_may_be_undone() {
    // Breaks when the word of a person who looked does not open the way back.
    let silent = |call: &Call| if call.name == "pay" { Mood::LostUnheard } else { Mood::Willing };
    let mut run = order(silent, Nature::Neither);
    run.moods = Box::new(|call| if call.name == "pay" { Mood::Refuses } else { Mood::Willing });
    run.command(&"a".into(), Command::Disprove).unwrap().unwrap();
    run.judge();
    assert!(matches!(run.standing(&"a".into()), Some(End::Undone { .. })), "refused for certain now");
}

#[test]
fn guarantee_06_too_old_after_the_pivot_still_goes_forward() {
    // Breaks when the age limit of the saga undoes it after its point of no return.
    let slow = |call: &Call| match (call.name.as_str(), call.attempt) {
        ("ship", 1) => Mood::LostUnheard,
        _ => Mood::Willing,
    };
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(slow));
    let steps = vec![pivot("pay", Nature::Idempotent), step("ship", Nature::Idempotent)];
    let definition = Definition { age_max_ms: 5_000, ..Definition::new("order", 1, steps) };
    run.submit(crate::definitions::of("a", "order", definition));
    run.until_quiet();
    assert!(run.now_ms >= 1_000_000 + 10_000, "it is past its age by an attempt timeout");
    assert!(matches!(run.standing(&"a".into()), Some(End::Done { .. })));
}

#[test]
fn guarantee_06_an_irreversible_step_before_the_pivot_is_refused() {
    // Breaks when a definition is accepted that promises an undo it cannot keep.
    let sent = StepDefinition { pivot: false, ..pivot("mail", Nature::Queryable) };
    let refused = Stored::new(Definition::new("bad", 1, vec![sent.clone(), step("x", Nature::Idempotent)]));
    assert!(matches!(refused, Err(SagaError::Invalid { .. })), "{refused:?}");
    let twice = vec![pivot("one", Nature::Queryable), pivot("two", Nature::Queryable)];
    assert!(Stored::new(Definition::new("bad", 1, twice)).is_err());
    assert!(Stored::new(Definition::new("good", 1, vec![pivot("pay", Nature::Queryable), sent])).is_ok());
    let reversible = StepDefinition { undo: Undo::Nothing, ..pivot("pay", Nature::Queryable) };
    assert!(Stored::new(Definition::new("good", 1, vec![reversible])).is_ok());
}
