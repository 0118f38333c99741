//! Exits and failed starts: hard facts, each a finding at once.

use crate::{CERTAIN_PERMILLE, severity};
use homeostat_vocabulary::{Exit, Finding, FindingKind, InstanceId, Millis, Signal};

/// The finding that an instance ended without being asked to, after running for `ran_for`.
#[must_use]
pub fn exited(
    subject: &InstanceId,
    exit: Exit,
    ran_for: Millis,
    evidence: Vec<Signal>,
    others_ready: usize,
) -> Finding {
    Finding {
        subject: subject.clone(),
        kind: FindingKind::Exited { exit, after: ran_for },
        severity: severity(others_ready),
        confidence_permille: CERTAIN_PERMILLE,
        evidence,
    }
}

/// The finding that an instance could not be started.
#[must_use]
pub fn start_failed(subject: &InstanceId, error: String, others_ready: usize) -> Finding {
    Finding {
        subject: subject.clone(),
        kind: FindingKind::StartFailed { error },
        severity: severity(others_ready),
        confidence_permille: CERTAIN_PERMILLE,
        evidence: Vec::new(),
    }
}
