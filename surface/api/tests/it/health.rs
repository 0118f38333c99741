//! The health check: its words, its status codes, and figures that are the engine's own.

use crate::{Fixture, facts};
use homeostat_vocabulary::{Phase, Scope, Status};
use serde_json::json;
use std::sync::Arc;

impl Fixture {
    fn change(&self, change: impl FnOnce(&mut Status)) {
        let mut status = facts::status();
        change(&mut status);
        self.status.send_replace(Arc::new(status));
    }
}

#[tokio::test]
async fn the_figures_are_the_engines_own() {
    // A monitor would see figures that nobody counted.
    let fixture = Fixture::open().await;
    let reply = fixture.stranger().get("/api/health").await;
    assert_eq!(reply.status, 200);
    let mut health = reply.json();
    assert!(health["uptime_ms"].is_u64());
    health.as_object_mut().unwrap().remove("uptime_ms");
    let expected = json!({
        "status": "healthy",
        "version": "1.2.3",
        "systems": {
            "orchestrator": {
                "status": "active", "services": 1, "instances": 3, "ready": 2, "changing": 0, "unhealthy": 0, "down": 0,
                "stopped": 1, "note": "",
            },
            "decisionEngine": { "status": "active", "plans": 6, "guards_asked": 5, "refused": 4, "note": "" },
            "recoverySystem": {
                "status": "active", "actions": 3, "fixed": 2, "without_effect": 0, "unknown": 0, "escalations": 0, "note": "",
            },
            "anomalyDetector": { "status": "active", "signals": 11, "findings": 7, "open_episodes": 0, "note": "" },
            "autoScaler": {
                "status": "off", "instances_min": 1, "instances_max": 10,
                "note": "switched off in the configuration; scaling by load is not built yet",
            },
        },
    });
    assert_eq!(health, expected);
}

#[tokio::test]
async fn the_word_tells_what_is_the_matter() {
    // A load balancer or a monitor would take a stuck engine for a healthy one, or page for a paused one.
    let fixture = Fixture::open().await;
    let stranger = fixture.stranger();
    let word = async || {
        let reply = stranger.get("/api/health").await;
        (reply.status, reply.json()["status"].as_str().unwrap().to_owned(), reply.json())
    };
    fixture.change(|status| status.episodes.push(facts::open_episode(1)));
    assert_eq!(word().await.1, "degraded");
    fixture.change(|status| status.services[0].instances[0].phase = Phase::Down);
    let (code, status, _) = word().await;
    assert_eq!((code, status.as_str()), (200, "degraded"));
    fixture.change(|status| status.cannot_act = Some("disk full at /secret/place".to_owned()));
    let (code, status, body) = word().await;
    assert_eq!((code, status.as_str(), &body["systems"]["orchestrator"]["status"]), (503, "read-only", &json!("off")));
    assert!(!body.to_string().contains("/secret"), "an open address tells no paths");
    fixture.change(|status| status.shutting_down = true);
    let (code, status, _) = word().await;
    assert_eq!((code, status.as_str()), (503, "stopping"));
    fixture.change(|status| status.paused.push(Scope::Everything));
    let (code, status, body) = word().await;
    assert_eq!(
        (code, status.as_str(), &body["systems"]["recoverySystem"]["status"]),
        (200, "healthy", &json!("paused"))
    );
    assert_eq!(body["systems"]["anomalyDetector"]["status"], "active");
    fixture.change(|_| {});
    let mut policy = facts::policy();
    policy.switches.recovery = false;
    policy.switches.detection = false;
    policy.scaling.enabled = true;
    fixture.policy.send_replace(Arc::new(policy));
    let systems = word().await.2["systems"].clone();
    let of = |name: &str| systems[name]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        (of("recoverySystem"), of("anomalyDetector"), of("autoScaler")),
        ("off".into(), "off".into(), "active".into())
    );
}
