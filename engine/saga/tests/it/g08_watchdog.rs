//! Guarantee 8: a saga that does not move is noticed, by someone other than its executor.

use std::sync::Arc;
use std::time::Duration;

use homeostat_saga::{AlarmKind, Definition, Extra, MemoryLedger, Nature, RunnerOptions, SagaEvent, Vital, Watchdog};

use crate::definitions::{of, saga, step};
use crate::hands::{Fake, Owner, Way};

fn vital(id: &str, progressed_at_ms: u64) -> Vital {
    let (created_at_ms, age_max_ms, quiet_max_ms) = (0, 10_000, 1_000);
    Vital { id: id.into(), created_at_ms, progressed_at_ms, age_max_ms, quiet_max_ms, rests: false }
}

#[test]
fn guarantee_08_quiet_and_old_are_alarmed_once_for_each_cause() {
    // Breaks when a saga stands still unnoticed, or the same standstill pages someone every second.
    let mut watchdog = Watchdog::default();
    let mut kinds = |vitals: &[Vital], now_ms| -> Vec<AlarmKind> {
        watchdog.sweep(vitals, now_ms).into_iter().map(|alarm| alarm.kind).collect()
    };
    assert_eq!(kinds(&[vital("a", 0)], 1_000), []);
    assert_eq!(kinds(&[vital("a", 0)], 1_001), [AlarmKind::Quiet]);
    assert_eq!(kinds(&[vital("a", 0)], 5_000), [], "the same standstill");
    assert_eq!(kinds(&[vital("a", 5_000)], 5_500), [], "it moved");
    assert_eq!(kinds(&[vital("a", 5_000)], 6_001), [AlarmKind::Quiet], "a new standstill");
    assert_eq!(kinds(&[vital("a", 10_000)], 10_001), [AlarmKind::Old]);
    assert_eq!(kinds(&[vital("a", 20_000)], 20_500), []);
    let resting = Vital { rests: true, ..vital("b", 0) };
    assert_eq!(kinds(&[resting], 9_000), [], "a person was told when it came to rest");
}

#[tokio::test(start_paused = true)]
async fn guarantee_08_a_hanging_saga_is_alarmed_by_the_runner() {
    // Breaks when the watchdog is not running, or the vitals do not reach it.
    let mut only = step("only", Nature::Queryable);
    (only.attempt_timeout_ms, only.step_timeout_ms) = (3_600_000, 3_600_000);
    let definition = Definition { quiet_max_ms: 5_000, age_max_ms: 20_000, ..Definition::new("x", 1, vec![only]) };
    let mut owner = Owner::start(MemoryLedger::new(), Fake::new(|_| Way::Hang)).await;
    owner.runner.submit(of("a", "t", definition)).await.unwrap();
    for kind in [AlarmKind::Quiet, AlarmKind::Old] {
        let event = owner.until(|event| matches!(event, SagaEvent::Alarm(_))).await;
        let SagaEvent::Alarm(alarm) = event else { unreachable!("it was matched") };
        assert_eq!((alarm.id, alarm.kind), (Some("a".into()), kind));
    }
    assert_eq!(owner.runner.figures().alarms, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guarantee_08_a_wedged_executor_is_noticed_by_the_watchdog() {
    // Breaks when the watchdog runs inside the executor it should watch: here the executor's own task is blocked.
    let (release, blocked) = std::sync::mpsc::sync_channel::<()>(1);
    let blocked = Arc::new(std::sync::Mutex::new(blocked));
    let options = RunnerOptions {
        watch_every: Duration::from_millis(20),
        silent_max: Duration::from_millis(900),
        companion: Some(Arc::new(move |_, _| {
            let _ = blocked.lock().unwrap().recv();
            Extra::default()
        })),
        ..RunnerOptions::default()
    };
    let mut owner = Owner::with(MemoryLedger::new(), Fake::willing(), options).await;
    let runner = owner.runner.clone();
    let submitting =
        tokio::spawn(async move { runner.submit(saga("a", "t", vec![step("x", Nature::Idempotent)])).await });
    owner.until(|event| matches!(event, SagaEvent::Alarm(alarm) if alarm.kind == AlarmKind::ExecutorSilent)).await;
    drop(release);
    submitting.await.unwrap().unwrap();
    owner.until_ended("a").await;
}
