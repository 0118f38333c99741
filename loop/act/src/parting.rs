//! What is told of an instance before it is stopped, so that nobody sends it anything any more: the other seam to the outside
//! world, beside [`crate::Driver`].
//!
//! Called by [`crate::StepHands`] around each stop. It must never keep a stop from happening: it has a bound of its own, and
//! whatever goes wrong with it is over with that.

use crate::driver::Pending;
use homeostat_vocabulary::InstanceId;
use std::time::Duration;

/// Sends work to instances, and lets go of them when they are to end.
pub trait Parting: Send + Sync + 'static {
    /// This instance is about to be stopped. Comes back when nothing new is sent to it and nothing is under way there, or that has had
    /// `within` to end; at once when it was sent nothing anyway.
    fn leaves(&self, instance: &InstanceId, within: Duration) -> Pending<'_, ()>;

    /// The stop did not happen: as long as it is well, it may be sent work again.
    fn stays(&self, instance: &InstanceId);
}
