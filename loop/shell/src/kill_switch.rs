//! The kill switch: a file that pauses everything, so that acting can be stopped with no more than a shell and a disk.
//!
//! Looked at by the wiring, at the start and then twice a second. Always holds: the file stays until the pause that it asks for is in the
//! journal, so that a crash in between forgets nothing.

use crate::{Told, Word};
use homeostat_controller::Event;
use homeostat_reactor::Emitter;
use homeostat_vocabulary::{Command, CommandReply, Refusal, Scope};
use std::path::Path;
use tokio::sync::oneshot;

/// Its presence in the data folder pauses everything; it is removed once the pause is in the journal.
const FILE: &str = "paused";

/// What the engine answers to the pause, once it is durable.
pub type Kept = oneshot::Receiver<Result<CommandReply, Refusal>>;

/// Has the engine pause everything if the file is there.
pub async fn heed(folder: &Path, told: &Emitter<Told>) {
    let Some((pause, answer)) = asked(folder) else { return };
    if told.emit(pause).await.is_ok() {
        remove_once_kept(folder, answer).await;
    }
}

/// What the kill-switch file says, if it is there.
pub fn asked(folder: &Path) -> Option<(Word, Kept)> {
    if !folder.join(FILE).exists() {
        return None;
    }
    let (reply, answer) = oneshot::channel();
    let command = Command::Pause { scope: Scope::Everything };
    let event = Event::Command { command, by: "kill-switch file".to_owned() };
    Some((Word { event, asker: Some(reply.into()) }, answer))
}

/// Once the pause is in the journal it is the engine's to remember; until then a crash would forget it, and the file stays.
pub async fn remove_once_kept(folder: &Path, answer: Kept) {
    let Ok(Ok(_)) = answer.await else { return };
    let path = folder.join(FILE);
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::warn!(%error, path = %path.display(), "the kill-switch file stays, and will pause again");
    }
}
