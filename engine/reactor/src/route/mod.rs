//! Rules that say where events go: by kind, subject, class and attributes, to handlers, streams, journals and outside sinks.
//!
//! [`Rules`] are data and can be exchanged while events flow. A [`Router`] asks them about each event and offers it to the
//! [`Target`]s they name, each behind a bounded queue with a worker of its own, so that none is felt by another. What is not delivered
//! is counted, and kept as a [`DeadLetter`](crate::reactor::DeadLetter) where it failed.

mod compile;
mod glob;
mod mailbox;
mod picture;
mod refused;
mod router;
mod rules;
mod sink;
mod tally;
mod target;
mod worker;

pub use compile::{NAME_BYTES_MAX, RULES_MAX, TARGETS_MAX};
pub use glob::{BadPattern, Glob, PATTERN_BYTES_MAX, TEXT_BYTES_MAX};
pub use picture::{RouterSnapshot, RuleSnapshot, TargetSnapshot};
pub use refused::{Problem, RulesRefused, Step};
pub use router::{Router, RouterBuilder, RouterError, RouterShutdown};
pub use rules::{Choose, Condition, Limit, Rule, Rules, When};
pub use sink::{Batch, Sink, SinkError, SinkFn};
pub use target::{RoutedEvents, Target};
