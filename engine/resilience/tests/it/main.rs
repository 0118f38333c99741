//! What the policies promise, each in a module of its own.
#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod budget;
mod coalesce;
mod deadline;
mod foundation;
mod hedge;
mod retry;
mod simulation;
mod storm;
