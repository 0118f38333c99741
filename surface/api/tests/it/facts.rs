//! A status, a policy, and the facts of a repair, as an engine would have made them.

use homeostat_store::Record;
use homeostat_vocabulary::{
    ActionClass, ActionEnd, ActionId, Autonomy, Candidate, CandidateOption, Decision, EpisodeId, EpisodeStatus, Exit,
    Fact, Finding, FindingKind, Guard, GuardVerdict, InstanceId, InstanceStatus, Limits, Millis, Objectives, Outcome,
    Phase, Plan, Policy, Port, Resolution, Service, ServiceStatus, Severity, Signal, SignalKind, Status, Step,
    StepUndo, StepVerb, Stop, StopSignal, Tallies, Timestamp, Verdict, Verification,
};
use std::collections::BTreeMap;

pub fn instance(text: &str) -> InstanceId {
    text.parse().unwrap()
}

/// A fact as the engine writes it.
pub fn record(fact: &Fact, at_ms: u64) -> Record {
    Record {
        at_ms,
        class: fact.class() as u8,
        kind: fact.kind().to_owned(),
        subject: fact.subject(),
        trace: fact.trace(),
        payload: serde_json::to_vec(fact).unwrap(),
    }
}

pub fn status() -> Status {
    let instance = |index: u16, phase| InstanceStatus {
        id: InstanceId::new("web".parse().unwrap(), index),
        phase,
        pid: Some(100 + u32::from(index)),
        ports: BTreeMap::from([("port".to_owned(), 8080 + index)]),
        since: Some(Timestamp(500)),
        restarts: 1,
        last_exit: Some(Exit::Killed { signal: 9 }),
        episode: None,
        next_attempt: None,
    };
    Status {
        at: Timestamp(9_000),
        engine_since: Timestamp(100),
        paused: Vec::new(),
        cannot_act: None,
        configuration_refused: Vec::new(),
        shutting_down: false,
        services: vec![ServiceStatus {
            name: "web".parse().unwrap(),
            autonomy: Autonomy::Auto,
            depends_on: vec!["cache".parse().unwrap()],
            instances: vec![instance(0, Phase::Ready), instance(1, Phase::Ready), instance(2, Phase::Stopped)],
            availability_objective_ppm: Some(999_000),
            availability_ppm: Some(999_900),
            recovery_objective: Some(Millis(5_000)),
            traffic: None,
            complaints: Vec::new(),
        }],
        episodes: Vec::new(),
        tallies: Tallies {
            signals: 11,
            findings: 7,
            plans: 6,
            guards_asked: 5,
            refused: 4,
            actions: 3,
            fixed: 2,
            ..Tallies::default()
        },
    }
}

pub fn open_episode(number: u64) -> EpisodeStatus {
    EpisodeStatus {
        id: EpisodeId(number),
        subject: instance("web/1"),
        since: Timestamp(8_000),
        finding: Some(exited()),
        attempts: 2,
        awaiting_approval: Some(ActionId(9)),
        escalated: true,
    }
}

pub fn policy() -> Policy {
    let service = Service {
        name: "web".parse().unwrap(),
        command: vec!["kiosk".to_owned()],
        instances: 3,
        environment: BTreeMap::new(),
        working_folder: "/srv".to_owned(),
        ports: BTreeMap::from([("port".to_owned(), Port::Auto)]),
        depends_on: Vec::new(),
        health: None,
        objectives: Objectives::default(),
        stop: Stop { signal: StopSignal::Term, grace: Millis(1_000) },
        limits: Limits::default(),
        autonomy: Autonomy::Auto,
        start: homeostat_vocabulary::StartMode::AtOnce,
        takes_over: false,
        ends_first: false,
    };
    Policy { services: BTreeMap::from([(service.name.clone(), service)]), ..Policy::default() }
}

fn exited() -> FindingKind {
    FindingKind::Exited { exit: Exit::Killed { signal: 9 }, after: Millis(1_234) }
}

pub fn plan(action: u64, episode: Option<u64>) -> Plan {
    Plan {
        action: ActionId(action),
        saga: format!("A{action}-1"),
        episode: episode.map(EpisodeId),
        class: if episode.is_some() { ActionClass::Restart } else { ActionClass::Start },
        target: instance("web/0"),
        steps: vec![Step { verb: StepVerb::Start, undo: StepUndo::Stop }],
        not_before: Timestamp(1_000),
        attempt: 1,
        verification: Some(Verification { window: Millis(500), deadline: Millis(5_000) }),
        predicted_success_permille: 900,
        disturbs: 0,
    }
}

pub fn plan_made(action: u64, episode: Option<u64>) -> Fact {
    let considered = vec![Candidate { option: CandidateOption::Restart, score_permille: 900 }];
    Fact::PlanMade { plan: plan(action, episode), considered }
}

pub fn guards(action: u64, episode: Option<u64>, decision: Decision) -> Fact {
    let verdicts = vec![GuardVerdict { guard: Guard::Rate, verdict: Verdict::Pass }];
    Fact::GuardsAsked { action: ActionId(action), episode: episode.map(EpisodeId), verdicts, decision }
}

/// The facts of a whole repair.
pub fn repair(number: u64) -> Vec<Fact> {
    let (episode, action) = (EpisodeId(number), ActionId(number));
    let signal = Signal {
        at: Timestamp(1_000),
        subject: instance("web/0"),
        run: "run-1".parse().unwrap(),
        kind: SignalKind::Exited { exit: Exit::Killed { signal: 9 }, ended_at: Timestamp(999) },
    };
    let finding = Finding {
        subject: instance("web/0"),
        kind: exited(),
        severity: Severity::Warning,
        confidence_permille: 1_000,
        evidence: vec![signal],
    };
    vec![
        Fact::EpisodeOpened { episode, subject: instance("web/0") },
        Fact::FindingMade { episode, finding },
        plan_made(number, Some(number)),
        guards(number, Some(number), Decision::Go),
        Fact::ActionBegun { action, episode: Some(episode), target: instance("web/0") },
        Fact::ActionEnded { action, episode: Some(episode), end: ActionEnd::Done },
        Fact::OutcomeMeasured { action, episode, outcome: Outcome::Fixed { recovered_after: Millis(120) } },
        Fact::EpisodeClosed { episode, resolution: Resolution::Repaired, took: Millis(620) },
    ]
}

/// The fact that fills a journal: small, and of no episode.
pub fn policy_applied() -> Fact {
    Fact::PolicyApplied {
        origin: "start".to_owned(),
        fingerprint: "abc".to_owned(),
        services: vec!["web".parse().unwrap()],
    }
}
