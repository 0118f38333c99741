//! What the cache promises, each in a module of its own.
#![allow(clippy::unwrap_used)] // in tests a panic is the report

mod flights;
mod http;
mod lookups;
mod model;
mod pages;
mod purges;
mod second;
mod stampede;
mod warm;
