//! What goes on beside the engine for as long as it runs: it heeds signals of the system, and keeps the journal from growing for ever.
//!
//! Spawned by the wiring, dropped with the engine. Neither touches the state.

use crate::clock::Clock;
use crate::told::{Told, Word};
use homeostat_controller::Event;
use homeostat_reactor::Emitter;
use homeostat_store::{Journal, Retention};
use homeostat_vocabulary::Command;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// How often the journal is pruned to its retention.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);

/// Records that are kept however old they are: far more than lie between two checkpoints.
const RECORDS_MIN: u64 = 100_000;

/// Ctrl-C and SIGTERM end everything in good order; asked a second time, the engine leaves at once and the services stay.
pub async fn heed_signals(told: Emitter<Told>) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("no signal handlers: use `homeostat down`");
        return;
    };
    for keep_services in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let command = Command::Shutdown { keep_services };
        let event = Event::Command { command, by: "signal".to_owned() };
        let (reply, answer) = oneshot::channel();
        if told.emit(Word { event, asker: Some(reply.into()) }).await.is_err() {
            return;
        }
        if let Ok(Err(refusal)) = answer.await {
            tracing::warn!("the engine goes on: {refusal}; ask once more to end it and leave the services running");
        }
    }
}

/// Prunes the journal to its retention now and then, until it is dropped.
pub async fn prune(journal: Journal, age_max: Duration, clock: Clock) {
    let retention = Retention { age_max: Some(age_max), records_min: RECORDS_MIN, ..Retention::default() };
    loop {
        if let Err(error) = journal.prune(retention, clock().0).await {
            tracing::warn!(%error, "the journal was not pruned");
        }
        tokio::time::sleep(PRUNE_EVERY).await;
    }
}
