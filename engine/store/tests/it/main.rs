//! The journal from outside: real files, real processes.
// A test that cannot set itself up should fail loudly, at the line.
#![allow(clippy::unwrap_used)]

mod basics;
