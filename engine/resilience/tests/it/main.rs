//! What the policies promise, each in a module of its own.
#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod agreement;
mod balance;
mod breaker;
mod budget;
mod bulkhead;
mod calls;
mod coalesce;
mod concurrency;
mod deadline;
mod eternal;
mod foundation;
mod hedge;
#[allow(dead_code, reason = "the example prints other parts of a report than are tested")]
mod massive;
mod memory;
#[cfg(feature = "metrics")]
mod metrics;
mod predictor;
mod rate;
mod retry;
mod settings;
mod simulation;
mod stack;
mod state;
mod storm;
#[cfg(feature = "tower")]
mod tower;
