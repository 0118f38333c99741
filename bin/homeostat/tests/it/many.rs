//! Many instances at once, and most of them gone at once.

use crate::bed::{Bed, kill};
use homeostat_testkit::processes::{marked, own_kib, runs};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Instances that are looked after.
const INSTANCES: usize = 200;

/// Of these, so many are killed in one sweep.
const KILLED: usize = INSTANCES * 8 / 10;

/// What the engine may use for them, far below what one leak an instance would come to; an unoptimised build needs more.
const ENGINE_KIB_MAX: u64 = 80 << 10;

/// How long all of it may take on a busy machine of two cores.
const LONG_PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn two_hundred_instances_come_back_when_four_fifths_are_killed_at_once() {
    // A rack that loses its power for a moment: queues, turns or threads that are too small would leave some down for good.
    let services = format!(
        "\n[services.many]\ncommand = [\"sleep\", \"100000\"]\ninstances = {INSTANCES}\nautonomy = \"auto\"\nstop = {{ grace = \"5s\" }}\n"
    );
    let bed = Bed::up(&services);
    let before = all_ready(&bed, |_, _| true);
    let engine = bed.engine.pid().unwrap();
    let killed: BTreeMap<&String, u32> = before.iter().take(KILLED).map(|(id, pid)| (id, *pid)).collect();
    killed.values().for_each(|pid| kill(*pid));
    let after = all_ready(&bed, |id, pid| killed.get(id) != Some(&pid));
    assert!(killed.values().all(|pid| !runs(*pid)));
    let spared: Vec<_> = before.iter().skip(KILLED).collect();
    assert!(spared.iter().all(|(id, pid)| after.get(*id) == Some(pid)), "an instance that was well was disturbed");
    patiently(|| bed.facts("episode.closed").len() == KILLED);
    assert!(bed.facts("episode.closed").iter().all(|closed| closed["resolution"] == "repaired"));
    assert_eq!(bed.facts("episode.opened").len(), KILLED);
    assert_eq!(marked(&bed.data_folder()).len(), 2 * INSTANCES, "a shim and a service each");
    let resident = own_kib(engine).unwrap();
    eprintln!("ENGINE {resident} KiB");
    assert!(resident < ENGINE_KIB_MAX, "the engine uses {resident} KiB");
    bed.all_well();
    bed.down();
}

/// Waits until all are ready, each in a life that `counts`; their processes.
fn all_ready(bed: &Bed, counts: impl Fn(&String, u32) -> bool) -> BTreeMap<String, u32> {
    let mut lives = BTreeMap::new();
    patiently(|| {
        let Some((200, status)) = bed.try_get("/v1/status") else { return false };
        let instances = status["services"][0]["instances"].as_array().cloned().unwrap_or_default();
        let ready = instances.iter().filter(|instance| instance["phase"] == "ready").filter_map(life);
        lives = ready.filter(|(id, pid)| counts(id, *pid)).collect();
        lives.len() == INSTANCES
    });
    lives
}

fn life(instance: &Value) -> Option<(String, u32)> {
    Some((instance["id"].as_str()?.to_owned(), u32::try_from(instance["pid"].as_u64()?).ok()?))
}

/// Waits longer than other tests do, and looks less often.
#[track_caller]
fn patiently(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG_PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited {LONG_PATIENCE:?} in vain");
        std::thread::sleep(Duration::from_millis(100));
    }
}
