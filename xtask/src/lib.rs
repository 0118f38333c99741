//! The chores of Homeostat behind one entry: `cargo xtask tidy | test | demo | bench`.
//!
//! A library only so that its rules and parsers can be tested; `main.rs` is its one caller. It knows cargo, the tree and the
//! finished binaries, and never the crates of the product: a chore must build even when they do not.

pub mod bench;
pub mod cache;
pub mod conformance;
pub mod demo;
pub mod error;
pub mod fuzz;
pub mod steps;
pub mod suite;
pub mod summary;
pub mod tidy;
pub mod toolchain;
pub mod workspace;
