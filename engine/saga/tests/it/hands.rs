//! Asynchronous hands for the runner's tests, and an owner that collects events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_saga::{
    Answer, Call, End, Hands, Ledger, NewSaga, Reply, Runner, RunnerOptions, SagaEvent, SagaId, Sight, Verb,
};
use tokio::sync::mpsc;

/// What the hands do with a call.
#[derive(Debug, Clone)]
pub enum Way {
    Say(Answer),
    /// No answer, ever.
    Hang,
    Panic,
    /// Done after this long.
    Slowly(Duration),
}

type Ways = Box<dyn Fn(&Call) -> Way + Send + Sync>;

#[derive(Clone)]
pub struct Fake {
    pub calls: Arc<Mutex<Vec<Call>>>,
    ways: Arc<Ways>,
}

impl Fake {
    pub fn new(ways: impl Fn(&Call) -> Way + Send + Sync + 'static) -> Self {
        Self { calls: Arc::default(), ways: Arc::new(Box::new(ways)) }
    }

    pub fn willing() -> Self {
        Self::new(|call| Way::Say(Answer::Done(serde_json::json!(call.name))))
    }

    pub fn names(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|call| format!("{} {}", call.verb, call.name)).collect()
    }
}

impl Hands for Fake {
    async fn call(&self, call: Call) -> Answer {
        self.calls.lock().unwrap().push(call.clone());
        match (self.ways)(&call) {
            Way::Say(answer) => answer,
            Way::Hang => std::future::pending().await,
            Way::Panic => panic!("on purpose"),
            Way::Slowly(time) => {
                tokio::time::sleep(time).await;
                Answer::Done(serde_json::json!(call.name))
            }
        }
    }
}

/// A runner with its owner's side of the events.
pub struct Owner {
    pub runner: Runner,
    pub events: mpsc::Receiver<SagaEvent>,
    pub seen: Vec<SagaEvent>,
}

/// A generous end to every wait: reaching it means that what was waited for never comes.
const PATIENCE: Duration = Duration::from_secs(60);

impl Owner {
    pub async fn start(ledger: impl Ledger, hands: impl Hands) -> Self {
        Self::with(ledger, hands, RunnerOptions::default()).await
    }

    pub async fn with(ledger: impl Ledger, hands: impl Hands, options: RunnerOptions) -> Self {
        let (sender, events) = mpsc::channel(64);
        let runner = Runner::recover(ledger, hands, options, sender).await.unwrap();
        Self { runner, events, seen: Vec::new() }
    }

    /// Reads events until one fits, and gives it.
    pub async fn until(&mut self, fits: impl Fn(&SagaEvent) -> bool) -> SagaEvent {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("it comes in time");
            let event = event.expect("the runner lives");
            self.seen.push(event.clone());
            if fits(&event) {
                return event;
            }
        }
    }

    pub async fn until_ended(&mut self, id: &str) -> End {
        let wanted = SagaId::from(id);
        let event = self.until(|event| matches!(event, SagaEvent::Ended { id, .. } if *id == wanted)).await;
        let SagaEvent::Ended { end, .. } = event else { unreachable!("it was matched") };
        end
    }

    pub async fn run(&mut self, new: NewSaga) -> End {
        let id = new.id.0.clone();
        assert_eq!(self.runner.submit(new).await, Ok(Reply::Accepted));
        self.until_ended(&id).await
    }

    pub async fn look(&self, id: &str) -> Option<Sight> {
        self.runner.look(&id.into()).await.unwrap()
    }
}

/// Waits, by looking again and again, until something holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = tokio::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} never came true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Counts by key, for checks of "at most once".
pub fn by_key(calls: &[Call], verb: Verb) -> BTreeMap<String, usize> {
    calls.iter().filter(|call| call.verb == verb).fold(BTreeMap::new(), |mut counts, call| {
        *counts.entry(call.key.to_string()).or_default() += 1;
        counts
    })
}
