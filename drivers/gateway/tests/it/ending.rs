//! The link ends with the engine.

use homeostat_driver_gateway::{Client, Link, Options};
use homeostat_vocabulary::{
    Autonomy, Limits, Millis, Objectives, Policy, Service, StartMode, Status, Stop, StopSignal, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

#[tokio::test]
async fn a_link_whose_engine_has_ended_ends_and_does_not_spin() {
    // Would break: an engine that ends keeps a processor busy and floods its log.
    let folder = tempfile::tempdir().unwrap();
    let (status, status_out) = watch::channel(Arc::new(Status::default()));
    let (heard, _heard) = mpsc::channel(1);
    let clock = Arc::new(|| Timestamp(1));
    let socket = folder.path().join("gateway.sock");
    let link = Link::new(Options { client: Client::new(socket), status: status_out, heard: heard.into(), clock });
    let gateway = Service {
        name: "gateway".parse().unwrap(),
        command: vec!["gateway".to_owned()],
        instances: 1,
        environment: BTreeMap::new(),
        working_folder: "/".to_owned(),
        ports: BTreeMap::new(),
        depends_on: Vec::new(),
        health: None,
        objectives: Objectives::default(),
        stop: Stop { signal: StopSignal::Term, grace: Millis(1) },
        limits: Limits::default(),
        autonomy: Autonomy::Auto,
        start: StartMode::AtOnce,
        takes_over: false,
        ends_first: false,
    };
    let mut policy = Policy::default();
    policy.services.insert(gateway.name.clone(), gateway);
    let (policy, policy_out) = watch::channel(Arc::new(policy));
    let running = tokio::spawn(async move { link.run_while_declared("gateway", policy_out).await });
    tokio::task::yield_now().await;
    drop(policy);
    // The status is still shown: only the policy has nobody any more.
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
    drop(status);
}
