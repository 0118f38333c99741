//! Tests of the routing from outside: settings as people write them, requests as clients send them.
#![allow(clippy::unwrap_used)] // A test that cannot go on ends here.

mod check;
mod edit;
mod find;
mod laws;
mod normal;
mod split;
