//! Policies for calls that may fail, or be slow, or be too many.
//!
//! Each policy is a plain value with an async method around a call; they compose by nesting, and know nothing of tasks, sockets or
//! the loop above them. What a call is, what became of it and why it was refused are the same for all of them: [`Call`],
//! [`Verdict`], [`Failure`]. All time comes from a [`Clock`](homeostat_reactor::Clock), all chance from a
//! [`Chance`](chance::Chance), so that any run can be repeated in virtual time.

pub mod call;
pub mod chance;
pub mod event;
pub mod failure;
pub mod verdict;

pub use call::{Call, Priority};
pub use event::{Listener, PolicyEvent};
pub use failure::{Failure, Refusal};
pub use verdict::{Judge, Verdict, judge_result};
