//! Flow control as its user sees it: pressure between two marks, and rate limits that serve in turn.

mod backpressure;
mod limiter;
mod model;
mod properties;
