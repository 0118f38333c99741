//! Suspected causes, from the finding and what stands around it. Fixed weights for now: they say what a person would think
//! first, and they are shown as suspicions, not as facts.

use homeostat_vocabulary::{Cause, Exit, Finding, FindingKind, Hypothesis, Millis, ProbeFailure};

/// A life shorter than this, more than once, points at the configuration rather than at the work.
const AT_ONCE: Millis = Millis(2_000);

/// SIGKILL, which nothing but the outside and the kernel's memory killer sends.
const SIGKILL: i32 = 9;

/// SIGTERM and SIGINT: somebody asked it to end.
const ASKED_TO_END: [i32; 2] = [15, 2];

/// Up to three suspected causes, heaviest first.
#[must_use]
pub fn hypotheses(finding: &Finding, attempts: u32, dependency_down: bool) -> Vec<Hypothesis> {
    let mut suspected = match &finding.kind {
        FindingKind::Exited { exit, after } => of_exit(exit, *after, attempts),
        FindingKind::Unhealthy { last, .. } => of_failed_check(last),
        FindingKind::StartFailed { .. } => vec![(Cause::Misconfigured, 900)],
    };
    if dependency_down {
        suspected.retain(|(cause, _)| *cause != Cause::DependencyDown);
        for (_, weight) in &mut suspected {
            *weight /= 2;
        }
        suspected.push((Cause::DependencyDown, 500));
    }
    suspected.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    suspected.into_iter().take(3).map(|(cause, weight_permille)| Hypothesis { cause, weight_permille }).collect()
}

fn of_exit(exit: &Exit, after: Millis, attempts: u32) -> Vec<(Cause, u16)> {
    match exit {
        Exit::Code { .. } if attempts >= 2 && after < AT_ONCE => {
            vec![(Cause::Misconfigured, 700), (Cause::ProgramFault, 300)]
        }
        Exit::Code { code: 0 } => vec![(Cause::FinishedByItself, 700), (Cause::ProgramFault, 300)],
        Exit::Code { .. } => vec![(Cause::ProgramFault, 700), (Cause::Misconfigured, 300)],
        Exit::Killed { signal: SIGKILL } => vec![(Cause::KilledFromOutside, 600), (Cause::OutOfMemory, 400)],
        Exit::Killed { signal } if ASKED_TO_END.contains(signal) => vec![(Cause::KilledFromOutside, 900)],
        Exit::Killed { .. } => vec![(Cause::ProgramFault, 800), (Cause::KilledFromOutside, 200)],
        Exit::Unknown => vec![(Cause::KilledFromOutside, 500), (Cause::ProgramFault, 300)],
    }
}

fn of_failed_check(last: &ProbeFailure) -> Vec<(Cause, u16)> {
    match last {
        ProbeFailure::TimedOut { .. } => vec![(Cause::Hung, 800), (Cause::DependencyDown, 200)],
        ProbeFailure::Refused => vec![(Cause::NotListening, 800), (Cause::ProgramFault, 200)],
        ProbeFailure::Status { .. } => vec![(Cause::AnswersWithErrors, 700), (Cause::DependencyDown, 300)],
        ProbeFailure::CommandFailed { .. } | ProbeFailure::Other { .. } => {
            vec![(Cause::ProgramFault, 500), (Cause::Hung, 300)]
        }
    }
}
