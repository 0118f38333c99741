//! What the gateway shows of itself: counters, the log of accesses, and the tap.

mod beat;
mod meter;
mod metrics;
mod refusals;
mod signals;
mod spans;
mod tap;

pub use beat::beat;
pub use meter::{Count, EndpointMeter, RouteMeter};
pub use metrics::{GatewayMetrics, Seen};
pub use refusals::Refusals;
pub use signals::Signals;
pub use spans::{Spans, line};
pub use tap::{Filter, StatusFilter, Tap, Tapped};
