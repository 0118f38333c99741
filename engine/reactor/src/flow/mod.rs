//! Flow control: who may go on, and when.
//!
//! [`Backpressure`] holds producers back between two marks of a level; [`RateLimiter`] lets so many a second through. Both serve
//! whoever waits in the order of arrival, never spin, and take nothing from anybody who stops waiting.

mod acquire;
mod backpressure;
mod bucket;
mod gcra;
mod limiter;
mod line;
mod meter;
mod pressure;
mod rate;
mod stream;

pub use acquire::Acquire;
pub use backpressure::{Admit, Backpressure, Load, Producer};
pub use limiter::{LimiterSnapshot, RateError, RateLimiter};
pub use line::TooManyWaiting;
pub use pressure::{BackpressureSnapshot, FlowState, InvalidMarks, Marks, ProducerSnapshot};
pub use rate::{InvalidLimit, Rate};
pub use stream::{FlowExt, HeldBack, RateLimited};
