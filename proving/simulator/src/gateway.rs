//! The gateway of the modelled world: it asks for a service that nobody answers for, and tells each second how requests went.
//!
//! Outlives every engine, as the real one does. It must never know more of the engine than what runs.

use crate::agenda::Item;
use crate::simulation::Simulation;
use homeostat_controller::Event;
use homeostat_vocabulary::{Command, Millis, ServiceName, Timestamp, Traffic, TrafficReport};
use std::collections::BTreeMap;

/// How often it tells.
const TELLS_EVERY: Millis = Millis(1_000);

/// Requests for a busy service in each such span.
const REQUESTS_A_SPAN: u64 = 10;

/// Until when there are requests for each service.
#[derive(Debug, Default)]
pub(crate) struct Gateway {
    busy_until: BTreeMap<ServiceName, Timestamp>,
    tells: bool,
}

impl Simulation {
    /// Requests come for a service, from now on for a while. The first one brings the gateway into the world.
    pub(crate) fn requests_come(&mut self, service: ServiceName, span: Millis) {
        let now = self.agenda.now;
        let until = self.gateway.busy_until.entry(service.clone()).or_default();
        *until = now.after(span).max(*until);
        self.auditor.asked_until(&service, *until);
        self.ask_for(service);
        if !std::mem::replace(&mut self.gateway.tells, true) {
            self.agenda.after(TELLS_EVERY, Item::GatewayTells);
        }
    }

    pub(crate) fn gateway_tells(&mut self) {
        self.agenda.after(TELLS_EVERY, Item::GatewayTells);
        let now = self.agenda.now;
        let (mut reports, mut unanswered) = (Vec::new(), Vec::new());
        for service in self.policy.services.values() {
            // What came since it told last counts, however short it was.
            let busy = self.gateway.busy_until.get(&service.name).is_some_and(|until| now <= until.after(TELLS_EVERY));
            let answers = service.instance_ids().any(|id| self.world.running(&id).is_some());
            let requests = if busy && answers { REQUESTS_A_SPAN } else { 0 };
            if busy && !answers {
                unanswered.push(service.name.clone());
            }
            let (at, span, under_way) = (now, TELLS_EVERY, u64::from(busy && !answers));
            let traffic = Traffic { at, span, requests, errors: 0, p50: Millis(2), p99: Millis(9), under_way };
            reports.push(TrafficReport { service: service.name.clone(), traffic });
        }
        self.tell(Event::Traffic(reports));
        unanswered.into_iter().for_each(|service| self.ask_for(service));
    }

    /// Asks the engine for a service of which nothing runs.
    fn ask_for(&mut self, service: ServiceName) {
        let Some(declared) = self.policy.services.get(&service) else { return };
        if declared.instance_ids().all(|id| self.world.running(&id).is_none()) {
            self.tell(Event::Command { command: Command::Activate { service }, by: "gateway".to_owned() });
        }
    }
}
