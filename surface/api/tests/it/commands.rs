//! Commands reach the engine as they were meant, and its answers the client.

use crate::Fixture;
use homeostat_vocabulary::{ActionId, Command, CommandReply, Guard, Refusal, Scope};
use std::collections::BTreeSet;

#[tokio::test]
async fn each_address_asks_for_what_it_says_and_tells_who_asked() {
    // "Reject" would approve, or the journal would name the wrong person.
    let fixture = Fixture::open().await;
    let (local, tcp) = (fixture.local(), fixture.tcp());
    assert_eq!(
        local.post("/v1/pause", r#"{"scope": "everything"}"#).await.json(),
        serde_json::json!({ "reply": "done" })
    );
    tcp.post("/v1/resume", r#"{"service": "web"}"#).await;
    for verb in ["approve", "reject", "undo"] {
        assert_eq!(tcp.ask("POST", &format!("/v1/actions/A7/{verb}"), None).await.status, 200);
    }
    assert_eq!(local.ask("POST", "/v1/services/web/start", None).await.status, 200);
    local.post("/v1/shutdown", r#"{"keep_services": true}"#).await;
    let local_name = format!("local user {}", rustix::process::geteuid().as_raw());
    let action = ActionId(7);
    let expected = [
        (Command::Pause { scope: Scope::Everything }, local_name.clone()),
        (Command::Resume { scope: Scope::Service { name: "web".parse().unwrap() } }, "api token".to_owned()),
        (Command::Approve { action }, "api token".to_owned()),
        (Command::Reject { action }, "api token".to_owned()),
        (Command::Undo { action }, "api token".to_owned()),
        (Command::Activate { service: "web".parse().unwrap() }, local_name.clone()),
        (Command::Shutdown { keep_services: true }, local_name),
    ];
    assert_eq!(fixture.asked(), expected);
}

const GUARDS: [Guard; 9] = [
    Guard::KillSwitch,
    Guard::RecoverySwitch,
    Guard::Autonomy,
    Guard::Rate,
    Guard::Backoff,
    Guard::Freshness,
    Guard::OneActor,
    Guard::Journal,
    Guard::Reversible,
];

fn refuse(command: &Command) -> Result<CommandReply, Refusal> {
    let Command::Approve { action } = command else { return Err(Refusal::ShuttingDown) };
    let guard = GUARDS.get(usize::try_from(action.0).unwrap()).copied();
    Err(match (guard, action.0) {
        (Some(guard), _) => Refusal::Guarded { guard, reason: "because".to_owned() },
        (None, 20) => Refusal::NoSuchAction { action: *action },
        (None, 21) => Refusal::WrongState { action: *action, state: "has ended".to_owned() },
        (None, 22) => Refusal::NoSuchInstance { instance: "web/0".parse().unwrap() },
        _ => Refusal::NoSuchService { name: "web".parse().unwrap() },
    })
}

#[tokio::test]
async fn each_guards_no_has_its_own_code() {
    // The command line tells by the code that a guard refused; a person reads on the page when it gives way.
    let fixture = Fixture::with(|_| {}, refuse).await;
    let local = fixture.local();
    let approve = async |action: usize| local.ask("POST", &format!("/v1/actions/A{action}/approve"), None).await;
    let mut codes = BTreeSet::new();
    for action in 0..GUARDS.len() {
        let reply = approve(action).await;
        assert!(matches!(reply.status, 403 | 409) && reply.code().starts_with("H05"), "{reply:?}");
        assert!(reply.json()["detail"].as_str().unwrap().contains("because"));
        codes.insert(reply.code());
    }
    assert_eq!(codes.len(), GUARDS.len());
    for (action, status, code) in [(20, 404, "H0424"), (21, 409, "H0427"), (22, 409, "H0427"), (23, 404, "H0424")] {
        let reply = approve(action).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
    }
    let reply = local.post("/v1/pause", r#"{"scope": "everything"}"#).await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "H0434"));
}

#[tokio::test]
async fn a_refused_configuration_names_every_problem() {
    // A person would be told that something is wrong, and not what.
    let fixture = Fixture::open().await;
    let taken = fixture.local().ask("POST", "/v1/reload", None).await;
    assert_eq!((taken.status, &taken.json()["fingerprint"]), (200, &serde_json::json!("abc")));
    let refused = fixture.local().ask("POST", "/v1/reload", None).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "H0430"));
    assert_eq!(refused.json()["problems"][0], "homeostat.toml:3: unknown key `prot`");
}

#[tokio::test]
async fn an_engine_that_is_gone_is_a_problem_and_not_a_silence() {
    // A client would wait for ever for an engine whose loop has ended.
    let mut fixture = Fixture::open().await;
    fixture.engine.shutdown().await;
    let reply = fixture.local().post("/v1/pause", r#"{"scope": "everything"}"#).await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "H0434"));
    assert_eq!(fixture.local().get("/v1/status").await.status, 200);
}
