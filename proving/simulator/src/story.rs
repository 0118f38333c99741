//! The story of a run, a line each: the time since the beginning, then the fact in few words. For people who read a failing
//! seed, and for the golden outputs of the scenarios.

use homeostat_vocabulary::{
    Candidate, CommandReply, Decision, Fact, FindingKind, Guard, GuardVerdict, Plan, Refusal, Signal, SignalKind,
    StepVerb, Timestamp, Verdict,
};

/// The lines so far.
#[derive(Debug, Default)]
pub(crate) struct Story {
    lines: Vec<String>,
    /// Also what no fact tells.
    pub(crate) trace: bool,
}

impl Story {
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    pub(crate) fn fact(&mut self, at: Timestamp, fact: &Fact) {
        self.lines.push(format!("{}  {:<18} {}", clock(at), fact.kind(), say(fact)));
    }

    /// Something of the world; worded only when somebody wants to read it.
    pub(crate) fn world(&mut self, at: Timestamp, words: impl FnOnce() -> String) {
        if self.trace {
            self.lines.push(format!("{}    . {}", clock(at), words()));
        }
    }

    pub(crate) fn reply(&mut self, at: Timestamp, answer: &Result<CommandReply, Refusal>) {
        let said = match answer {
            Ok(CommandReply::Done) => "done".to_owned(),
            Ok(CommandReply::Already) => "it was so already".to_owned(),
            Ok(CommandReply::Begun { action }) => format!("begun as {action}"),
            Err(refusal) => format!("refused: {refusal}"),
        };
        self.lines.push(format!("{}  {:<18} {said}", clock(at), "(reply)"));
    }
}

/// Minutes, seconds and milliseconds since the beginning.
fn clock(at: Timestamp) -> String {
    let since = at.since(crate::BEGINNING).0;
    format!("{:>3}:{:02}.{:03}", since / 60_000, since / 1_000 % 60, since % 1_000)
}

fn say(fact: &Fact) -> String {
    match fact {
        Fact::EngineStarted { adopted, .. } => format!("{adopted} running instances adopted"),
        Fact::EngineStopped { services_kept } => {
            if *services_kept { "services run on" } else { "services ended" }.into()
        }
        Fact::PolicyApplied { origin, services, .. } => format!("from {origin}, {} services", services.len()),
        Fact::PolicyRejected { origin, problems } => format!("from {origin}: {}", problems.join("; ")),
        Fact::SignalSeen { signal, .. } => say_signal(signal),
        Fact::EpisodeOpened { episode, subject } => format!("{episode} about {subject}"),
        Fact::FindingMade { episode, finding } => {
            format!("{episode} {:?} {}", finding.severity, say_finding(&finding.kind)).to_lowercase_but_ids()
        }
        Fact::HypothesesFormed { episode, hypotheses } => {
            let said = hypotheses.iter().map(|it| format!("{:?} {}", it.cause, it.weight_permille));
            format!("{episode} {}", said.collect::<Vec<_>>().join(", "))
        }
        Fact::PlanMade { plan, considered } => say_plan(plan, considered),
        Fact::GuardsAsked { action, verdicts, decision, .. } => {
            format!("{action} {}{}", say_decision(*decision), say_objections(verdicts))
        }
        Fact::ActionApproved { action, by, .. } => format!("{action} by {by}"),
        Fact::ActionDropped { action, by, why, .. } => format!("{action} by {by}: {why}"),
        Fact::ActionResumed { action, by, .. } => format!("{action} by {by}"),
        Fact::ActionBegun { action, target, .. } => format!("{action} on {target}"),
        Fact::ActionEnded { action, end, .. } => format!("{action} {end:?}"),
        Fact::VerificationBegun { action, window, ready_by, .. } => {
            format!("{action} ready by {} and then for {window}", clock(*ready_by).trim_start())
        }
        Fact::OutcomeMeasured { action, outcome, .. } => format!("{action} {outcome:?}"),
        Fact::LessonLearned { key, lesson, .. } => {
            format!("{} {}: {} of {} fixed", key.service, key.finding, lesson.fixed, lesson.tried)
        }
        Fact::AlarmRaised { code, why, .. } => format!("{code}: {why}"),
        Fact::Escalated { episode, why } => format!("{episode} {why:?}"),
        Fact::EpisodeClosed { episode, resolution, took } => format!("{episode} {resolution:?} after {took}"),
        Fact::ActingPaused { scope, by } | Fact::ActingResumed { scope, by } => format!("{scope} by {by}"),
        Fact::InstanceHeld { instance, by, action } => format!("{instance} by {by} with {action}"),
        Fact::ServiceActivated { service, by } => format!("{service} by {by}"),
        Fact::ServiceRested { service, idle } => format!("{service} after {idle} without a request"),
        Fact::InstanceReleased { instance, by } => format!("{instance} by {by}"),
        Fact::ShutdownRequested { by, keep_services } => {
            format!("by {by}, services {}", if *keep_services { "run on" } else { "end" })
        }
    }
}

/// A severity is a word of the sentence here, so its capital goes; ids keep theirs.
trait LowercaseButIds {
    fn to_lowercase_but_ids(self) -> String;
}

impl LowercaseButIds for String {
    fn to_lowercase_but_ids(self) -> String {
        self.replace("Critical", "critical").replace("Warning", "warning").replace("Notice", "notice")
    }
}

fn say_signal(signal: &Signal) -> String {
    let Signal { subject, run, kind, .. } = signal;
    let run = &run.as_str()[..run.as_str().len().min(6)];
    match kind {
        SignalKind::Up { adopted: true, .. } => format!("{subject} found running ({run})"),
        SignalKind::Up { .. } => format!("{subject} up ({run})"),
        SignalKind::Exited { exit, .. } => format!("{subject} ended ({run}): {exit}"),
        SignalKind::ProbePassed { .. } => format!("{subject} ready ({run})"),
        SignalKind::ProbeFailed { failure } => format!("{subject} check failed ({run}): {failure:?}"),
    }
}

fn say_finding(kind: &FindingKind) -> String {
    match kind {
        FindingKind::Exited { exit, after } => format!("ended with {exit} after {after}"),
        FindingKind::Unhealthy { failures, last } => format!("failed {failures} checks, last {last:?}"),
        FindingKind::StartFailed { error } => format!("could not be started: {error}"),
    }
}

fn say_plan(plan: &Plan, considered: &[Candidate]) -> String {
    let steps = plan.steps.iter().map(|step| match &step.verb {
        StepVerb::Stop { run } => format!("stop {}", &run.as_str()[..run.as_str().len().min(6)]),
        StepVerb::Start => "start".to_owned(),
    });
    let steps: Vec<String> = steps.collect();
    let chance = if considered.is_empty() {
        String::new()
    } else {
        format!(", attempt {}, expected to help {} of 1000 times", plan.attempt, plan.predicted_success_permille)
    };
    format!("{} {:?} {}: {}{chance}", plan.action, plan.class, plan.target, steps.join(", "))
}

fn say_decision(decision: Decision) -> String {
    match decision {
        Decision::Go => "go".to_owned(),
        Decision::Wait { until } => format!("wait until {}", clock(until).trim_start()),
        Decision::AskPerson { until } => format!("ask a person until {}", clock(until).trim_start()),
        Decision::Refuse => "refused".to_owned(),
    }
}

fn say_objections(verdicts: &[GuardVerdict]) -> String {
    let objecting: Vec<Guard> = verdicts.iter().filter(|it| it.verdict != Verdict::Pass).map(|it| it.guard).collect();
    if objecting.is_empty() { String::new() } else { format!(" ({objecting:?})") }
}
