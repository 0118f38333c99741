//! The nervous system of Homeostat, for whoever has events to handle. The page below is also the README: it must never promise what
//! no test holds.
#![doc = include_str!("../README.md")]

pub mod ack;
pub mod aggregate;
pub mod class;
pub mod clock;
pub mod delivery;
pub mod durable;
pub mod event;
pub mod flow;
pub mod overflow;
pub mod pipeline;
#[doc(hidden)] // open to this crate's own tests and to the crate beside it; not part of the promise
pub mod queue;
pub mod reactor;
pub mod route;
pub mod stream;
mod sync;
pub mod window;

pub use ack::{Ack, Outcome, Receipt, Settlement};
pub use class::{Class, PerClass};
pub use clock::{Clock, ManualClock, Moment, Sleep};
pub use delivery::Delivery;
pub use durable::{Durable, DurableSource, Offset};
pub use event::{Event, Holds};
pub use overflow::{Overflow, UnknownOverflow};
pub use queue::lanes::{Lane, LaneSnapshot, Losses};
pub use reactor::{Backoff, Emitter, Events, Inlet, Reactor, ReactorSnapshot, Subscription, Supervision};
