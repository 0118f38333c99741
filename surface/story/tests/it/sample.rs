//! Made-up facts and episodes, and a real journal to put them into. The command line's tests tell the same ones.

use homeostat_saga::{
    Answer, Definition, End, Event, JournalRecord, LogRecord, Nature, SagaId, StepDefinition, StepKey, Stored, Undo,
    Verb,
};
use homeostat_store::{Commit, Journal, Options, Record};
use homeostat_vocabulary::{
    ActionClass, ActionEnd, ActionId, Candidate, CandidateOption, Cause, Decision, EpisodeId, EscalationReason, Exit,
    Fact, Finding, FindingKind, Guard, GuardVerdict, Hypothesis, InstanceId, Lesson, LessonKey, Millis, Outcome, Plan,
    ProbeFailure, Resolution, Scope, Severity, Signal, SignalKind, Step, StepUndo, StepVerb, Timestamp, Unfixed,
    Verdict, Verification,
};
use serde_json::Value;
use std::path::Path;

/// 2026-11-21 08:52:01.250 UTC.
pub const START: u64 = 1_795_251_121_250;

pub fn instance() -> InstanceId {
    "web/0".parse().unwrap()
}

pub fn at(offset: u64) -> Timestamp {
    Timestamp(START + offset)
}

pub fn signal(offset: u64, kind: SignalKind) -> Signal {
    Signal { at: at(offset), subject: instance(), run: "r1".parse().unwrap(), kind }
}

pub fn killed() -> Exit {
    Exit::Killed { signal: 9 }
}

pub fn exited(offset: u64) -> Signal {
    signal(offset, SignalKind::Exited { exit: killed(), ended_at: at(offset) })
}

pub fn up(offset: u64, pid: u32) -> Signal {
    let ports = [("port".to_owned(), 5801), ("admin".to_owned(), 5901)].into();
    let kind = SignalKind::Up { pid, ports, adopted: false, fingerprint: "f0".to_owned(), since: at(offset) };
    signal(offset, kind)
}

pub fn finding(kind: FindingKind, evidence: Vec<Signal>) -> Finding {
    Finding { subject: instance(), kind, severity: Severity::Critical, confidence_permille: 1000, evidence }
}

pub fn plan(action: u64, episode: Option<u64>, class: ActionClass) -> Plan {
    Plan {
        action: ActionId(action),
        saga: format!("A{action}-5f0c"),
        episode: episode.map(EpisodeId),
        class,
        target: instance(),
        steps: vec![
            Step { verb: StepVerb::Stop { run: "r1".parse().unwrap() }, undo: StepUndo::Irreversible },
            Step { verb: StepVerb::Start, undo: StepUndo::Stop },
        ],
        not_before: at(0),
        attempt: 0,
        verification: Some(Verification { window: Millis(5_000), deadline: Millis(30_000) }),
        predicted_success_permille: 875,
        disturbs: 0,
    }
}

pub fn verdicts(backoff: Verdict) -> Vec<GuardVerdict> {
    let pass = |guard| GuardVerdict { guard, verdict: Verdict::Pass };
    let backoff = GuardVerdict { guard: Guard::Backoff, verdict: backoff };
    vec![pass(Guard::KillSwitch), pass(Guard::Autonomy), pass(Guard::Rate), backoff, pass(Guard::Journal)]
}

fn considered() -> Vec<Candidate> {
    let one = |option, score_permille| Candidate { option, score_permille };
    vec![one(CandidateOption::Restart, 875), one(CandidateOption::Wait, 120)]
}

/// An entry to be written: when, and what.
pub enum Written {
    Fact(u64, Fact),
    Saga(u64, String, Event),
}

pub fn definition() -> Stored {
    let step = |name: &str| StepDefinition::new(name, Value::Null, Undo::Nothing, Nature::Idempotent);
    Stored::new(Definition::new("restart", 1, vec![step("stop"), step("start")])).unwrap()
}

/// A crash that the second attempt repairs: everything that a story can tell is in it.
pub fn repaired() -> Vec<Written> {
    let episode = EpisodeId(17);
    let fact = Written::Fact;
    let mut written = vec![
        fact(0, Fact::SignalSeen { episode: Some(episode), signal: exited(0) }),
        fact(1, Fact::EpisodeOpened { episode, subject: instance() }),
        fact(1, found(episode, 0, 243_000)),
        fact(
            1,
            Fact::HypothesesFormed {
                episode,
                hypotheses: vec![
                    Hypothesis { cause: Cause::KilledFromOutside, weight_permille: 720 },
                    Hypothesis { cause: Cause::OutOfMemory, weight_permille: 200 },
                ],
            },
        ),
    ];
    written.extend(attempt(episode, 23, 2, Verdict::Pass));
    let because = Unfixed::ExitedAgain { exit: Exit::Code { code: 3 } };
    let outcome = Outcome::NoEffect { because };
    written.extend([
        fact(400, Fact::SignalSeen { episode: Some(episode), signal: exited(400) }),
        fact(401, Fact::OutcomeMeasured { action: ActionId(23), episode, outcome }),
        fact(402, found(episode, 400, 150)),
    ]);
    let until = at(900);
    written.push(fact(
        403,
        Fact::GuardsAsked {
            action: ActionId(24),
            episode: Some(episode),
            verdicts: verdicts(Verdict::Wait { until }),
            decision: Decision::Wait { until },
        },
    ));
    written.extend(attempt(episode, 24, 900, Verdict::Pass));
    let key = LessonKey { service: instance().service, finding: "exited".to_owned(), class: ActionClass::Restart };
    let lesson = Lesson { tried: 8, fixed: 7, recovery_total: Millis(7 * 250) };
    let outcome = Outcome::Fixed { recovered_after: Millis(1_150) };
    written.extend([
        fact(6_200, Fact::OutcomeMeasured { action: ActionId(24), episode, outcome }),
        fact(6_200, Fact::LessonLearned { episode, key, lesson }),
        fact(6_200, Fact::EpisodeClosed { episode, resolution: Resolution::Repaired, took: Millis(6_200) }),
    ]);
    written
}

fn found(episode: EpisodeId, offset: u64, after: u64) -> Fact {
    let kind = FindingKind::Exited { exit: killed(), after: Millis(after) };
    Fact::FindingMade { episode, finding: finding(kind, vec![exited(offset)]) }
}

/// Plan, guards, steps and watching of one attempt, beginning at `offset`.
fn attempt(episode: EpisodeId, number: u64, offset: u64, backoff: Verdict) -> Vec<Written> {
    let (action, episode_of) = (ActionId(number), Some(episode));
    let mut plan = plan(number, Some(episode.0), ActionClass::Restart);
    plan.steps.remove(0);
    let saga = plan.saga.clone();
    let fact = |later: u64, fact| Written::Fact(offset + later, fact);
    let log = |later: u64, event| Written::Saga(offset + later, saga.clone(), event);
    let key = StepKey::of(&SagaId(saga.clone()), 1);
    let trace = episode.to_string();
    let verdicts = verdicts(backoff);
    let id = SagaId(saga.clone());
    vec![
        fact(0, Fact::PlanMade { plan, considered: considered() }),
        fact(0, Fact::GuardsAsked { action, episode: episode_of, verdicts, decision: Decision::Go }),
        fact(0, Fact::ActionBegun { action, episode: episode_of, target: instance() }),
        log(1, Event::Created { id, trace, target: "web/0".to_owned(), definition: definition() }),
        log(2, Event::StepStarted { step: 1, verb: Verb::Do, attempt: 1, key, fencing: 1 }),
        log(36, Event::StepEnded { step: 1, verb: Verb::Do, attempt: 1, answer: Answer::Done(Value::Null) }),
        log(36, Event::Ended { end: End::Done { outputs: Vec::new() } }),
        fact(36, Fact::SignalSeen { episode: episode_of, signal: up(offset + 36, 4_700 + number as u32) }),
        fact(37, Fact::ActionEnded { action, episode: episode_of, end: ActionEnd::Done }),
        fact(37, Fact::VerificationBegun { action, episode, window: Millis(5_000), ready_by: at(offset + 30_037) }),
    ]
}

/// A hang that the engine may not repair by itself: a plan waits for a person, who is called.
pub fn awaiting() -> Vec<Written> {
    let episode = EpisodeId(18);
    let failed =
        |offset| signal(offset, SignalKind::ProbeFailed { failure: ProbeFailure::TimedOut { after: Millis(1_000) } });
    let kind = FindingKind::Unhealthy { failures: 3, last: ProbeFailure::TimedOut { after: Millis(1_000) } };
    let mut finding = finding(kind, vec![failed(10_000), failed(12_000), failed(14_000)]);
    (finding.severity, finding.confidence_permille) = (Severity::Warning, 995);
    let until = at(3_614_000);
    let mut verdicts = verdicts(Verdict::Pass);
    verdicts[1].verdict = Verdict::AskPerson;
    let fact = |fact| Written::Fact(14_001, fact);
    vec![
        fact(Fact::EpisodeOpened { episode, subject: instance() }),
        fact(Fact::FindingMade { episode, finding }),
        fact(Fact::HypothesesFormed {
            episode,
            hypotheses: vec![Hypothesis { cause: Cause::Hung, weight_permille: 900 }],
        }),
        fact(Fact::PlanMade { plan: plan(25, Some(18), ActionClass::Restart), considered: considered() }),
        fact(Fact::GuardsAsked {
            action: ActionId(25),
            episode: Some(episode),
            verdicts,
            decision: Decision::AskPerson { until },
        }),
        fact(Fact::Escalated { episode, why: EscalationReason::NotAllowed }),
    ]
}

/// A start that the owner asked for; it belongs to no episode.
pub fn started() -> Vec<Written> {
    let action = ActionId(1);
    let fact = |fact| Written::Fact(0, fact);
    vec![
        fact(Fact::PlanMade { plan: plan(1, None, ActionClass::Start), considered: Vec::new() }),
        fact(Fact::ActionBegun { action, episode: None, target: instance() }),
        fact(Fact::ActionEnded { action, episode: None, end: ActionEnd::Done }),
    ]
}

/// One fact of every kind, and every answer that a kind can give.
pub fn every_fact() -> Vec<Fact> {
    let (episode, action) = (EpisodeId(1), ActionId(2));
    let of = Some(episode);
    let by = || "local user 1000".to_owned();
    let web = || instance().service;
    let verdict = |verdict| {
        let guards = [
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
        guards.map(|guard| GuardVerdict { guard, verdict }).to_vec()
    };
    let until = at(5_000);
    let mut facts = vec![
        Fact::EngineStarted { version: "0.1.0".into(), pid: 77, adopted: 0 },
        Fact::EngineStarted { version: "0.1.0".into(), pid: 77, adopted: 1 },
        Fact::EngineStarted { version: "0.1.0".into(), pid: 77, adopted: 3 },
        Fact::EngineStopped { services_kept: true },
        Fact::EngineStopped { services_kept: false },
        Fact::PolicyApplied { origin: "start".into(), fingerprint: "ab12".into(), services: vec![web()] },
        Fact::PolicyApplied { origin: "file".into(), fingerprint: "ab12".into(), services: Vec::new() },
        Fact::PolicyApplied { origin: "api".into(), fingerprint: "ab12".into(), services: vec![web(), web()] },
        Fact::PolicyRejected { origin: "signal".into(), problems: vec!["one".into()] },
        Fact::PolicyRejected { origin: "other".into(), problems: vec!["one".into(), "two".into()] },
        Fact::EpisodeOpened { episode, subject: instance() },
        Fact::HypothesesFormed { episode, hypotheses: causes() },
        Fact::ActionApproved { action, episode: of, by: by() },
        Fact::ActionDropped { action, episode: of, by: "engine".into(), why: "too old".into() },
        Fact::AlarmRaised {
            action: Some(action),
            episode: of,
            code: "H0207".into(),
            why: "no progress for 2 min".into(),
        },
        Fact::ActionResumed { action, episode: of, by: by() },
        Fact::ActionBegun { action, episode: of, target: instance() },
        Fact::VerificationBegun { action, episode, window: Millis(2_500), ready_by: until },
        Fact::ActingPaused { scope: Scope::Everything, by: by() },
        Fact::ActingPaused { scope: Scope::Service { name: web() }, by: "engine".into() },
        Fact::ActingResumed { scope: Scope::Everything, by: by() },
        Fact::InstanceHeld { instance: instance(), by: by(), action },
        Fact::InstanceReleased { instance: instance(), by: by() },
        Fact::ServiceActivated { service: web(), by: "gateway".into() },
        Fact::ServiceRested { service: web(), idle: Millis(600_000) },
        Fact::ShutdownRequested { by: by(), keep_services: true },
        Fact::ShutdownRequested { by: by(), keep_services: false },
    ];
    facts.extend(every_signal().into_iter().map(|signal| Fact::SignalSeen { episode: of, signal }));
    facts.extend(every_finding().into_iter().map(|finding| Fact::FindingMade { episode, finding }));
    let classes =
        [ActionClass::Start, ActionClass::Stop, ActionClass::Replace, ActionClass::Restart, ActionClass::Undo];
    for class in classes {
        facts.push(Fact::PlanMade { plan: plan(2, Some(1), class), considered: considered() });
    }
    for (verdicts, decision) in [
        (verdict(Verdict::Pass), Decision::Go),
        (Vec::new(), Decision::Go),
        (verdict(Verdict::Wait { until }), Decision::Wait { until }),
        (verdict(Verdict::AskPerson), Decision::AskPerson { until }),
        (verdict(Verdict::Refuse), Decision::Refuse),
    ] {
        facts.push(Fact::GuardsAsked { action, episode: of, verdicts, decision });
    }
    let why = || "it is not known".to_owned();
    for end in [
        ActionEnd::Done,
        ActionEnd::Undone { cause: why() },
        ActionEnd::Parked { why: why() },
        ActionEnd::Stuck { why: why() },
    ] {
        facts.push(Fact::ActionEnded { action, episode: of, end });
    }
    facts.extend(every_outcome().into_iter().map(|outcome| Fact::OutcomeMeasured { action, episode, outcome }));
    for (tried, fixed) in [(1, 0), (1, 1), (7, 6)] {
        let key = LessonKey { service: web(), finding: "unhealthy".into(), class: ActionClass::Restart };
        let lesson = Lesson { tried, fixed, recovery_total: Millis(fixed * 300) };
        facts.push(Fact::LessonLearned { episode, key, lesson });
    }
    for why in [
        EscalationReason::BudgetSpent { repairs: 1, window: Millis(900_000) },
        EscalationReason::BudgetSpent { repairs: 3, window: Millis(900_000) },
        EscalationReason::NotAllowed,
        EscalationReason::ActionNeedsPerson { why: why() },
    ] {
        facts.push(Fact::Escalated { episode, why });
    }
    for resolution in [Resolution::Repaired, Resolution::RecoveredByItself, Resolution::NoLongerWanted] {
        facts.push(Fact::EpisodeClosed { episode, resolution, took: Millis(61_000) });
    }
    facts
}

fn causes() -> Vec<Hypothesis> {
    let causes = [
        Cause::KilledFromOutside,
        Cause::OutOfMemory,
        Cause::ProgramFault,
        Cause::Misconfigured,
        Cause::FinishedByItself,
        Cause::Hung,
        Cause::NotListening,
        Cause::AnswersWithErrors,
        Cause::DependencyDown,
    ];
    causes.map(|cause| Hypothesis { cause, weight_permille: 100 }).to_vec()
}

fn every_failure() -> Vec<ProbeFailure> {
    vec![
        ProbeFailure::Refused,
        ProbeFailure::TimedOut { after: Millis(1_500) },
        ProbeFailure::Status { code: 503 },
        ProbeFailure::CommandFailed { exit: Exit::Code { code: 1 } },
        ProbeFailure::Other { text: "no route to host".into() },
    ]
}

fn every_signal() -> Vec<Signal> {
    let up = |ports: &[(&str, u16)], adopted| SignalKind::Up {
        pid: 4_711,
        ports: ports.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect(),
        adopted,
        fingerprint: "f0".into(),
        since: at(0),
    };
    let mut kinds = vec![SignalKind::ProbePassed { took: Millis(3) }];
    for adopted in [false, true] {
        kinds.push(up(&[], adopted));
        kinds.push(up(&[("port", 5801)], adopted));
        kinds.push(up(&[("port", 5801), ("admin", 5901)], adopted));
    }
    for exit in [Exit::Code { code: 0 }, killed(), Exit::Killed { signal: 40 }, Exit::Unknown] {
        kinds.push(SignalKind::Exited { exit, ended_at: at(0) });
    }
    kinds.extend(every_failure().into_iter().map(|failure| SignalKind::ProbeFailed { failure }));
    kinds.into_iter().map(|kind| signal(0, kind)).collect()
}

fn every_finding() -> Vec<Finding> {
    let mut findings = vec![
        finding(FindingKind::Exited { exit: Exit::Code { code: 3 }, after: Millis(90_000) }, vec![exited(0)]),
        finding(FindingKind::Unhealthy { failures: 1, last: ProbeFailure::Refused }, vec![exited(0), exited(9)]),
        finding(FindingKind::Unhealthy { failures: 3, last: ProbeFailure::Refused }, Vec::new()),
        finding(FindingKind::StartFailed { error: "no such file".into() }, Vec::new()),
    ];
    findings[0].severity = Severity::Notice;
    findings[1].severity = Severity::Warning;
    findings
}

fn every_outcome() -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Fixed { recovered_after: Millis(250) }, Outcome::Unknown];
    for because in [
        Unfixed::ExitedAgain { exit: Exit::Unknown },
        Unfixed::UnhealthyAgain,
        Unfixed::NotReadyInTime,
        Unfixed::ActionFailed { error: "permission denied".into() },
    ] {
        outcomes.push(Outcome::NoEffect { because });
    }
    outcomes
}

/// One saga event of every kind, and every answer that a kind can give.
pub fn every_event() -> Vec<Event> {
    let why = || "the driver went silent".to_owned();
    let by = || "local user 1000".to_owned();
    let key = StepKey::of(&SagaId("A2-5f0c".to_owned()), 0);
    let id = SagaId("A2-5f0c".to_owned());
    let mut events = vec![
        Event::Created { id, trace: "E1".into(), target: "web/0".into(), definition: definition() },
        Event::Taken { owner: "engine 77".into(), fencing: 2 },
        Event::CallWithheld { step: 0, verb: Verb::Do, attempt: 1 },
        Event::CancelRequested { by: by(), cause: why() },
        Event::TurnedBack { cause: why() },
        Event::Parked { step: 1, why: why() },
        Event::Stuck { step: 1, why: why() },
        Event::Resumed { by: by() },
        Event::Skipped { by: by(), output: Value::Null },
        Event::Disproved { by: by() },
    ];
    for verb in [Verb::Do, Verb::Undo, Verb::Probe] {
        events.push(Event::StepStarted { step: 0, verb, attempt: 1, key: key.clone(), fencing: 1 });
    }
    for answer in [
        Answer::Done(Value::Null),
        Answer::Failed { error: "no such program".into(), retryable: false },
        Answer::Unknown { why: why() },
        Answer::NeverHappened,
    ] {
        events.push(Event::StepEnded { step: 0, verb: Verb::Do, attempt: 2, answer });
    }
    for end in [
        End::Done { outputs: Vec::new() },
        End::Undone { cause: why() },
        End::Parked { why: why() },
        End::Stuck { why: why() },
    ] {
        events.push(Event::Ended { end });
    }
    events
}

pub fn record_of(fact: &Fact, at_ms: u64) -> Record {
    Record {
        at_ms,
        class: fact.class() as u8,
        kind: fact.kind().to_owned(),
        subject: fact.subject(),
        trace: fact.trace(),
        payload: serde_json::to_vec(fact).unwrap(),
    }
}

pub fn saga_record(saga: &str, trace: &str, at_ms: u64, event: Event) -> Record {
    let kind = event.kind().to_owned();
    let log = JournalRecord { saga: SagaId(saga.to_owned()), record: LogRecord { at_ms, event } };
    let (subject, payload) = (saga.to_owned(), serde_json::to_vec(&log).unwrap());
    Record { at_ms, class: 1, kind, subject, trace: trace.to_owned(), payload }
}

/// Writes all of it into the journal of a data folder, as an engine would, and leaves the journal closed.
pub fn write(folder: &Path, written: Vec<Written>) {
    let journal = Journal::open(folder, Options::default()).unwrap();
    let mut trace = String::new();
    let records = written.into_iter().map(|written| match written {
        Written::Fact(offset, fact) => {
            trace = fact.trace();
            record_of(&fact, START + offset)
        }
        Written::Saga(offset, saga, event) => saga_record(&saga, &trace, START + offset, event),
    });
    let records: Vec<Record> = records.collect();
    journal.commit_blocking(Commit { records, ..Commit::default() }).unwrap();
    journal.close();
}
