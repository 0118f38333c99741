//! The interface over real sockets, before a journal on disk and an engine that answers as it is told.
//!
//! Nothing here asserts how fast something is: waits poll with a generous deadline.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where and stop")]

mod client;
mod commands;
mod contract;
mod doors;
mod events;
mod facts;
mod gate;
mod health;
mod reading;
mod schema;
mod telemetry;

use client::Client;
use homeostat_api::{
    Bound, CommandRequest, Engine, JournalView, Options, ReloadOutcome, ReloadRequest, serve, token_path,
};
use homeostat_store::{Commit, Journal};
use homeostat_vocabulary::{Command, CommandReply, Fact, Policy, Refusal, Status};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How long a test waits for what should come soon.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the engine of a test says to a command.
type Verdict = fn(&Command) -> Result<CommandReply, Refusal>;

/// An open interface with all that is behind it.
struct Fixture {
    journal: Journal,
    status: watch::Sender<Arc<Status>>,
    policy: watch::Sender<Arc<Policy>>,
    /// What reached the engine: each command with who asked.
    asked: Arc<Mutex<Vec<(Command, String)>>>,
    bound: Option<Bound>,
    stop: Option<oneshot::Sender<()>>,
    data_folder: PathBuf,
    engine: JoinSet<()>,
    _folder: TempDir,
}

impl Fixture {
    async fn open() -> Self {
        Self::with(|_| {}, |_| Ok(CommandReply::Done)).await
    }

    async fn with(adjust: impl FnOnce(&mut Options), verdict: Verdict) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_folder = folder.path().to_owned();
        Self::in_folder(folder, data_folder, adjust, verdict).await
    }

    async fn in_folder(
        folder: TempDir,
        data_folder: PathBuf,
        adjust: impl FnOnce(&mut Options),
        verdict: Verdict,
    ) -> Self {
        let journal = Journal::open(&data_folder, homeostat_store::Options::default()).unwrap();
        let (commands, command_queue) = mpsc::channel(8);
        let (reloads, reload_queue) = mpsc::channel(1);
        let (status, status_seen) = watch::channel(Arc::new(facts::status()));
        let (policy, policy_seen) = watch::channel(Arc::new(facts::policy()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut engine = JoinSet::new();
        engine.spawn(obey(command_queue, verdict, Arc::clone(&asked)));
        engine.spawn(reload(reload_queue));
        let interface = Engine {
            commands,
            status: status_seen,
            policy: policy_seen,
            journal: JournalView::of(journal.clone()),
            reactor: telemetry::view(),
            reloads,
            version: "1.2.3".to_owned(),
        };
        let mut options = Options::new(data_folder.clone());
        options.tcp = Some("127.0.0.1:0".parse().unwrap());
        adjust(&mut options);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { drop(stopped.await) };
        let bound = serve(interface, options, shutdown).await.unwrap();
        let (bound, stop) = (Some(bound), Some(stop));
        Self { journal, status, policy, asked, bound, stop, data_folder, engine, _folder: folder }
    }

    fn bound(&self) -> &Bound {
        self.bound.as_ref().unwrap()
    }

    /// A client on TCP that bears the token.
    fn tcp(&self) -> Client {
        let token = token_of(&self.data_folder);
        Client::tcp(self.bound().tcp.unwrap()).with("authorization", &format!("Bearer {token}"))
    }

    /// A client on TCP without a token.
    fn stranger(&self) -> Client {
        Client::tcp(self.bound().tcp.unwrap())
    }

    /// A client on the unix socket.
    fn local(&self) -> Client {
        Client::unix(&self.data_folder)
    }

    /// Writes facts as the engine does, one commit each.
    async fn record(&self, facts: impl IntoIterator<Item = Fact>) {
        for fact in facts {
            self.journal.commit(Commit::record(facts::record(&fact, 1_000))).await.unwrap();
        }
    }

    fn asked(&self) -> Vec<(Command, String)> {
        self.asked.lock().unwrap().clone()
    }

    /// Tells the interface to close and waits until it is.
    async fn close(&mut self) {
        drop(self.stop.take());
        tokio::time::timeout(PATIENCE, self.bound.take().unwrap().ended()).await.unwrap();
    }
}

fn token_of(data_folder: &Path) -> String {
    std::fs::read_to_string(token_path(data_folder)).unwrap().trim().to_owned()
}

async fn obey(mut queue: mpsc::Receiver<CommandRequest>, verdict: Verdict, asked: Arc<Mutex<Vec<(Command, String)>>>) {
    while let Some(request) = queue.recv().await {
        asked.lock().unwrap().push((request.command.clone(), request.by));
        let _ = request.reply.send(verdict(&request.command));
    }
}

async fn reload(mut queue: mpsc::Receiver<ReloadRequest>) {
    let mut first = true;
    while let Some(request) = queue.recv().await {
        let taken =
            ReloadOutcome { changed: true, fingerprint: "abc".to_owned(), services: vec!["web".parse().unwrap()] };
        let problems = vec!["homeostat.toml:3: unknown key `prot`".to_owned()];
        let _ = request.reply.send(if std::mem::take(&mut first) { Ok(taken) } else { Err(problems) });
    }
}

/// Waits until `holds` or fails the test.
async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < end, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
