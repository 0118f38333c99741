//! What one writes in an afternoon: a hedger that learns who works and has no budget. The same code as in the virtual world of the
//! library's tests, so that figures of both compare. It takes a 503 for a failure like any other.

#[path = "../../../../engine/resilience/tests/it/massive/prototype.rs"]
mod hedger;

use std::sync::Arc;

use homeostat_reactor::Clock;
use homeostat_resilience::chance::Chance;

use self::hedger::Prototype;
use super::{Answering, Policy};
use crate::massive::transport::{Asked, Transport};

/// The prototype, over these endpoints.
pub struct Hedging {
    transport: Arc<Transport>,
    prototype: Prototype,
}

impl Hedging {
    /// Through this transport.
    pub fn new(transport: Arc<Transport>) -> Self {
        let prototype = Prototype::new(transport.len(), &Clock::machine(), Chance::of_the_machine());
        Self { transport, prototype }
    }
}

impl Policy for Hedging {
    fn answer(&self, asked: Asked) -> Answering<'_> {
        Box::pin(async move {
            let attempt = |place| self.transport.attempt(place, asked);
            Ok(self.prototype.call(!asked.is_post, attempt).await?)
        })
    }
}
