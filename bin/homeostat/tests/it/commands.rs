//! What people tell the engine, with real services underneath: it does so at once, and no more than that.

use crate::bed::{Bed, kill, kiosk, script, web};
use homeostat_testkit::processes::{self, runs};
use homeostat_testkit::wait_until;
use rustix::process::Signal;
use serde_json::json;
use std::thread;
use std::time::Duration;

/// Long enough for what must not happen to happen.
const A_WHILE: Duration = Duration::from_millis(1_200);

/// Fails the test if an action is begun while nothing may be.
#[track_caller]
fn nothing_is_done_for_a_while(bed: &Bed) {
    let before = bed.facts("action.begun").len();
    thread::sleep(A_WHILE);
    assert_eq!(bed.facts("action.begun").len(), before, "the engine acted");
}

#[test]
fn a_pause_holds_at_once_and_through_a_restart_of_the_engine_until_it_is_lifted() {
    // Whoever presses the red button must be able to trust it, whatever else happens.
    let mut bed = Bed::up(&format!("{}{}", web("web", ""), web("other", "")));
    let (web, other) = (bed.ready("web/0"), bed.ready("other/0"));
    let answer = bed.call("pause");
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    kill(web);
    wait_until("the death is seen", || bed.instance("web/0").is_some_and(|it| it["phase"] == "down"));
    nothing_is_done_for_a_while(&bed);
    let refusal = json!({ "guard": "kill_switch", "verdict": { "verdict": "refuse" } });
    bed.fact("guards.asked", |asked| asked["verdicts"].as_array().unwrap().contains(&refusal));
    assert!(bed.call("status").out.to_lowercase().contains("paused"), "status does not say so");
    bed.engine.kill();
    kill(other);
    bed.start();
    nothing_is_done_for_a_while(&bed);
    assert_eq!(bed.get("/v1/status")["paused"], json!([{ "scope": "everything" }]));
    assert_eq!(bed.call("resume").code, Some(0));
    bed.ready_after("web/0", web);
    bed.ready_after("other/0", other);
    bed.all_well();
    bed.down();
}

#[test]
fn a_pause_of_one_service_leaves_the_others_cared_for() {
    // A pause that reaches too far leaves services down that nobody meant.
    let bed = Bed::up(&format!("{}{}", web("web", ""), web("other", "")));
    let (web, other) = (bed.ready("web/0"), bed.ready("other/0"));
    assert_eq!(bed.call("pause web").code, Some(0));
    kill(web);
    kill(other);
    bed.ready_after("other/0", other);
    wait_until("the other's story is over", || bed.facts("episode.closed").len() == 1);
    nothing_is_done_for_a_while(&bed);
    assert_eq!(bed.instance("web/0").unwrap()["phase"], "down");
    assert_eq!(bed.call("resume web").code, Some(0));
    bed.ready_after("web/0", web);
    bed.all_well();
    bed.down();
}

#[test]
fn the_kill_switch_file_stops_an_engine_that_runs() {
    // When the command line is of no use any more, a file must do.
    let bed = Bed::up(&web("web", ""));
    let web = bed.ready("web/0");
    let switch = bed.data_folder().join("paused");
    std::fs::write(&switch, "").unwrap();
    wait_until("the file is heeded", || bed.get("/v1/status")["paused"] == json!([{ "scope": "everything" }]));
    wait_until("the pause is the journal's from here on", || !switch.exists());
    kill(web);
    nothing_is_done_for_a_while(&bed);
    assert_eq!(bed.fact("acting.paused", |_| true)["by"], "kill-switch file");
    assert_eq!(bed.call("resume").code, Some(0));
    bed.ready_after("web/0", web);
    bed.all_well();
    bed.down();
}

#[test]
fn the_kill_switch_file_stops_the_next_engine_before_it_has_done_anything() {
    // An engine that acts first and reads the file then has acted against the order.
    let mut bed = Bed::up(&web("web", ""));
    let web = bed.ready("web/0");
    bed.engine.kill();
    kill(web);
    assert_eq!(bed.call("pause").code, Some(0));
    assert!(bed.data_folder().join("paused").exists());
    bed.start();
    nothing_is_done_for_a_while(&bed);
    assert!(!bed.data_folder().join("paused").exists());
    // Taken back while no engine runs: the journal remembers a pause that an engine has heeded.
    bed.engine.kill();
    assert_eq!(bed.call("resume").code, Some(3), "there is no file, and no engine to ask");
    bed.start();
    assert_eq!(bed.call("resume").code, Some(0));
    bed.ready_after("web/0", web);
    bed.all_well();
    bed.down();
}

#[test]
fn an_undo_ends_the_new_life_and_holds_until_it_is_lifted() {
    // An undo that the next tick repairs away is none.
    let mut bed = Bed::up(&web("web", ""));
    let first = bed.ready("web/0");
    kill(first);
    let second = bed.ready_after("web/0", first);
    bed.all_well();
    let action =
        bed.fact("plan.made", |it| it["plan"]["class"] == "restart")["plan"]["action"].as_str().unwrap().to_owned();
    let undone = bed.call(&format!("undo {action}"));
    assert_eq!(undone.code, Some(0), "{}", undone.err);
    wait_until("the life it had begun is over", || !runs(second));
    wait_until("it is held", || bed.instance("web/0").is_some_and(|it| it["phase"] == "stopped"));
    nothing_is_done_for_a_while(&bed);
    bed.engine.kill();
    bed.start();
    nothing_is_done_for_a_while(&bed);
    assert_eq!(bed.instance("web/0").unwrap()["phase"], "stopped");
    assert_ne!(bed.call(&format!("undo {action}")).code, Some(0), "it was taken back already");
    assert_eq!(bed.call("resume").code, Some(0));
    bed.ready_after("web/0", second);
    bed.all_well();
    bed.down();
}

#[test]
fn what_cannot_be_taken_back_is_refused_by_name() {
    // A promise to undo what ended a process would be a lie: what it held in memory is gone.
    let bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    bed.visit("web/0", "/hang");
    bed.ready_after("web/0", before);
    bed.all_well();
    let action =
        bed.fact("plan.made", |it| it["plan"]["class"] == "restart")["plan"]["action"].as_str().unwrap().to_owned();
    let refused = bed.call(&format!("undo {action}"));
    assert_eq!(refused.code, Some(4), "{}", refused.err);
    assert!(refused.err.contains("H0509"), "{}", refused.err);
    bed.down();
}

#[test]
fn at_level_approve_nothing_happens_without_a_persons_word() {
    // A plan that is carried out unasked, or that is lost when it is refused, is worse than no plan.
    let bed = Bed::up(&web("web", "").replace("\"auto\"\nport", "\"approve\"\nport"));
    let first = bed.ready("web/0");
    kill(first);
    let waiting = |bed: &Bed| bed.get("/v1/status")["episodes"][0]["awaiting_approval"].as_str().map(str::to_owned);
    wait_until("it is asked for", || waiting(&bed).is_some());
    nothing_is_done_for_a_while(&bed);
    let action = waiting(&bed).unwrap();
    assert_eq!(bed.call(&format!("reject {action}")).code, Some(0));
    nothing_is_done_for_a_while(&bed);
    assert_ne!(bed.call(&format!("approve {action}")).code, Some(0), "it was rejected");
    assert_eq!(bed.call("resume").code, Some(0));
    wait_until("it is asked for anew", || waiting(&bed).is_some_and(|again| again != action));
    let again = waiting(&bed).unwrap();
    assert_eq!(bed.call(&format!("approve {again}")).code, Some(0));
    bed.ready_after("web/0", first);
    bed.all_well();
    bed.down();
}

#[test]
fn at_level_observe_everything_is_written_down_and_nothing_done() {
    // The first day with the product: whoever only wants to look must not be helped.
    let bed = Bed::up(&web("web", "").replace("\"auto\"\nport", "\"observe\"\nport"));
    let before = bed.ready("web/0");
    kill(before);
    bed.fact("guards.asked", |it| it["decision"]["decision"] == "refuse");
    nothing_is_done_for_a_while(&bed);
    assert_eq!(bed.instance("web/0").unwrap()["phase"], "down");
    assert_eq!(bed.facts("plan.made").len(), 2, "the start, and what would have been done");
    let told = bed.why("");
    assert!(told.contains("SIGKILL") && told.contains("Autonomy"), "{told}");
    assert!(told.contains("would carry out"), "it reads as a failure, not as what would have been done: {told}");
    // And when it has been looked at, a word is enough to have it back.
    assert_eq!(bed.call("resume web").code, Some(0));
    bed.ready_after("web/0", before);
    bed.fact("episode.closed", |_| true);
    bed.down();
}

#[test]
fn down_ends_dependents_before_what_they_depend_on() {
    // A shop whose database goes first loses the orders of its last second.
    let services = [
        web("shop", "depends_on = [\"stock\"]"),
        web("stock", "depends_on = [\"base\"]\ninstances = 2"),
        kiosk("base", "till", ""),
    ];
    let bed = Bed::up(&services.concat());
    bed.all_well();
    let data_folder = bed.data_folder();
    let answer = bed.call("down");
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let order = |signal: &str| -> Vec<String> {
        let seen = bed.facts("signal.seen").into_iter().filter(|it| it["signal"]["kind"]["signal"] == signal);
        seen.map(|it| it["signal"]["subject"].as_str().unwrap().split('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!(order("up"), ["base", "stock", "stock", "shop"]);
    assert_eq!(order("exited"), ["shop", "stock", "stock", "base"]);
    assert!(processes::marked(&data_folder).is_empty());
}

#[test]
fn services_that_are_kept_are_adopted_as_they_are() {
    // An update of the engine that restarts every service is an outage.
    let mut bed = Bed::up(&format!("{}{}", web("web", "instances = 2"), kiosk("till", "till", "")));
    let before = ["web/0", "web/1", "till/0"].map(|id| bed.ready(id));
    assert_eq!(bed.call("down --keep-services").code, Some(0));
    assert_eq!(bed.gone(), Some(0));
    assert!(before.iter().all(|pid| runs(*pid)));
    assert_eq!(bed.call("status").code, Some(3));
    let begun = bed.facts("action.begun").len();
    bed.start();
    assert_eq!(["web/0", "web/1", "till/0"].map(|id| bed.ready(id)), before);
    assert_eq!(bed.facts("engine.started")[1]["adopted"], 3);
    assert_eq!(bed.facts("action.begun").len(), begun);
    bed.down();
}

#[test]
fn a_second_signal_ends_the_engine_at_once_and_leaves_the_services() {
    // Whoever presses Ctrl-C twice does not want to wait for a service that does not go.
    let more = "port = \"auto\"\nstop = { grace = \"10min\" }";
    let mut bed = Bed::up(&kiosk("deaf", "web --port {port} --ignore-term", more));
    let deaf = bed.ready("deaf/0");
    let engine = bed.engine.pid().unwrap();
    assert!(processes::signal(engine, Signal::INT));
    wait_until("the end has begun", || !bed.facts("shutdown.requested").is_empty());
    assert!(runs(engine) && processes::signal(engine, Signal::INT));
    assert_eq!(bed.gone(), Some(0));
    assert!(runs(deaf), "a service that was left is not there");
    bed.sound();
}

#[test]
fn a_reload_is_applied_one_instance_at_a_time() {
    // All at once would be an outage for each change, and a bad change the end of all instances.
    let bed = Bed::up(&web("web", "instances = 3"));
    bed.all_well();
    let before = [0, 1, 2].map(|index| bed.ready(&format!("web/{index}")));
    bed.declare(&web("web", "instances = 3\nenvironment = { COLOUR = \"green\" }"));
    for (index, pid) in before.iter().enumerate() {
        bed.ready_after(&format!("web/{index}"), *pid);
    }
    wait_until("all replacements are over", || bed.facts("action.ended").len() == 6);
    bed.all_well();
    assert_eq!(bed.fact("policy.applied", |it| it["origin"] != "start")["origin"], "file");
    assert_eq!(bed.facts("episode.opened").len(), 0, "a wanted change is no trouble");
    assert_one_at_a_time(&bed);
    let colour = processes::variable(bed.ready("web/2"), "COLOUR");
    assert_eq!(colour.unwrap(), "green");
    bed.down();
}

/// Each replacement begins only after the one before is ready.
fn assert_one_at_a_time(bed: &Bed) {
    let mut not_ready = None;
    let applied = bed.records().into_iter().rposition(|entry| entry.record.kind == "policy.applied").unwrap();
    for entry in &bed.records()[applied..] {
        let fact: serde_json::Value = serde_json::from_slice(&entry.record.payload).unwrap();
        let ready = fact["signal"]["kind"]["signal"] == "probe_passed";
        if ready && not_ready.as_ref() == Some(&fact["signal"]["subject"]) {
            not_ready = None;
        }
        if entry.record.kind == "action.begun" {
            assert_eq!(not_ready, None, "{} was begun too early", fact["target"]);
            not_ready = Some(fact["target"].clone());
        }
    }
}

#[test]
fn a_reload_asked_for_by_signal_or_api_takes_what_is_new() {
    // Where files cannot be watched, these are the only ways.
    let bed = Bed::up(&web("web", ""));
    let web_pid = bed.ready("web/0");
    bed.declare(&format!("{}{}", web("web", ""), kiosk("second", "till", "")));
    assert!(processes::signal(bed.engine.pid().unwrap(), Signal::HUP));
    bed.ready("second/0");
    bed.declare(&format!("{}{}", web("web", ""), kiosk("third", "till", "")));
    let (status, outcome) = bed.post("/v1/reload", "").unwrap();
    assert_eq!((status, &outcome["services"]), (200, &json!(["third", "web"])), "{outcome}");
    bed.ready("third/0");
    wait_until("what is no longer declared is ended", || bed.instance("second/0").is_none());
    assert_eq!(bed.ready("web/0"), web_pid, "what did not change was disturbed");
    bed.down();
}

#[test]
fn a_reload_with_mistakes_is_refused_by_name_and_changes_nothing() {
    // A typing error must not take the services down.
    let bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    bed.declare(&web("web", "instnaces = 3"));
    let rejected = bed.fact("policy.rejected", |_| true);
    assert!(rejected["problems"][0].as_str().unwrap().contains("instnaces"), "{rejected}");
    let (status, problem) = bed.post("/v1/reload", "").unwrap();
    assert_eq!((status, &problem["code"]), (422, &json!("H0430")), "{problem}");
    assert!(bed.call("journal tail").out.contains("instnaces"));
    // Whoever has just saved the file looks here first, and so do scripts, by the exit code.
    let status = bed.call("status");
    assert!(status.out.contains("was not taken") && status.out.contains("instnaces"), "{}", status.out);
    kill(before);
    bed.ready_after("web/0", before);
    bed.all_well();
    bed.declare(&web("web", "instances = 2"));
    bed.ready("web/1");
    bed.down();
}

#[test]
fn a_configuration_that_is_being_written_is_not_taken_for_whole() {
    // `cp new homeostat.toml` empties the file and then fills it: whoever looked in between would end every service.
    let bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    let path = bed.engine.folder().join("homeostat.toml");
    let whole = std::fs::read_to_string(&path).unwrap();
    for _ in 0..15 {
        std::fs::write(&path, "").unwrap();
        thread::sleep(Duration::from_millis(40));
        std::fs::write(&path, &whole).unwrap();
        thread::sleep(Duration::from_millis(250));
    }
    bed.declare(&web("web", "instances = 2"));
    bed.ready("web/1");
    assert_eq!(bed.ready("web/0"), before, "it was never ended");
    bed.down();
}

#[test]
fn a_journal_from_the_future_is_gone_on_from() {
    // A clock that was wrong for a day would make every timer of the next day wait, or every record lie about its order.
    const DAY_MS: u64 = 24 * 3_600 * 1_000;
    let mut bed = Bed::of(&format!("{}{}", web("web", ""), script("sleeper", "exec sleep 1000", "")));
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let future = u64::try_from(wall.as_millis()).unwrap() + DAY_MS;
    write_record_at(&bed, future);
    for _ in 0..2 {
        bed.start();
        let before = bed.ready("web/0");
        kill(before);
        bed.ready_after("web/0", before);
        bed.all_well();
        bed.engine.kill();
    }
    let times: Vec<u64> = bed.records().iter().map(|entry| entry.record.at_ms).collect();
    assert!(times.iter().all(|at| *at >= future), "records fell behind the newest: {times:?}");
    assert!(bed.why("").contains("repaired"));
    bed.start();
    bed.down();
}

fn write_record_at(bed: &Bed, at_ms: u64) {
    use homeostat_store::{Commit, Journal, Options, Record};
    std::fs::create_dir_all(bed.data_folder()).unwrap();
    let journal = Journal::open(&bed.data_folder(), Options::default()).unwrap();
    let record = Record {
        at_ms,
        class: 0,
        kind: "engine.stopped".into(),
        subject: "engine".into(),
        trace: String::new(),
        payload: br#"{"fact":"engine_stopped","services_kept":false}"#.to_vec(),
    };
    journal.commit_blocking(Commit { records: vec![record], ..Commit::default() }).unwrap();
    journal.close();
}
