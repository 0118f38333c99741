//! The hands: carry out one step of a saga through the driver of the service.
//!
//! Called by the saga runner. Always holds: an answer that is not certain is Unknown, never Failed; a life that begins is
//! told as a signal before the step counts as done.

use crate::driver::{Driver, DriverError, Sighting, StartOrder};
use crate::parting::Parting;
use crate::script::{Deed, run_of};
use homeostat_reactor::Inlet;
use homeostat_saga::{Answer, Call, Hands, StepKey, Verb};
use homeostat_vocabulary::{InstanceId, Policy, RunId, Signal, Timestamp};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Where the hands read what a service is to run: always the policy in force.
pub type PolicySource = watch::Receiver<Arc<Policy>>;

/// Carries out steps through a driver.
pub struct StepHands {
    driver: Arc<dyn Driver>,
    policy: PolicySource,
    signals: Inlet<Signal>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    parting: Option<Arc<dyn Parting>>,
}

impl StepHands {
    /// Hands that use `driver`, and tell of the lives they begin through `signals`.
    pub fn new(
        driver: Arc<dyn Driver>,
        policy: PolicySource,
        signals: impl Into<Inlet<Signal>>,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        Self { driver, policy, signals: signals.into(), clock, parting: None }
    }

    /// Hands that have whoever sends work to instances let go of one before it is stopped.
    #[must_use]
    pub fn with_parting(self, parting: Arc<dyn Parting>) -> Self {
        Self { parting: Some(parting), ..self }
    }

    async fn begin(&self, instance: InstanceId, key: &StepKey) -> Answer {
        let service = self.policy.borrow().services.get(&instance.service).cloned();
        let Some(service) = service else {
            return Answer::Failed {
                error: format!("service {} is no longer declared", instance.service),
                retryable: false,
            };
        };
        let order = StartOrder { instance, run: run_of(key), service };
        match self.driver.start(order).await {
            Ok(sighting) => {
                self.tell(&sighting).await;
                Answer::Done(serde_json::json!({ "run": sighting.run, "pid": sighting.pid, "ports": sighting.ports }))
            }
            Err(error) => answer_of(error),
        }
    }

    /// Tells that a life began. It may have ended before it was told to begin, and the driver's word of its end been taken
    /// for the end of a stranger; so its end is looked for once more.
    async fn tell(&self, sighting: &Sighting) {
        let now = (self.clock)();
        self.send(sighting.signals(now, false)).await;
        if sighting.ended.is_none()
            && let Ok(Some(seen)) = self.driver.look(sighting.instance.clone(), sighting.run.clone()).await
            && seen.ended.is_some()
        {
            self.send(seen.signals(now, false)).await;
        }
    }

    async fn send(&self, signals: Vec<Signal>) {
        for signal in signals {
            // The receiver is gone only when the engine ends; then the next engine looks for itself.
            let _ = self.signals.send(signal).await;
        }
    }

    /// How long requests under way may take to end before the signal: as long as after it. A service that is declared no more is
    /// sent nothing by anybody.
    fn drain(&self, instance: &InstanceId) -> Duration {
        let policy = self.policy.borrow();
        policy.services.get(&instance.service).map_or(Duration::ZERO, |service| service.stop.grace.into())
    }

    /// Ends a life; without one named, the one that the step itself began.
    async fn end(&self, instance: InstanceId, run: Option<RunId>, key: &StepKey) -> Answer {
        if let Some(parting) = &self.parting {
            parting.leaves(&instance, self.drain(&instance)).await;
        }
        let ended = match run {
            Some(run) => self.driver.stop(instance.clone(), run).await,
            None => self.driver.take_back(instance.clone(), run_of(key)).await,
        };
        match ended {
            Ok(exit) => Answer::Done(serde_json::json!({ "exit": exit })),
            Err(error) => {
                if let Some(parting) = &self.parting {
                    parting.stays(&instance);
                }
                answer_of(error)
            }
        }
    }

    async fn look(&self, instance: InstanceId, key: &StepKey) -> Answer {
        match self.driver.look(instance, run_of(key)).await {
            Ok(Some(sighting)) => Answer::Done(serde_json::json!({ "run": sighting.run, "pid": sighting.pid })),
            Ok(None) => Answer::NeverHappened,
            Err(error) => answer_of(error),
        }
    }
}

fn answer_of(error: DriverError) -> Answer {
    match error {
        DriverError::Impossible { reason } => Answer::Failed { error: reason, retryable: false },
        DriverError::Failed { reason } => Answer::Failed { error: reason, retryable: true },
        DriverError::Unknown { reason } => Answer::Unknown { why: reason },
    }
}

fn deed_of(input: Value) -> Result<Deed, Answer> {
    serde_json::from_value(input).map_err(|error| Answer::Failed {
        error: format!("this version cannot read the step: {error}"),
        retryable: false,
    })
}

impl Hands for StepHands {
    async fn call(&self, call: Call) -> Answer {
        let deed = match deed_of(call.input) {
            Ok(deed) => deed,
            Err(answer) => return answer,
        };
        match (call.verb, deed) {
            (Verb::Probe, Deed::Start { instance } | Deed::Stop { instance, .. }) => {
                self.look(instance, &call.key).await
            }
            (Verb::Do | Verb::Undo, Deed::Start { instance }) => self.begin(instance, &call.key).await,
            (Verb::Do | Verb::Undo, Deed::Stop { instance, run }) => self.end(instance, run, &call.key).await,
        }
    }
}
