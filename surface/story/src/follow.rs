//! One journal entry in one line, for whoever follows live: `journal tail`, the demo.

use crate::catalogue::clock;
use crate::chapter::Tone;
use crate::{Catalogue, Message, fact, plain, saga};
use homeostat_store::Entry;
use homeostat_vocabulary::{Fact, Timestamp};
use serde::Serialize;

/// An entry in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveLine {
    /// Its number in the journal.
    pub seq: u64,
    /// The time of day in UTC.
    pub clock: String,
    /// The episode or action it belongs to; empty for neither.
    pub trace: String,
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// Any entry in words. One that this version cannot read is named, never skipped.
#[must_use]
pub fn line_of(entry: &Entry, catalogue: &Catalogue) -> LiveLine {
    let (message, tone) = said(entry);
    LiveLine {
        seq: entry.seq,
        clock: clock(Timestamp(entry.record.at_ms)),
        trace: plain(&entry.record.trace),
        tone,
        text: catalogue.say(&message),
    }
}

fn said(entry: &Entry) -> (Message, Tone) {
    if entry.record.kind.starts_with(saga::KIND_PREFIX) {
        if let Some(log) = saga::read(entry) {
            let action = saga::action_of(&log.saga.to_string());
            return (saga::sentence(&action, &[], &log.record.event), saga::tone(&log.record.event));
        }
    } else if let Ok(read) = serde_json::from_slice::<Fact>(&entry.record.payload) {
        return (fact::sentence(&read), fact::tone(&read));
    }
    (unreadable(entry), Tone::Bad)
}

/// Said of a record that this version cannot read.
pub(crate) fn unreadable(entry: &Entry) -> Message {
    Message::new("record-unreadable").text("seq", &entry.seq).text("kind", &entry.record.kind)
}
