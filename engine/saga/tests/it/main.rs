//! Tests of the saga engine: a module for each of the twelve guarantees, then the parts around them.
#![allow(clippy::unwrap_used)] // a test that cannot go on should say so at that line

mod definitions;
mod g01_intent_before_effect;
mod g02_one_transaction;
mod g03_key_per_step;
mod g04_unknown;
mod g05_compensation;
mod g06_pivot;
mod g07_timeouts;
mod g08_watchdog;
mod g09_one_executor;
mod g10_definitions_are_data;
mod g11_exclusion;
mod g12_crash_everywhere;
mod hands;
mod harness;
mod purity;
mod runner;
mod world;
