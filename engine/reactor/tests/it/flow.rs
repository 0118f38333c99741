//! Tests of `flow`.

mod backpressure;
mod limiter;
mod model;
mod properties;
