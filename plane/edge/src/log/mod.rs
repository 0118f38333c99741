//! The access log: one JSON object a line, written by a thread of its own.
//!
//! The gateway calls [`AccessLog::note`] once a request. It writes the line into a buffer of bounded size and returns; a full disk, a slow
//! terminal or a pipe that nobody reads lose lines, which are counted, and never hold up a request. Always holds: what a client sent is
//! escaped, so that a line is a line and a field a field; queries, cookies, authorization and bodies are never written.

mod line;
mod record;
mod writer;

pub use self::record::Record;
pub use self::writer::{Counts, LogFile};

use self::writer::Shared;
use crate::random;
use homeostat_routing::settings;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The log of requests.
pub struct AccessLog {
    sample_ppm: u32,
    slow: Duration,
    shared: Option<Arc<Shared>>,
}

impl AccessLog {
    /// Opens the log, with its thread; nothing at all when it is switched off. `folder` is where a relative file is found.
    ///
    /// # Errors
    /// When the file cannot be opened or the thread cannot be started.
    pub fn open(settings: &settings::AccessLog, folder: &Path) -> io::Result<Self> {
        const FILE_DEFAULT: &str = "access.log";
        let shared = if settings.enabled {
            let file = match settings.file.as_deref() {
                Some("-") => LogFile::StandardOutput,
                named => LogFile::Path(folder.join(named.unwrap_or(FILE_DEFAULT))),
            };
            Some(Shared::start(file)?)
        } else {
            None
        };
        Ok(Self { sample_ppm: settings.sample.0, slow: settings.slow.0.into(), shared })
    }

    /// Writes down a request, when it is drawn, slow or failed.
    pub fn note(&self, record: &Record<'_>) {
        if let Some(shared) = &self.shared
            && self.is_wanted(record)
        {
            shared.push(|line| line::write(record, line));
        }
    }

    /// Whether a request would be written; drawn anew at each question.
    #[must_use]
    pub fn is_wanted(&self, record: &Record<'_>) -> bool {
        record.status >= 500 || record.duration >= self.slow || random::drawn(self.sample_ppm)
    }

    /// Opens the file anew before the next line: whoever turned the log over has moved the old one away.
    pub fn reopen(&self) {
        if let Some(shared) = &self.shared {
            shared.reopen();
        }
    }

    /// How many lines were written and lost.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.as_ref().map(|shared| shared.counts()).unwrap_or_default()
    }

    /// Writes what is there and ends the thread; gives up after `wait_max`, because a disk may hang. Whether everything was written.
    pub fn close(&self, wait_max: Duration) -> bool {
        self.shared.as_ref().is_none_or(|shared| shared.close(wait_max))
    }
}

impl Drop for AccessLog {
    /// Tells the thread to write what is there and end; does not wait for it.
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.close(Duration::ZERO);
        }
    }
}
