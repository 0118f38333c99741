//! Pipelines as their user meets them: what each policy does, what order and limits hold, what a source learns about its items,
//! and what is left of a run that is dropped, closed or fails at any moment. Time is turned by hand or paused, never waited for.

mod acknowledgement;
mod answers;
mod cancellation;
mod isolation;
mod pictures;
mod policies;
mod pressure;
