//! A made-up engine behind the real API, on the real socket: it shows the status and gives the answers it is told to.

use crate::home::Home;
use homeostat_api::{Bound, Engine, JournalView, Options, serve};
use homeostat_store::{Journal, Options as StoreOptions};
use homeostat_vocabulary::{Command, CommandReply, Refusal, Status};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};

/// What it was asked, and how it answers.
pub struct Made {
    runtime: Runtime,
    bound: Option<Bound>,
    stop: Option<oneshot::Sender<()>>,
    asked: Arc<Mutex<Vec<Command>>>,
    // The other ends of the API's channels; without them it would take the engine for dead.
    _open: (watch::Sender<Arc<Status>>, Arc<dyn std::any::Any + Send + Sync>),
}

impl Made {
    /// An engine in the home's data folder.
    pub fn up(home: &Home, status: Status, answer: fn(&Command) -> Result<CommandReply, Refusal>) -> Self {
        let runtime = Runtime::new().unwrap();
        let journal = Journal::open(&home.data(), StoreOptions::default()).unwrap();
        let (commands, mut requests) = mpsc::channel::<homeostat_api::CommandRequest>(8);
        let (status_in, status) = watch::channel(Arc::new(status));
        let (policy_in, policy) = watch::channel(Arc::default());
        let (reloads, reloads_out) = mpsc::channel(1);
        let engine = Engine {
            commands,
            status,
            policy,
            journal: JournalView::of(journal),
            reactor: runtime.block_on(async { event_path() }),
            reloads,
            version: "0.0.0".to_owned(),
        };
        let (stop, stopped) = oneshot::channel();
        let options = Options { tcp: None, ..Options::new(home.data()) };
        let bound = runtime.block_on(serve(engine, options, async { drop(stopped.await) })).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        runtime.spawn(async move {
            while let Some(request) = requests.recv().await {
                let reply = answer(&request.command);
                noted.lock().unwrap().push(request.command);
                let _ = request.reply.send(reply);
            }
        });
        let rest = Arc::new(Mutex::new((policy_in, reloads_out)));
        Self { runtime, bound: Some(bound), stop: Some(stop), asked, _open: (status_in, rest) }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Command> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(bound) = self.bound.take() {
            self.runtime.block_on(bound.ended());
        }
    }
}

/// A look at the event path of an engine that has heard nothing yet; no verb shows it. Must be called within a runtime.
fn event_path() -> homeostat_api::ReactorView {
    let (reactor, ear) = homeostat_shell::hearing();
    let observer = reactor.observer();
    Arc::new(move || {
        let _kept = (&reactor, &ear);
        observer.snapshot()
    })
}
