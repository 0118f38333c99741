//! The word that the interface is to close, as everything that must heed it sees it.

use tokio::sync::watch;

/// Heard by accept loops, connections and streams.
#[derive(Clone)]
pub struct Stopping(watch::Receiver<bool>);

/// Says the word. When it is dropped, that counts as the word too.
pub struct Stop(watch::Sender<bool>);

/// The two ends.
pub fn stopping() -> (Stop, Stopping) {
    let (stop, stopping) = watch::channel(false);
    (Stop(stop), Stopping(stopping))
}

impl Stop {
    /// Says it.
    pub fn say(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Waits for it.
    pub async fn heard(&mut self) {
        let _ = self.0.wait_for(|said| *said).await;
    }
}
