//! The engine killed at any moment: nothing acknowledged is lost, nothing happens twice, nothing is left half done, and the
//! services never notice.

use crate::bed::{Bed, kill, shim_of, visit, web};
use homeostat_store::{Entry, Reader};
use homeostat_testkit::processes::{self, began, marked, runs, variable};
use homeostat_testkit::{PATIENCE, wait_until};
use homeostat_vocabulary::Chance;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the engine is killed.
const KILLS: usize = 50;

/// Half of the engines live no longer than this from the first moment of their start, and are met at it by many a kill. The others
/// live as much longer as a slow machine needs for [`ACTIONS`], and then no longer than this.
const LIFE_MS_MAX: u64 = 700;

/// So many actions are begun in each life of the second half, so that kills meet an engine at its work on every machine.
const ACTIONS: usize = 2;

/// Takes the place of the random seed, to see the same instants again.
const SEED: &str = "ENGINE_KILLED_SEED";

/// After so many milliseconds a restless service dies by itself.
const RESTLESS_LIFE_MS: u64 = 250;

const LIMITS: &str = r#"
[repair]
verify_window = "120ms"
verify_deadline = "20s"
backoff_first = "20ms"
backoff_max = "100ms"
budget = 1000
"#;

fn services(restless_more: &str) -> String {
    let restless = web("restless", "instances = 4").replace("\"{port}\"", &format!("\"{{port}}\"{restless_more}"));
    format!("{LIMITS}{}{restless}", web("steady", "instances = 2"))
}

#[test]
fn fifty_kills_in_the_middle_of_repairs_lose_nothing_and_do_nothing_twice() {
    // Intent before effect, one life for one order, adoption: if one of them is only nearly true, one of the kills shows it.
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("{SEED}={seed}");
    let mut chance = Chance::from_seed(seed);
    let mut bed = Bed::up(&services(&format!(r#", "--die-after-ms", "{RESTLESS_LIFE_MS}""#)));
    let steady = [bed.ready("steady/0"), bed.ready("steady/1")];
    let over = AtomicBool::new(false);
    let data_folder = bed.data_folder();
    thread::scope(|scope| {
        let watched = scope.spawn(|| watch_for_twins(&data_folder, &over));
        let ending = EndOfWatch(&over);
        let mut known = Vec::new();
        let mut announced = 0;
        for round in 0..KILLS {
            let life = Duration::from_millis(chance.below(LIFE_MS_MAX));
            let acknowledged = live_and_die(&mut bed, life, round % 2 * ACTIONS);
            announced += acknowledged.len();
            known = still_there(&bed, known, &acknowledged, round);
            assert!(steady.iter().all(|pid| runs(*pid)), "round {round}: a healthy service did not outlive its engine");
            bed.engine.up();
        }
        wait_until("the engine answers", || bed.try_get("/v1/status").is_some());
        bed.declare(&services(""));
        wait_until("the restless have come to rest", || {
            restless_lives(&bed).is_some_and(|lives| are_at_rest(&bed, &lives))
        });
        bed.all_well();
        drop(ending);
        assert!(announced > KILLS, "hardly anything was announced, so hardly anything was proven");
        let twins = watched.join().unwrap();
        assert!(twins.is_empty(), "{twins:#?}");
    });
    assert_eq!([bed.ready("steady/0"), bed.ready("steady/1")], steady);
    bed.sound();
    assert_whole_stories(&bed);
    assert_each_run_began_once(&data_folder);
    bed.down();
}

/// The processes of the services that die by themselves, if all are ready.
fn restless_lives(bed: &Bed) -> Option<Vec<u64>> {
    let lives = (0..4).map(|index| bed.instance(&format!("restless/{index}")).filter(|it| it["phase"] == "ready"));
    lives.map(|life| life?["pid"].as_u64()).collect()
}

/// Whether they outlive the time after which they used to die.
fn are_at_rest(bed: &Bed, lives: &[u64]) -> bool {
    thread::sleep(Duration::from_millis(2 * RESTLESS_LIFE_MS));
    restless_lives(bed).as_deref() == Some(lives)
}

/// Lets the engine begin so many actions, and live for a while, kills it, and tells the records it has announced as durable.
fn live_and_die(bed: &mut Bed, life: Duration, actions: usize) -> Vec<Value> {
    let (dead, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
    let announced = thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let request = "GET /v1/events HTTP/1.0\r\nhost: localhost\r\n\r\n";
            while !dead.load(Ordering::SeqCst) {
                if let Some(stream) = bed.open_request(request) {
                    let lines = BufReader::new(stream).lines().map_while(Result::ok);
                    let events = lines.filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok());
                    let counted = events.inspect(|event: &Value| {
                        begun.fetch_add(usize::from(event["kind"] == "action.begun"), Ordering::SeqCst);
                    });
                    return counted.collect();
                }
                thread::sleep(Duration::from_millis(2));
            }
            Vec::new()
        });
        // Not by a wait that panics: this engine must die, or its stream would be read for ever.
        let deadline = Instant::now() + PATIENCE;
        while begun.load(Ordering::SeqCst) < actions && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        thread::sleep(life);
        kill(bed.engine.pid().expect("an engine was started"));
        dead.store(true, Ordering::SeqCst);
        stream.join().unwrap()
    });
    bed.engine.kill();
    assert!(begun.into_inner() >= actions, "an engine found nothing to do");
    announced
}

/// Everything that was known before is still there as it was, what was announced too, and the whole is sound; all there is.
fn still_there(bed: &Bed, known: Vec<Entry>, announced: &[Value], round: usize) -> Vec<Entry> {
    bed.sound();
    let from = known.last().map_or(1, |entry| entry.seq);
    let reader = Reader::open(&bed.data_folder()).unwrap();
    let last = known.last().map(|entry| (entry.seq, entry.hash));
    let mut fresh = reader.entries(from, usize::MAX).unwrap();
    // Each record's hash covers the one before, and the chain was proven above: the last one stands for all.
    assert_eq!(last, last.and(fresh.first().map(|entry| (entry.seq, entry.hash))), "round {round}");
    let mut all = known;
    all.extend(fresh.drain(usize::from(last.is_some())..));
    for event in announced {
        let seq = event["seq"].as_u64().unwrap();
        let entry =
            all.iter().rfind(|entry| entry.seq == seq).unwrap_or_else(|| panic!("round {round}: {event} is lost"));
        let payload: Value = serde_json::from_slice(&entry.record.payload).unwrap();
        assert_eq!(
            (&entry.record.kind[..], &payload),
            (event["kind"].as_str().unwrap(), &event["payload"]),
            "round {round}"
        );
    }
    all
}

/// Ends the watch when the test ends, in whatever way.
struct EndOfWatch<'a>(&'a AtomicBool);

impl Drop for EndOfWatch<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Looks again and again for two processes of one life, and for two lives of one instance; tells what it saw.
fn watch_for_twins(data_folder: &Path, over: &AtomicBool) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, (u32, u64)> = BTreeMap::new();
    let mut twins = BTreeSet::new();
    while !over.load(Ordering::SeqCst) {
        let mut of_instance: BTreeMap<String, (u32, u64)> = BTreeMap::new();
        for pid in marked(data_folder) {
            let word = |name| variable(pid, name).and_then(|value| value.into_string().ok());
            let (Some(run), Some(instance)) = (word("HOMEOSTAT_RUN"), word("HOMEOSTAT_INSTANCE")) else { continue };
            let Some(process) = began(pid).map(|began| (pid, began)) else { continue };
            let first = *seen.entry(run.clone()).or_insert(process);
            if first != process {
                twins.insert(format!("life {run} of {instance} began twice: {first:?} and {process:?}"));
            }
            if let Some(other) = of_instance.insert(instance.clone(), process)
                && is_alive(other)
                && is_alive(process)
                && is_alive(other)
            {
                twins.insert(format!("two lives of {instance} side by side: {other:?} and {process:?}"));
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    twins
}

fn is_alive((pid, start): (u32, u64)) -> bool {
    runs(pid) && began(pid) == Some(start)
}

/// Every saga has come to an end that somebody can live with, every action is over, every episode is closed.
fn assert_whole_stories(bed: &Bed) {
    let named = |kind: &str, name: &str| -> Vec<String> {
        bed.facts(kind).iter().map(|fact| fact[name].as_str().unwrap().to_owned()).collect()
    };
    let once = |names: Vec<String>, what: &str| -> BTreeSet<String> {
        let distinct: BTreeSet<String> = names.iter().cloned().collect();
        assert_eq!(distinct.len(), names.len(), "{what} twice");
        distinct
    };
    let created = once(named("saga.created", "saga"), "a saga began");
    let mut ended = once(named("saga.ended", "saga"), "a saga ended");
    ended.extend(["saga.parked", "saga.stuck"].iter().flat_map(|kind| named(kind, "saga")));
    assert_same(&created, &ended, "a saga was left half done");
    let begun = once(named("action.begun", "action"), "an action was begun");
    assert_same(&begun, &once(named("action.ended", "action"), "an action ended"), "an action is not over");
    assert_eq!(created.len(), begun.len(), "an action has not exactly one saga");
    let opened = once(named("episode.opened", "episode"), "an episode was opened");
    assert_same(&opened, &once(named("episode.closed", "episode"), "an episode was closed"), "an episode is open");
    let taken_over = named("saga.taken", "saga").len() - created.len();
    println!("{} actions, {taken_over} taken over half done, {} episodes", begun.len(), opened.len());
    assert!(begun.len() > KILLS, "hardly anything was repaired: the kills met an idle engine");
}

#[track_caller]
fn assert_same(begun: &BTreeSet<String>, ended: &BTreeSet<String>, otherwise: &str) {
    assert!(begun == ended, "{otherwise}: {:?}", begun.symmetric_difference(ended).collect::<Vec<_>>());
}

/// The shims' own word: each life began once.
fn assert_each_run_began_once(data_folder: &Path) {
    let mut lives = BTreeSet::new();
    for index in 0..4 {
        let instance = format!("restless/{index}").parse().unwrap();
        for line in homeostat_driver_process::logs::tail(data_folder, &instance, usize::MAX).unwrap() {
            if let Some((run, _)) = line.text.split_once(" began as process ") {
                assert!(lives.insert(run.to_owned()), "life {run} began twice");
            }
        }
    }
    assert!(lives.len() > KILLS / 2, "{lives:?}");
}

#[test]
fn a_death_that_no_engine_saw_is_known_and_repaired_by_the_next() {
    // Who dies while nobody looks would stay down, or be started again without anybody knowing what it had died of.
    let mut bed = Bed::up(&web("web", "instances = 2"));
    let (dying, other) = (bed.ready("web/0"), bed.ready("web/1"));
    let port = bed.port("web/0");
    bed.engine.kill();
    visit(port, "/exit?code=7");
    let shim = processes::parent(dying);
    wait_until("it is over", || !runs(dying) && !shim.is_some_and(runs));
    bed.start();
    bed.ready_after("web/0", dying);
    bed.all_well();
    assert_eq!(bed.ready("web/1"), other, "what was well was disturbed");
    let finding = bed.fact("finding.made", |_| true);
    assert_eq!(finding["finding"]["kind"]["exit"], serde_json::json!({ "exit": "code", "code": 7 }));
    let (english, spanish) = (bed.why(""), bed.why("--lang es"));
    assert!(english.contains("exit code 7") && spanish.contains("código de salida 7"), "{english}{spanish}");
    bed.down();
}

#[test]
fn a_life_whose_shim_died_with_the_engine_is_repaired_once() {
    // With both witnesses gone nobody knows how it ended; it must still come back, and only once.
    let mut bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    let shim = shim_of(before);
    bed.engine.kill();
    kill(shim);
    wait_until("the service has ended with its shim", || !runs(before));
    bed.start();
    let after = bed.ready_after("web/0", before);
    bed.all_well();
    let finding = bed.fact("finding.made", |_| true);
    assert_eq!(finding["finding"]["kind"]["exit"], serde_json::json!({ "exit": "unknown" }));
    assert_eq!(bed.facts("episode.opened").len(), 1);
    assert_eq!(marked(&bed.data_folder()).len(), 2, "one shim and one service, {after}");
    bed.down();
}
