//! Every property over the corpus in the repository and over some thousand changes to it, the same in each run: what stable Rust can do
//! of a fuzzer's work.
#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod corpus;
mod targets;
