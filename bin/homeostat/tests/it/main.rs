//! Tests of the real program, from outside: as people and programs meet it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod bed;
mod cli;
mod commands;
mod crash;
mod disk;
mod engine_killed;
mod example;
mod gateway;
mod many;
mod two_engines;
mod unread;
