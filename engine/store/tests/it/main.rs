//! The journal from outside: real files, real processes, real full disks. The modules say what each is about.
// A test that cannot set itself up should fail loudly, at the line.
#![allow(clippy::unwrap_used)]

mod backup;
mod basics;
mod conflicts;
mod crash;
mod damage;
mod disk;
mod durable;
mod lock;
mod model;
mod queue;
mod replay;
mod retention;
mod sandbox;
