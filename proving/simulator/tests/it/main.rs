//! The whole loop in virtual time: seeds, crashes at every step, scenario scripts.
#![allow(clippy::unwrap_used)] // A test that cannot go on should say where.

mod crashes;
mod found;
mod persistence;
mod resting;
mod scenarios;
mod seeds;
