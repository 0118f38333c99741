//! The tests of the crate, over real sockets and files on this machine.
#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod cable;
mod child;
mod hostile;
mod http_in;
mod http_out;
mod journal;
mod order;
mod raw;
mod rules_file;
mod sqlite;
mod table;
mod websocket;
mod websocket_durable;
mod websocket_faults;
mod websocket_kill;
