//! No policy at all: one attempt at an endpoint chosen by chance, and whatever comes of it.

use std::sync::Arc;

use homeostat_resilience::chance::Chance;

use super::{Answering, Policy};
use crate::massive::transport::{Asked, Transport};

/// No policy at all.
pub struct Direct {
    transport: Arc<Transport>,
    chance: Chance,
}

impl Direct {
    /// Through this transport.
    pub fn new(transport: Arc<Transport>) -> Self {
        Self { transport, chance: Chance::of_the_machine() }
    }
}

impl Policy for Direct {
    fn answer(&self, asked: Asked) -> Answering<'_> {
        Box::pin(async move {
            let place = self.chance.below(self.transport.len());
            Ok(self.transport.attempt(place, asked).await?)
        })
    }
}
