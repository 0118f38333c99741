//! The library: its whole stack as it comes, with a few settings that its user knows better, and with parts of it switched off for
//! the ablation.
//!
//! Told what every subject is told: where the endpoints are, which requests may be made twice, and how long the client waits.

use std::sync::Arc;

use anyhow::Result;
use homeostat_reactor::Clock;
use homeostat_resilience::stack::{Limit, Stack, StackSettings};
use homeostat_resilience::{Advice, Attempt, Call, Failure, Priority, Refusal, Verdict};
use hyper::body::Bytes;

use super::{Answering, Failed, Policy};
use crate::massive::arrivals::Tier;
use crate::massive::scenario::DEADLINE;
use crate::massive::transport::{Asked, Transport, Trouble};

/// The stack, over these endpoints.
pub struct Ours {
    transport: Arc<Transport>,
    clock: Clock,
    stack: Stack<usize>,
}

impl Ours {
    /// Without any configuration.
    pub fn as_it_comes(transport: Arc<Transport>) -> Result<Self> {
        Self::with(transport, StackSettings::default())
    }

    /// With what the user of these endpoints knows: when most of them may fail for good, leaving out half is too few.
    pub fn tuned(transport: Arc<Transport>) -> Result<Self> {
        Self::with(transport, StackSettings { eject_share_max: 0.8, ..StackSettings::default() })
    }

    /// Everything that there is: also eternal mode instead of a breaker that refuses.
    pub fn everything(transport: Arc<Transport>) -> Result<Self> {
        Self::with(transport, StackSettings { essential: true, ..StackSettings::default() })
    }

    /// Without limit, budget and eternal mode: what balancer, predictor, hedge and retry do by themselves.
    pub fn unbounded(transport: Arc<Transport>) -> Result<Self> {
        let settings = StackSettings { limit: Limit::Off, extra_share: 10.0, ..StackSettings::default() };
        Self::with(transport, settings)
    }

    fn with(transport: Arc<Transport>, settings: StackSettings) -> Result<Self> {
        let clock = Clock::machine();
        let stack = Stack::builder("documents", &clock).settings(settings).build()?;
        for place in 0..transport.len() {
            stack.endpoints().insert(&format!("endpoint-{place}"), place);
        }
        Ok(Self { transport, clock, stack })
    }
}

impl Policy for Ours {
    fn answer(&self, asked: Asked) -> Answering<'_> {
        Box::pin(async move {
            let work = |_: Attempt, place: Arc<usize>| async move { self.transport.attempt(*place, asked).await };
            let ended = self.stack.call(&call(asked, &self.clock), advise, work).await;
            ended.map_err(|failure| failed(&failure))
        })
    }
}

/// A request as the library sees it.
pub fn call(asked: Asked, clock: &Clock) -> Call {
    let priority = match asked.tier {
        Tier::Critical => Priority::Critical,
        Tier::Normal => Priority::Normal,
        Tier::Low => Priority::Low,
    };
    let call = if asked.is_post { Call::default() } else { Call::idempotent() };
    call.priority(priority).within(DEADLINE, clock)
}

/// What a result says: the judge is the caller, who knows the right answer.
pub fn advise(result: Result<&Bytes, &Trouble>) -> Advice {
    match result {
        Ok(_) => Verdict::Good.into(),
        Err(Trouble::Refused) => Advice::from(Verdict::Failed).never_began(),
        // Full and not broken. That a POST was not begun is only certain where nobody listened.
        Err(Trouble::Full) => Verdict::Full.into(),
        Err(Trouble::Status(_) | Trouble::Broken | Trouble::WrongBody) => Verdict::Failed.into(),
    }
}

/// Why there is no answer, in the words of the gateway.
pub fn failed(failure: &Failure<Trouble>) -> Failed {
    match failure {
        Failure::Inner(trouble) => Failed::Attempt(*trouble),
        Failure::Refused(Refusal::DeadlinePassed | Refusal::TimedOut { .. }) => Failed::Late,
        Failure::Refused(_) => Failed::Refused,
    }
}
