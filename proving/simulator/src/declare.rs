//! Services as scenarios and seeds declare them: plain, with what the loop reads filled in and the rest left empty.

use homeostat_vocabulary::{
    Autonomy, HealthCheck, Limits, Millis, Objectives, Probe, Service, ServiceName, StartMode, Stop, StopSignal,
};
use std::collections::BTreeMap;

/// A service with one instance, no health check and full autonomy.
#[must_use]
pub fn service(name: ServiceName) -> Service {
    Service {
        command: vec![name.to_string()],
        name,
        instances: 1,
        environment: BTreeMap::new(),
        working_folder: "/".to_owned(),
        ports: BTreeMap::new(),
        depends_on: Vec::new(),
        health: None,
        objectives: Objectives::default(),
        stop: Stop { signal: StopSignal::Term, grace: Millis::from_secs(5) },
        limits: Limits::default(),
        autonomy: Autonomy::Auto,
        start: StartMode::AtOnce,
        takes_over: false,
        ends_first: false,
    }
}

/// A health check every second that needs three failures to be believed.
#[must_use]
pub fn health() -> HealthCheck {
    HealthCheck {
        probe: Probe::Tcp { address: "127.0.0.1:{port}".to_owned() },
        interval: Millis(1_000),
        timeout: Millis(500),
        failures: 3,
        successes: 2,
        start_grace: Millis(2_000),
    }
}
