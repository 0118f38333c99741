//! The benchmarks as programs: that they run and say what they should, never how fast.

mod gateway;
mod massive;
mod policies;
