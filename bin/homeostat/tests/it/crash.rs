//! Services that die, hang, lie dead behind an open face, or will not go: each is seen, repaired, verified, written down and
//! explained.

use crate::bed::{Bed, kill, kiosk, script, shim_of, web};
use homeostat_testkit::processes::{self, descendants, marked, own_kib, runs};
use homeostat_testkit::{wait_for, wait_until};
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn a_killed_service_is_seen_repaired_verified_journaled_and_explained() {
    // The promise of the whole product; if any link of the chain breaks, it breaks here first.
    let bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    kill(before);
    let after = bed.ready_after("web/0", before);
    assert!(runs(after) && !runs(before));
    let closed = bed.fact("episode.closed", |_| true);
    assert_eq!((&closed["episode"], &closed["resolution"]), (&"E1".into(), &"repaired".into()));
    let kinds: Vec<String> =
        bed.records().into_iter().filter(|it| it.record.trace == "E1").map(|it| it.record.kind).collect();
    let story = [
        "signal.seen",
        "episode.opened",
        "finding.made",
        "hypotheses.formed",
        "plan.made",
        "guards.asked",
        "action.begun",
        "saga.created",
        "saga.step_started",
        "saga.step_ended",
        "saga.ended",
        "action.ended",
        "verification.begun",
        "outcome.measured",
        "lesson.learned",
        "episode.closed",
    ];
    let mut told = kinds.iter();
    // The signal that opens an episode stands before it, without its number.
    assert!(story[1..].iter().all(|kind| told.any(|told| told == kind)), "{kinds:?}");
    bed.all_well();
    explained(&bed, after);
    bed.down();
}

/// The same story for people of both languages and for programs.
fn explained(bed: &Bed, after: u32) {
    let english = bed.why("");
    for words in ["SIGKILL", "repaired, and verified", "What was thought", &format!("process {after}")] {
        assert!(english.contains(words), "{words}: {english}");
    }
    let spanish = bed.why("--lang es");
    for words in ["SIGKILL", "reparado y verificado", "Qué se pensó", &format!("proceso {after}")] {
        assert!(spanish.contains(words), "{words}: {spanish}");
    }
    let data: Value = serde_json::from_str(&bed.why("--output json")).unwrap();
    assert_eq!((&data["story"]["resolution"], &data["story"]["attempts"]), (&"repaired".into(), &1.into()));
}

#[test]
fn a_service_that_hangs_is_ended_and_started_again() {
    // A stopped process takes no signal but SIGKILL: one that hangs would hang for ever.
    let bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    assert!(processes::signal(before, Signal::STOP));
    bed.ready_after("web/0", before);
    bed.all_well();
    assert!(!runs(before), "the hung life was left behind");
    let finding = bed.fact("finding.made", |_| true);
    assert_eq!(finding["finding"]["kind"]["last"]["failure"], "timed_out");
    let plan = bed.fact("plan.made", |it| it["plan"]["class"] == "restart");
    let verbs: Vec<&Value> = plan["plan"]["steps"].as_array().unwrap().iter().map(|it| &it["verb"]["verb"]).collect();
    assert_eq!(verbs, ["stop", "start"]);
    bed.down();
}

#[test]
fn a_service_that_closes_its_port_and_lives_is_repaired() {
    // A process that runs and serves nobody looks well to whoever only looks at processes.
    let bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    bed.visit("web/0", "/leak-port");
    bed.ready_after("web/0", before);
    bed.all_well();
    assert!(!runs(before));
    let finding = bed.fact("finding.made", |_| true);
    assert_eq!(finding["finding"]["kind"]["last"]["failure"], "refused");
    let causes = bed.fact("hypotheses.formed", |_| true);
    assert_eq!(causes["hypotheses"][0]["cause"], "not_listening");
    bed.down();
}

#[test]
fn a_service_that_dies_at_once_for_ever_is_tried_ever_more_slowly_and_a_person_is_called() {
    // Restarting as fast as it dies is a storm; giving up without a word leaves it down for good.
    const SLOW_PACE_MS: u64 = 400;
    let limits = r#"
[repair]
verify_window = "300ms"
backoff_first = "20ms"
backoff_max = "400ms"
budget = 3
budget_window = "10min"
"#;
    let bed = Bed::up(&format!("{limits}{}{}", script("broken", "exit 3", ""), web("web", "")));
    let web = bed.ready("web/0");
    wait_until("it is still tried after a person was called", || begun_after_escalation(&bed).len() >= 4);
    let slow = begun_after_escalation(&bed);
    // The pace is the engine's own law by the engine's own clock: no matter how slow this machine is.
    assert!(slow.windows(2).all(|pair| pair[1] - pair[0] >= SLOW_PACE_MS), "{slow:?}");
    assert_eq!(bed.facts("episode.escalated").len(), 1, "a person is called once an episode");
    assert_eq!(bed.facts("episode.opened").len(), 1, "it is one story");
    let status = bed.get("/v1/status");
    assert_eq!((&status["episodes"][0]["escalated"], &status["tallies"]["escalations"]), (&true.into(), &1.into()));
    // Between a start and the death that follows at once it is running, and for that instant all is well.
    wait_until("the status says that something is wrong", || bed.call("status").code == Some(1));
    let told = bed.why("");
    assert!(told.contains("exit code 3") && told.contains("budget"), "{told}");
    assert_eq!(bed.ready("web/0"), web, "its neighbour was disturbed");
    bed.down();
}

/// When repairs were begun after a person was called, in ms.
fn begun_after_escalation(bed: &Bed) -> Vec<u64> {
    let records = bed.records();
    let called = records.iter().position(|entry| entry.record.kind == "episode.escalated");
    let after = called.map_or(&[][..], |called| &records[called..]);
    after.iter().filter(|entry| entry.record.kind == "action.begun").map(|entry| entry.record.at_ms).collect()
}

#[test]
fn a_service_that_ignores_sigterm_is_killed_after_its_grace() {
    // One deaf service would hold up every repair, and the end of everything.
    let more = r#"port = "auto"
stop = { grace = "300ms" }
health = { http = "/health", interval = "300ms", timeout = "300ms", failures = 2, start_grace = "3s" }"#;
    let bed = Bed::up(&kiosk("deaf", "web --port {port} --ignore-term", more));
    let before = bed.ready("deaf/0");
    bed.visit("deaf/0", "/hang");
    let after = bed.ready_after("deaf/0", before);
    bed.all_well();
    assert!(!runs(before) && runs(after));
    let exit = bed.fact("signal.seen", |it| it["signal"]["kind"]["signal"] == "exited");
    assert_eq!(exit["signal"]["kind"]["exit"], serde_json::json!({ "exit": "killed", "signal": 9 }));
    bed.down();
}

#[test]
fn what_a_service_has_forked_ends_with_its_life() {
    // Daemons of lives that are over would hold ports and memory, more with each repair.
    let bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    let shim = shim_of(before);
    bed.visit("web/0", "/fork");
    let daemon = wait_for("the daemon runs", || descendants(shim).into_iter().find(|pid| *pid != before));
    assert!(bed.visit("web/0", "/crash").is_none());
    let after = bed.ready_after("web/0", before);
    bed.all_well();
    assert!(!runs(daemon) && !runs(shim), "something of the old life is left");
    let mut expected = vec![after, shim_of(after)];
    expected.sort_unstable();
    let mut marked = marked(&bed.data_folder());
    marked.sort_unstable();
    assert_eq!(marked, expected);
    bed.down();
}

#[test]
fn a_service_that_makes_itself_a_daemon_is_not_taken_for_running() {
    // The first process is gone and something else runs: two lives side by side after each repair.
    let bed = Bed::up(&script("daemon", "setsid sleep 1000 & exit 0", ""));
    let repairs = || bed.facts("action.begun").len();
    wait_until("it is repaired some times", || repairs() >= 4);
    let sleeping =
        || marked(&bed.data_folder()).iter().filter(|pid| processes::command_line(**pid).starts_with("sleep")).count();
    assert!(sleeping() <= 1, "lives pile up");
    let exit = bed.fact("signal.seen", |it| it["signal"]["kind"]["signal"] == "exited");
    assert_eq!(exit["signal"]["kind"]["exit"], serde_json::json!({ "exit": "code", "code": 0 }));
    bed.down();
}

#[test]
fn a_service_that_floods_its_log_harms_nobody() {
    // One talkative service would fill the memory or the disk, and everything else would go down with it.
    const LINES: u64 = 500_000;
    const LOG_BYTES_MAX: u64 = 4 * (8 << 20) + (1 << 20);
    const ENGINE_GROWTH_KIB_MAX: u64 = 32 << 10;
    const SHIM_KIB_MAX: u64 = 6 << 10;
    let bed = Bed::up(&format!("{}{}", web("loud", ""), web("web", "")));
    let (loud, web) = (bed.ready("loud/0"), bed.ready("web/0"));
    let (engine, shim) = (bed.engine.pid().unwrap(), shim_of(loud));
    let engine_before = own_kib(engine).unwrap();
    let answer = std::thread::scope(|scope| {
        let flood = scope.spawn(|| bed.visit("loud/0", &format!("/flood-log?lines={LINES}")));
        kill(web);
        bed.ready_after("web/0", web);
        flood.join().unwrap()
    });
    assert!(answer.is_some_and(|answer| answer.contains("the log is flooded")));
    let (engine_after, shim_after) = (own_kib(engine).unwrap(), own_kib(shim).unwrap());
    assert!(
        engine_after < engine_before + ENGINE_GROWTH_KIB_MAX,
        "the engine grew from {engine_before} to {engine_after}"
    );
    eprintln!("SHIM {shim_after} ENG {engine_before} {engine_after}");
    assert!(shim_after < SHIM_KIB_MAX, "the shim has grown to {shim_after} KiB");
    let folder = bed.data_folder().join("runs/loud/0/log");
    let bytes: u64 = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < LOG_BYTES_MAX, "the log has {bytes} bytes");
    let last = bed.call("logs loud -n 5");
    assert!(last.out.contains(&format!("flood {}", LINES - 1)), "{}", last.out);
    assert_eq!(bed.ready("loud/0"), loud, "it was disturbed");
    bed.down();
}
