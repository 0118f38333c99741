//! The gateway's lists follow the instances, whatever becomes of the gateway.

use crate::bed::{Bed, Says, instance, service};
use homeostat_vocabulary::Phase;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_hold_the_ready_instances_and_follow_them() {
    // Requests would go to an instance that starts, stops or is sick, or not to one that is well.
    let mut bed = Bed::new();
    let phases = [
        ("web/0", Phase::Ready),
        ("web/1", Phase::Starting),
        ("web/2", Phase::Unhealthy),
        ("web/3", Phase::Stopping),
        ("web/4", Phase::Down),
    ];
    let instances = phases.into_iter().zip(4_000..).map(|((id, phase), port)| instance(id, phase, port));
    bed.show(vec![service("web", instances.collect()), service("cold", Vec::new())]);
    bed.until_listed("web", &["127.0.0.1:4000"]).await;
    bed.until_listed("cold", &[]).await;
    bed.show(vec![service(
        "web",
        vec![instance("web/0", Phase::Ready, 4_000), instance("web/1", Phase::Ready, 4_001)],
    )]);
    bed.until_listed("web", &["127.0.0.1:4000", "127.0.0.1:4001"]).await;
    bed.until_listed("cold", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_with_a_name_is_listed_under_it() {
    // A route to the administration port would lead to the public one.
    let mut bed = Bed::new();
    let mut both = instance("web/0", Phase::Ready, 4_000);
    both.ports.insert("admin".to_owned(), 4_900);
    bed.show(vec![service("web", vec![both])]);
    bed.until_listed("web", &["127.0.0.1:4000"]).await;
    bed.until_listed("web:admin", &["127.0.0.1:4900"]).await;
    // A list of a port that is gone is emptied, or requests would still be sent there.
    bed.show(vec![service("web", vec![instance("web/0", Phase::Ready, 4_000)])]);
    bed.until_listed("web:admin", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_comes_back_is_told_everything_at_once() {
    // A gateway that was killed would send all requests to instances of long ago.
    let mut bed = Bed::new();
    bed.show(vec![service("web", vec![instance("web/0", Phase::Ready, 4_000)])]);
    bed.until_listed("web", &["127.0.0.1:4000"]).await;
    bed.kill_gateway().await;
    bed.show(vec![service("web", vec![instance("web/0", Phase::Ready, 4_007)])]);
    assert_eq!(*bed.told.borrow(), json!(null));
    bed.start_gateway();
    bed.until_listed("web", &["127.0.0.1:4007"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_engine_takes_nothing_away_before_it_has_judged_it() {
    // At each death of an engine all requests would fail until its successor has asked every instance whether it is well.
    let mut bed = Bed::new();
    let endpoint = |id: &str, port: u16| json!({ "name": id, "address": format!("127.0.0.1:{port}"), "in_flight": 0 });
    let upstreams = vec![json!({ "upstream": "web", "source": "engine", "waiting": 0,
        "endpoints": [endpoint("web/0", 4_000), endpoint("web/1", 4_001), endpoint("web/2", 4_002)] })];
    bed.says.send_replace(Says { upstreams, ..Says::default() });
    let web = |zero| {
        let one = instance("web/1", Phase::Starting, 4_901);
        vec![service("web", vec![instance("web/0", zero, 4_000), one, instance("web/2", Phase::Down, 4_002)])]
    };
    bed.show(web(Phase::Starting));
    // web/1 is another life at another port, and web/2 is known to be down.
    bed.until_listed("web", &["127.0.0.1:4000"]).await;
    bed.show(web(Phase::Unhealthy));
    bed.until_listed("web", &[]).await;
    bed.show(web(Phase::Starting));
    bed.show(vec![service(
        "web",
        vec![instance("web/1", Phase::Ready, 4_901), instance("web/0", Phase::Starting, 4_000)],
    )]);
    bed.until_listed("web", &["127.0.0.1:4901"]).await;
}

/// A port where nobody listens.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn held(name: &str, held_ms: u64) -> serde_json::Value {
    json!({ "upstream": name, "source": "engine", "service": name, "endpoints": [], "waiting": 1, "held_ms": held_ms })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_started_for_a_held_request_is_listed_when_its_port_accepts() {
    // The first visitor of a service without a health check would be let go into a refusal: a process runs before it listens.
    let mut bed = Bed::new();
    bed.says.send_replace(Says { upstreams: vec![held("cold", 60_000)], ..Says::default() });
    let port = closed_port();
    let both = |phase| {
        let kept = instance("kept/0", phase, 4_000);
        vec![service("cold", vec![instance("cold/0", phase, port)]), service("kept", vec![kept])]
    };
    bed.show(both(Phase::Resting));
    bed.until_listed("cold", &[]).await;
    bed.show(both(Phase::Ready));
    // Told together with what is asked for nothing.
    bed.until_listed("kept", &["127.0.0.1:4000"]).await;
    bed.until_listed("cold", &[]).await;
    let address = format!("127.0.0.1:{port}");
    let listener = std::net::TcpListener::bind(&address).unwrap();
    bed.until_listed("cold", &[&address]).await;
    // Once is enough: one that has no room for a further connection is not a new one.
    drop(listener);
    let mut more = both(Phase::Ready);
    more[0].instances.push(instance("cold/1", Phase::Resting, 4_001));
    more[1].instances.push(instance("kept/1", Phase::Ready, 4_001));
    bed.show(more);
    bed.until_listed("kept", &["127.0.0.1:4000", "127.0.0.1:4001"]).await;
    bed.until_listed("cold", &[&address]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_accepts_is_listed_when_no_request_waits_any_longer() {
    // A service whose port is opened only now and then would never be sent anything.
    let mut bed = Bed::new();
    bed.says.send_replace(Says { upstreams: vec![held("cold", 300)], ..Says::default() });
    let port = closed_port();
    bed.show(vec![service("cold", vec![instance("cold/0", Phase::Ready, port)])]);
    bed.until_listed("cold", &[]).await;
    bed.until_listed("cold", &[&format!("127.0.0.1:{port}")]).await;
}
