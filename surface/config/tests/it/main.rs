//! Tests of the configuration from outside: real files in a folder of their own, an environment that is passed in.
#![allow(clippy::unwrap_used)] // A test that cannot go on ends here.

mod committed;
mod draft;
mod gateway;
mod hard;
mod layers;
mod mistakes;
mod noise;
mod place;
mod secrets;
mod shown;
