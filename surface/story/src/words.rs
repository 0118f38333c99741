//! The nouns of the vocabulary as phrases of the catalogues.
//!
//! Every match here is exhaustive, so a new variant cannot be released without its words.

use crate::Message;
use homeostat_vocabulary::{
    ActionClass, CandidateOption, Cause, EpisodeStatus, EscalationReason, Exit, FindingKind, Guard, GuardVerdict,
    Phase, ProbeFailure, Resolution, Scope, Severity, StepUndo, StepVerb, Timestamp, Unfixed, Verdict,
};

/// How a process ended.
#[must_use]
pub fn exit(exit: &Exit) -> Message {
    match exit {
        Exit::Code { code } => Message::new("exit-code").text("code", code),
        Exit::Killed { signal } => match signal_name(*signal) {
            Some(name) => Message::new("exit-killed-named").text("signal", signal).text("name", &name),
            None => Message::new("exit-killed").text("signal", signal),
        },
        Exit::Unknown => Message::new("exit-unknown"),
    }
}

/// The names that people know; the numbers are the same on every architecture that Linux services run on.
const fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

pub(crate) fn failure(failure: &ProbeFailure) -> Message {
    match failure {
        ProbeFailure::Refused => Message::new("failure-refused"),
        ProbeFailure::TimedOut { after } => Message::new("failure-timed-out").with("after", *after),
        ProbeFailure::Status { code } => Message::new("failure-status").text("code", code),
        ProbeFailure::CommandFailed { exit: how } => Message::new("failure-command").with("exit", exit(how)),
        ProbeFailure::Other { text } => Message::new("failure-other").text("text", text),
    }
}

/// What was judged.
#[must_use]
pub fn finding(kind: &FindingKind) -> Message {
    match kind {
        FindingKind::Exited { exit: how, after } => {
            Message::new("finding-exited").with("exit", exit(how)).with("after", *after)
        }
        FindingKind::Unhealthy { failures, last } => {
            Message::new("finding-unhealthy").number("failures", *failures).with("last", failure(last))
        }
        FindingKind::StartFailed { error } => Message::new("finding-start-failed").text("error", error),
    }
}

pub(crate) fn severity(severity: Severity) -> Message {
    Message::new(match severity {
        Severity::Notice => "severity-notice",
        Severity::Warning => "severity-warning",
        Severity::Critical => "severity-critical",
    })
}

pub(crate) fn cause(cause: Cause) -> Message {
    Message::new(match cause {
        Cause::KilledFromOutside => "cause-killed-from-outside",
        Cause::OutOfMemory => "cause-out-of-memory",
        Cause::ProgramFault => "cause-program-fault",
        Cause::Misconfigured => "cause-misconfigured",
        Cause::FinishedByItself => "cause-finished-by-itself",
        Cause::Hung => "cause-hung",
        Cause::NotListening => "cause-not-listening",
        Cause::AnswersWithErrors => "cause-answers-with-errors",
        Cause::DependencyDown => "cause-dependency-down",
    })
}

pub(crate) fn class(class: ActionClass) -> Message {
    Message::new(match class {
        ActionClass::Start => "class-start",
        ActionClass::Stop => "class-stop",
        ActionClass::Replace => "class-replace",
        ActionClass::Restart => "class-restart",
        ActionClass::Undo => "class-undo",
    })
}

pub(crate) fn option(option: CandidateOption) -> Message {
    Message::new(match option {
        CandidateOption::Wait => "option-wait",
        CandidateOption::Restart => "option-restart",
    })
}

pub(crate) fn verb(verb: &StepVerb) -> Message {
    match verb {
        StepVerb::Stop { run } => Message::new("verb-stop").text("run", run),
        StepVerb::Start => Message::new("verb-start"),
    }
}

pub(crate) fn undo(undo: StepUndo) -> Message {
    Message::new(match undo {
        StepUndo::Stop => "undo-stop",
        StepUndo::Irreversible => "undo-irreversible",
    })
}

/// A guard with its answer and the reason that goes with it.
pub(crate) fn guard(asked: GuardVerdict) -> Message {
    let key = match asked.guard {
        Guard::KillSwitch => "guard-kill-switch",
        Guard::RecoverySwitch => "guard-recovery-switch",
        Guard::Autonomy => "guard-autonomy",
        Guard::Rate => "guard-rate",
        Guard::Backoff => "guard-backoff",
        Guard::Freshness => "guard-freshness",
        Guard::OneActor => "guard-one-actor",
        Guard::Journal => "guard-journal",
        Guard::Reversible => "guard-reversible",
    };
    let (verdict, until) = match asked.verdict {
        Verdict::Pass => ("pass", Timestamp::default()),
        Verdict::Wait { until } => ("wait", until),
        Verdict::AskPerson => ("ask", Timestamp::default()),
        Verdict::Refuse => ("refuse", Timestamp::default()),
    };
    let answer = Message::new("guard-answer").text("verdict", &verdict).with("until", until);
    Message::new(key).text("verdict", &verdict).with("answer", answer)
}

pub(crate) fn unfixed(because: &Unfixed) -> Message {
    match because {
        Unfixed::ExitedAgain { exit: how } => Message::new("unfixed-exited-again").with("exit", exit(how)),
        Unfixed::UnhealthyAgain => Message::new("unfixed-unhealthy-again"),
        Unfixed::NotReadyInTime => Message::new("unfixed-not-ready-in-time"),
        Unfixed::ActionFailed { error } => Message::new("unfixed-action-failed").text("error", error),
    }
}

pub(crate) fn escalation(reason: &EscalationReason) -> Message {
    match reason {
        EscalationReason::BudgetSpent { repairs, window } => {
            Message::new("escalation-budget").number("repairs", *repairs).with("window", *window)
        }
        EscalationReason::NotAllowed => Message::new("escalation-not-allowed"),
        EscalationReason::ActionNeedsPerson { why } => Message::new("escalation-action").text("why", why),
    }
}

pub(crate) fn resolution(resolution: Resolution) -> Message {
    Message::new(match resolution {
        Resolution::Repaired => "resolution-repaired",
        Resolution::RecoveredByItself => "resolution-recovered-by-itself",
        Resolution::NoLongerWanted => "resolution-no-longer-wanted",
    })
}

/// What a pause is for.
#[must_use]
pub fn scope(scope: &Scope) -> Message {
    match scope {
        Scope::Everything => Message::new("scope-everything"),
        Scope::Service { name } => Message::new("scope-service").text("name", name),
    }
}

/// What an instance is doing, in one word.
#[must_use]
pub fn phase(phase: Phase) -> Message {
    Message::new(match phase {
        Phase::Waiting => "phase-waiting",
        Phase::Starting => "phase-starting",
        Phase::Ready => "phase-ready",
        Phase::Unhealthy => "phase-unhealthy",
        Phase::Stopping => "phase-stopping",
        Phase::Down => "phase-down",
        Phase::Resting => "phase-resting",
        Phase::Stopped => "phase-stopped",
    })
}

/// An open episode in one sentence.
#[must_use]
pub fn episode(open: &EpisodeStatus) -> Message {
    let found = open.finding.as_ref().map_or_else(|| Message::new("finding-none"), finding);
    let message = Message::new("episode-open").text("episode", &open.id).text("subject", &open.subject);
    message.with("finding", found).number("attempts", open.attempts)
}

/// Who asked: the engine and the customary callers are named in the person's language, others as they call themselves.
pub(crate) fn actor(by: &str) -> Message {
    let (kind, name) = match (by, by.strip_prefix("local user ")) {
        ("engine", _) => ("engine", by),
        ("gateway", _) => ("gateway", by),
        ("api token", _) => ("token", by),
        (_, Some(user)) => ("user", user),
        _ => ("other", by),
    };
    Message::new("actor").text("kind", &kind).text("by", &name)
}
