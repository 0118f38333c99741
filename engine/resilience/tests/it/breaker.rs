//! The circuit breaker: against a simple model of it, and what it promises to callers.

mod model;
mod promises;
mod stampede;
