//! Tests of the chores: every rule refuses a made-up tree, every parser reads captured output, and the real workspace keeps its law.

// A test may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod cache;
mod code;
mod demo;
mod made_up;
mod own_workspace;
mod rules;
mod steps;
mod summary;
mod tiers;
