//! A fact of the journal as a sentence, with what belongs to it and where it stands in a story.
//!
//! Every match is exhaustive: a fact cannot be released without a sentence.

use crate::chapter::{ChapterKind, Detail, Tone};
use crate::{Argument, Message, words};
use homeostat_vocabulary::{
    ActionEnd, ActionId, Decision, Fact, Finding, Guard, GuardVerdict, Hypothesis, Lesson, LessonKey, Millis, Outcome,
    Plan, Signal, SignalKind, Verdict,
};
use std::collections::BTreeMap;

/// A fact in one sentence.
#[must_use]
pub fn sentence(fact: &Fact) -> Message {
    match fact {
        Fact::SignalSeen { signal, .. } => self::signal(signal),
        Fact::EpisodeOpened { episode, subject } => {
            Message::new("episode-opened").text("episode", episode).text("subject", subject)
        }
        Fact::FindingMade { finding, .. } => self::finding(finding),
        Fact::HypothesesFormed { hypotheses, .. } => {
            let suspicions: Vec<Message> = hypotheses.iter().map(hypothesis).collect();
            Message::new("hypotheses-formed").with("suspicions", suspicions)
        }
        Fact::PlanMade { plan, .. } => self::plan(plan),
        Fact::GuardsAsked { action, verdicts, decision, .. } => guards(*action, verdicts, *decision),
        Fact::VerificationBegun { action, window, ready_by, .. } => {
            let message = Message::new("verification-begun").text("action", action);
            message.with("window", *window).with("ready_by", *ready_by)
        }
        Fact::OutcomeMeasured { action, outcome, .. } => self::outcome(*action, outcome),
        Fact::LessonLearned { key, lesson, .. } => self::lesson(key, *lesson),
        Fact::AlarmRaised { code, why, .. } => Message::new("alarm-raised").text("code", code).text("why", why),
        Fact::Escalated { why, .. } => Message::new("escalated").with("why", words::escalation(why)),
        Fact::EpisodeClosed { episode, resolution, took } => {
            let message = Message::new("episode-closed").text("episode", episode).with("took", *took);
            message.with("resolution", words::resolution(*resolution))
        }
        Fact::ActionApproved { .. }
        | Fact::ActionDropped { .. }
        | Fact::ActionResumed { .. }
        | Fact::ActionBegun { .. }
        | Fact::ActionEnded { .. } => action(fact),
        Fact::EngineStarted { .. }
        | Fact::EngineStopped { .. }
        | Fact::PolicyApplied { .. }
        | Fact::PolicyRejected { .. }
        | Fact::ActingPaused { .. }
        | Fact::ActingResumed { .. }
        | Fact::InstanceHeld { .. }
        | Fact::InstanceReleased { .. }
        | Fact::ServiceActivated { .. }
        | Fact::ServiceRested { .. }
        | Fact::ShutdownRequested { .. } => engine(fact),
    }
}

/// Facts about the engine as a whole and what people asked of it.
fn engine(fact: &Fact) -> Message {
    match fact {
        Fact::EngineStarted { version, pid, adopted } => {
            Message::new("engine-started").text("version", version).text("pid", pid).number("adopted", *adopted)
        }
        Fact::EngineStopped { services_kept } => {
            Message::new("engine-stopped").text("kept", &yes_or_no(*services_kept))
        }
        Fact::PolicyApplied { origin, fingerprint, services } => {
            let names: Vec<Message> = services.iter().map(|name| Message::new("name").text("name", name)).collect();
            let message = Message::new("policy-applied").with("origin", self::origin(origin)).text("hash", fingerprint);
            message.number("count", services.len()).with("services", names)
        }
        Fact::PolicyRejected { origin, problems } => {
            let problems: Vec<Message> = problems.iter().map(|text| Message::new("name").text("name", text)).collect();
            let message = Message::new("policy-rejected").with("origin", self::origin(origin));
            message.number("count", problems.len()).with("problems", problems)
        }
        Fact::ActingPaused { scope, by } => {
            Message::new("acting-paused").with("scope", words::scope(scope)).with("by", words::actor(by))
        }
        Fact::ActingResumed { scope, by } => {
            Message::new("acting-resumed").with("scope", words::scope(scope)).with("by", words::actor(by))
        }
        Fact::InstanceHeld { instance, by, action } => {
            let message = Message::new("instance-held").text("instance", instance);
            message.with("by", words::actor(by)).text("action", action)
        }
        Fact::InstanceReleased { instance, by } => {
            Message::new("instance-released").text("instance", instance).with("by", words::actor(by))
        }
        Fact::ServiceActivated { service, by } => {
            Message::new("service-activated").text("service", service).with("by", words::actor(by))
        }
        Fact::ServiceRested { service, idle } => {
            Message::new("service-rested").text("service", service).with("idle", *idle)
        }
        Fact::ShutdownRequested { by, keep_services } => {
            Message::new("shutdown-requested").with("by", words::actor(by)).text("kept", &yes_or_no(*keep_services))
        }
        other => unreachable!("`sentence` sends {} elsewhere", other.kind()),
    }
}

/// Facts about the course of one action.
fn action(fact: &Fact) -> Message {
    match fact {
        Fact::ActionApproved { action, by, .. } => {
            Message::new("action-approved").text("action", action).with("by", words::actor(by))
        }
        Fact::ActionDropped { action, by, why, .. } => {
            Message::new("action-dropped").text("action", action).with("by", words::actor(by)).text("why", why)
        }
        Fact::ActionResumed { action, by, .. } => {
            Message::new("action-resumed").text("action", action).with("by", words::actor(by))
        }
        Fact::ActionBegun { action, target, .. } => {
            Message::new("action-begun").text("action", action).text("target", target)
        }
        Fact::ActionEnded { action, end, .. } => {
            let (key, why) = match end {
                ActionEnd::Done => ("action-done", None),
                ActionEnd::Undone { cause } => ("action-undone", Some(cause)),
                ActionEnd::Parked { why } => ("action-parked", Some(why)),
                ActionEnd::Stuck { why } => ("action-stuck", Some(why)),
            };
            let message = Message::new(key).text("action", action);
            why.into_iter().fold(message, |message, why| message.text("why", why))
        }
        other => unreachable!("`sentence` sends {} elsewhere", other.kind()),
    }
}

/// How a fact is meant.
pub(crate) fn tone(fact: &Fact) -> Tone {
    match fact {
        Fact::SignalSeen { signal, .. } => signal_tone(signal),
        Fact::GuardsAsked { decision: Decision::Refuse, verdicts, .. } if is_for_owner_alone(verdicts) => Tone::Waiting,
        Fact::GuardsAsked { decision, .. } => match decision {
            Decision::Go => Tone::Good,
            Decision::Wait { .. } | Decision::AskPerson { .. } => Tone::Waiting,
            Decision::Refuse => Tone::Bad,
        },
        Fact::ActionEnded { end: ActionEnd::Done, .. } => Tone::Good,
        Fact::OutcomeMeasured { outcome: Outcome::Fixed { .. }, .. } => Tone::Good,
        Fact::EpisodeClosed { .. } | Fact::ActionApproved { .. } => Tone::Good,
        Fact::FindingMade { .. }
        | Fact::ActionEnded { .. }
        | Fact::OutcomeMeasured { .. }
        | Fact::AlarmRaised { .. }
        | Fact::Escalated { .. }
        | Fact::PolicyRejected { .. } => Tone::Bad,
        Fact::ActingPaused { .. } | Fact::InstanceHeld { .. } => Tone::Waiting,
        _ => Tone::Plain,
    }
}

/// What stands below a fact's line.
pub(crate) fn details(fact: &Fact) -> Vec<Detail> {
    match fact {
        Fact::FindingMade { finding, .. } => {
            let span = match (finding.evidence.first(), finding.evidence.last()) {
                (Some(first), Some(last)) => last.at.since(first.at),
                _ => return Vec::new(),
            };
            let message = Message::new("detail-evidence").number("count", finding.evidence.len()).with("span", span);
            vec![message.into()]
        }
        Fact::PlanMade { plan, considered } => plan_details(plan, considered),
        Fact::GuardsAsked { verdicts, .. } => verdicts.iter().map(|asked| verdict(*asked)).collect(),
        _ => Vec::new(),
    }
}

/// In which chapter a fact is told; `None` for what a story's head already says, and for what belongs to no story.
pub(crate) const fn chapter(fact: &Fact) -> Option<ChapterKind> {
    Some(match fact {
        Fact::SignalSeen { .. } => ChapterKind::Seen,
        Fact::FindingMade { .. } | Fact::HypothesesFormed { .. } | Fact::PlanMade { .. } | Fact::GuardsAsked { .. } => {
            ChapterKind::Thought
        }
        Fact::ActionApproved { .. }
        | Fact::ActionDropped { .. }
        | Fact::ActionResumed { .. }
        | Fact::ActionBegun { .. }
        | Fact::ActionEnded { .. }
        | Fact::ActingPaused { .. }
        | Fact::ActingResumed { .. }
        | Fact::InstanceHeld { .. }
        | Fact::InstanceReleased { .. }
        | Fact::ServiceActivated { .. }
        | Fact::ServiceRested { .. }
        | Fact::ShutdownRequested { .. }
        | Fact::EngineStarted { .. }
        | Fact::EngineStopped { .. } => ChapterKind::Done,
        Fact::VerificationBegun { .. }
        | Fact::OutcomeMeasured { .. }
        | Fact::LessonLearned { .. }
        | Fact::AlarmRaised { .. }
        | Fact::Escalated { .. }
        | Fact::EpisodeClosed { .. } => ChapterKind::Brought,
        Fact::EpisodeOpened { .. } | Fact::PolicyApplied { .. } | Fact::PolicyRejected { .. } => return None,
    })
}

pub(crate) fn signal(signal: &Signal) -> Message {
    let message = |key| Message::new(key).text("subject", &signal.subject);
    match &signal.kind {
        SignalKind::Up { pid, ports, adopted, .. } => {
            let key = if *adopted { "signal-adopted" } else { "signal-up" };
            message(key).text("pid", pid).number("count", ports.len()).text("ports", &ports_text(ports))
        }
        SignalKind::Exited { exit, .. } => message("signal-exited").with("exit", words::exit(exit)),
        SignalKind::ProbePassed { took } => message("signal-probe-passed").with("took", *took),
        SignalKind::ProbeFailed { failure } => message("signal-probe-failed").with("failure", words::failure(failure)),
    }
}

pub(crate) const fn signal_tone(signal: &Signal) -> Tone {
    match signal.kind {
        SignalKind::Up { .. } | SignalKind::ProbePassed { .. } => Tone::Good,
        // Whether an exit is bad is for the finding to say: most are asked for.
        SignalKind::Exited { .. } => Tone::Plain,
        SignalKind::ProbeFailed { .. } => Tone::Bad,
    }
}

/// `5801`, or `5801, admin 5802`: the unnamed port needs no name.
fn ports_text(ports: &BTreeMap<String, u16>) -> String {
    let unnamed = ports.get("port").map(ToString::to_string);
    let named = ports.iter().filter(|(name, _)| *name != "port").map(|(name, port)| format!("{name} {port}"));
    unnamed.into_iter().chain(named).collect::<Vec<_>>().join(", ")
}

fn finding(finding: &Finding) -> Message {
    let message = Message::new("finding-made").text("subject", &finding.subject);
    let message = message.with("what", words::finding(&finding.kind));
    let message = message.with("severity", words::severity(finding.severity));
    message.with("confidence", Argument::Permille(finding.confidence_permille))
}

fn hypothesis(hypothesis: &Hypothesis) -> Message {
    let message = Message::new("hypothesis").with("cause", words::cause(hypothesis.cause));
    message.with("weight", Argument::Permille(hypothesis.weight_permille))
}

fn plan(plan: &Plan) -> Message {
    let message = |key| {
        let message = Message::new(key).text("action", &plan.action).text("target", &plan.target);
        message.with("class", words::class(plan.class))
    };
    // What the owner asked for is done because it was asked, not because it is likely to help.
    if plan.class.is_repair() {
        message("plan-made").with("predicted", Argument::Permille(plan.predicted_success_permille))
    } else {
        message("plan-asked")
    }
}

fn plan_details(plan: &Plan, considered: &[homeostat_vocabulary::Candidate]) -> Vec<Detail> {
    let candidates: Vec<Message> = considered
        .iter()
        .map(|one| {
            let message = Message::new("candidate").with("option", words::option(one.option));
            message.with("score", Argument::Permille(one.score_permille))
        })
        .collect();
    let considered = (!candidates.is_empty()).then(|| Message::new("detail-considered").with("candidates", candidates));
    let steps = plan.steps.iter().zip(1_i64..).map(|(step, number)| {
        let message = Message::new("detail-step").number("step", number).with("verb", words::verb(&step.verb));
        message.with("undo", words::undo(step.undo))
    });
    let disturbs = Message::new("detail-disturbs").number("count", plan.disturbs);
    let verification = plan
        .verification
        .map(|watch| Message::new("detail-verification").with("deadline", watch.deadline).with("window", watch.window));
    considered.into_iter().chain(steps).chain([disturbs]).chain(verification).map(Detail::from).collect()
}

fn guards(action: ActionId, verdicts: &[GuardVerdict], decision: Decision) -> Message {
    let objections = verdicts.iter().filter(|asked| asked.verdict != Verdict::Pass);
    let objections: Vec<Message> = objections.map(|asked| words::guard(*asked)).collect();
    let (key, until) = match decision {
        Decision::Go => return Message::new("guards-go").text("action", &action).number("count", verdicts.len()),
        Decision::Refuse if is_for_owner_alone(verdicts) => {
            return Message::new("guards-observe").text("action", &action).with("objections", objections);
        }
        Decision::Refuse => {
            return Message::new("guards-refuse").text("action", &action).with("objections", objections);
        }
        Decision::Wait { until } => ("guards-wait", until),
        Decision::AskPerson { until } => ("guards-ask", until),
    };
    Message::new(key).text("action", &action).with("until", until).with("objections", objections)
}

/// Whether nothing but the owner's own setting stands against it: then it is what the engine would have done.
fn is_for_owner_alone(verdicts: &[GuardVerdict]) -> bool {
    let mut refused = verdicts.iter().filter(|asked| asked.verdict == Verdict::Refuse).map(|asked| asked.guard);
    refused.next() == Some(Guard::Autonomy) && refused.next().is_none()
}

fn verdict(asked: GuardVerdict) -> Detail {
    let tone = match asked.verdict {
        Verdict::Refuse if asked.guard == Guard::Autonomy => Tone::Waiting,
        Verdict::Pass => Tone::Good,
        Verdict::Wait { .. } | Verdict::AskPerson => Tone::Waiting,
        Verdict::Refuse => Tone::Bad,
    };
    Detail { tone, message: words::guard(asked) }
}

fn outcome(action: ActionId, outcome: &Outcome) -> Message {
    match outcome {
        Outcome::Fixed { recovered_after } => {
            Message::new("outcome-fixed").text("action", &action).with("after", *recovered_after)
        }
        Outcome::NoEffect { because } => {
            Message::new("outcome-no-effect").text("action", &action).with("because", words::unfixed(because))
        }
        Outcome::Unknown => Message::new("outcome-unknown").text("action", &action),
    }
}

fn lesson(key: &LessonKey, lesson: Lesson) -> Message {
    let times = |count: u64| Message::new("times").number("count", count);
    let kind = Message::new("finding-kind").text("kind", &key.finding);
    let message = Message::new(if lesson.fixed == 0 { "lesson-never" } else { "lesson-learned" });
    let message = message.text("service", &key.service).with("class", words::class(key.class)).with("finding", kind);
    let message = message.with("tried", times(lesson.tried));
    match lesson.recovery_total.0.checked_div(lesson.fixed) {
        None => message,
        Some(average) => message.with("fixed", times(lesson.fixed)).with("average", Millis(average)),
    }
}

fn origin(origin: &str) -> Message {
    Message::new("origin").text("origin", &origin)
}

const fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// The prediction held against what was measured.
pub(crate) fn prediction(predicted_permille: u16, outcome: &Outcome) -> Detail {
    let (came, tone) = match outcome {
        Outcome::Fixed { .. } => ("fixed", Tone::Good),
        Outcome::NoEffect { .. } => ("no-effect", Tone::Bad),
        Outcome::Unknown => ("unknown", Tone::Waiting),
    };
    let message = Message::new("detail-prediction").with("predicted", Argument::Permille(predicted_permille));
    Detail { tone, message: message.with("outcome", Argument::Text(came.to_owned())) }
}
