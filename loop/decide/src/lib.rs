//! The decide stage: findings in, plans out, and the guards that may refuse them.
//!
//! Called by the controller. Always holds: pure; a plan names one instance and one life, never a pattern; a refusal names its
//! guard. It must never carry anything out.

mod backoff;
mod diagnose;
mod guards;
mod propose;

pub use backoff::wait_before_attempt;
pub use diagnose::hypotheses;
pub use guards::{Circumstances, PLAN_LIFE, Ruling, ask};
pub use propose::{Occasion, candidates, plan};
