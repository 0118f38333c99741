//! The driver against a server that speaks the control protocol over a real socket.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

mod bed;
mod ending;
mod lists;
mod parting;
mod reload;
mod wishes;
