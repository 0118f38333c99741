//! Tests of the command line: every word that it writes, every exit code, with real journals, real files and a real API.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod again;
mod arguments;
mod configuration;
mod engine;
mod errors;
mod gateway;
mod home;
mod journal;
mod logs;
mod orders;
mod reference;
mod status;
mod why;

// The sample makes the records of sagas.
use homeostat_saga as _;

/// The same made-up episodes that the story's own tests tell.
#[path = "../../../story/tests/it/sample.rs"]
#[allow(dead_code, reason = "the story's tests use more of it")]
mod sample;
