//! Every endpoint at once, and the first right answer: the success that needs no knowledge, at ten attempts a request. A bound, and
//! an example of what success alone says. A POST cannot be broadcast; it goes to one endpoint, by chance.

use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use homeostat_resilience::chance::Chance;

use super::{Answering, Failed, Policy};
use crate::massive::transport::{Asked, Transport, Trouble};

/// Every endpoint at once.
pub struct Broadcast {
    transport: Arc<Transport>,
    chance: Chance,
}

impl Broadcast {
    /// Through this transport.
    pub fn new(transport: Arc<Transport>) -> Self {
        Self { transport, chance: Chance::of_the_machine() }
    }
}

impl Policy for Broadcast {
    fn answer(&self, asked: Asked) -> Answering<'_> {
        Box::pin(async move {
            if asked.is_post {
                return Ok(self.transport.attempt(self.chance.below(self.transport.len()), asked).await?);
            }
            let all: FuturesUnordered<_> =
                (0..self.transport.len()).map(|place| self.transport.attempt(place, asked)).collect();
            let mut all = pin!(all);
            let mut last = Trouble::Broken;
            while let Some(ended) = all.next().await {
                match ended {
                    Ok(body) => return Ok(body),
                    Err(trouble) => last = trouble,
                }
            }
            Err(Failed::Attempt(last))
        })
    }
}
