//! The nouns of Homeostat as types, shared by every stage of the loop and by every surface.
//!
//! Always holds: no I/O, no clock, no randomness of its own; every type round-trips through JSON, because the journal, the
//! API and the simulator speak these same types. It must never depend on another crate of this workspace.

pub mod chance;
mod code;
pub mod command;
pub mod episode;
pub mod fact;
pub mod id;
mod language;
pub mod plan;
pub mod policy;
pub mod quantity;
mod reason;
pub mod sentence;
pub mod service;
pub mod signal;
pub mod status;
pub mod time;
pub mod traffic;

pub use chance::Chance;
pub use command::{Command, CommandReply, Refusal, Scope};
pub use episode::{Cause, Finding, FindingKind, Hypothesis, Lesson, LessonKey, Outcome, Resolution, Severity, Unfixed};
pub use fact::{EscalationReason, Fact, FactClass};
pub use id::{ActionId, EpisodeId, InstanceId, NameError, RunId, ServiceName};
pub use language::{Language, LanguageError};
pub use plan::{
    ActionClass, ActionEnd, Candidate, CandidateOption, Decision, Guard, GuardVerdict, Plan, Step, StepUndo, StepVerb,
    Verdict, Verification,
};
pub use policy::{Policy, Repair, Scaling, Switches};
pub use sentence::Sentence;
pub use service::{
    Autonomy, EnvironmentValue, HealthCheck, Limits, Objectives, Port, Probe, SecretReference, Service, StartMode,
    Stop, StopSignal,
};
pub use signal::{Exit, ProbeFailure, Signal, SignalKind};
pub use status::{Complaint, ComplaintKind, EpisodeStatus, InstanceStatus, Phase, ServiceStatus, Status, Tallies};
pub use time::{Millis, Timestamp};
pub use traffic::{Traffic, TrafficReport};
