//! An instance leaves the gateway before it is stopped, and nothing that the gateway does keeps the stop from happening.

use crate::bed::{Bed, PATIENCE, Says, instance, service};
use homeostat_driver_gateway::Heard;
use homeostat_vocabulary::{InstanceId, Phase};
use serde_json::{Value, json};
use std::sync::Arc;

async fn bed_with_two() -> Bed {
    let mut bed = Bed::new();
    let (one, other) = (instance("web/0", Phase::Ready, 4_000), instance("web/1", Phase::Ready, 4_001));
    bed.show(vec![service("web", vec![one, other])]);
    let upstream = json!({ "upstream": "web", "source": "engine", "endpoints": [], "waiting": 0 });
    bed.says.send_replace(Says { batch: 1, upstreams: vec![upstream], ..Says::default() });
    bed.until_listed("web", &["127.0.0.1:4000", "127.0.0.1:4001"]).await;
    // Once it has told of its services, the link knows which stand behind it.
    bed.hears_what(|heard| matches!(heard, Heard::Traffic(reports) if !reports.is_empty()).then_some(())).await;
    bed
}

/// Leaves, as soon as the link has heard that its lists have arrived; before that there is nothing to leave.
fn leaves(bed: &Bed) -> impl Future<Output = ()> + use<> {
    let (parting, told) = (Arc::clone(&bed.parting), bed.told.clone());
    let addresses = |told: &Value| told["services"]["web"].as_array().map_or(0, Vec::len);
    async move {
        while addresses(&told.borrow().clone()) != 1 {
            parting.leaves(&leaver(), PATIENCE).await;
            tokio::task::yield_now().await;
        }
    }
}

async fn leave(bed: &mut Bed) {
    leaves(bed).await;
    bed.until_listed("web", &["127.0.0.1:4001"]).await;
}

fn leaver() -> InstanceId {
    "web/0".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_out_of_the_lists_before_its_stop_begins_and_a_new_life_is_in_again() {
    // Requests would be sent to a process that has been told to end.
    let mut bed = bed_with_two().await;
    leave(&mut bed).await;
    // The status still shows the old life as ready for a moment; only another process is another life.
    let (one, other) = (instance("web/0", Phase::Ready, 4_000), instance("web/1", Phase::Unhealthy, 4_001));
    bed.show(vec![service("web", vec![one, other])]);
    bed.until_listed("web", &[]).await;
    let (one, other) = (instance("web/0", Phase::Ready, 4_002), instance("web/1", Phase::Ready, 4_001));
    bed.show(vec![service("web", vec![one, other])]);
    bed.until_listed("web", &["127.0.0.1:4002", "127.0.0.1:4001"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_whose_stop_did_not_happen_is_back() {
    // A failed stop would leave a healthy instance without requests until it ends.
    let mut bed = bed_with_two().await;
    leave(&mut bed).await;
    bed.parting.stays(&leaver());
    bed.until_listed("web", &["127.0.0.1:4000", "127.0.0.1:4001"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_gateway_holds_no_stop_up() {
    // A service could not be stopped, or repaired, while the gateway is down.
    let mut bed = bed_with_two().await;
    bed.kill_gateway().await;
    let left = tokio::time::timeout(PATIENCE, bed.parting.leaves(&leaver(), PATIENCE)).await;
    assert!(left.is_ok(), "the stop waits for a dead gateway");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_the_requests_under_way_and_not_for_ever() {
    // Requests that take longer than a moment would be cut by each deployment.
    let mut bed = bed_with_two().await;
    let says =
        |leaving: &[&str]| Says { leaving: leaving.iter().map(ToString::to_string).collect(), ..Says::default() };
    bed.says.send_replace(says(&["web/0", "other/0"]));
    let leaves = tokio::spawn(leaves(&bed));
    bed.until_listed("web", &["127.0.0.1:4001"]).await;
    // As long as a request is under way: longer than any fixed moment that was given before.
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert!(!leaves.is_finished(), "it did not wait");
    bed.says.send_replace(says(&["other/0"]));
    tokio::time::timeout(PATIENCE, leaves).await.expect("nothing is under way").unwrap();
    // And no longer than it may.
    bed.says.send_replace(says(&["web/1"]));
    let within = std::time::Duration::from_millis(50);
    let other = "web/1".parse().unwrap();
    tokio::time::timeout(PATIENCE, bed.parting.leaves(&other, within)).await.expect("the time is over");
}
