//! The journal's errors as the command line tells them.
//!
//! Called by [`crate::error::CliError`] alone. The journal knows no languages, because the engine logs its words: the English here is the same,
//! and a test compares.

use crate::error::shown;
use crate::say;
use homeostat_store::StoreError;
use homeostat_vocabulary::{Sentence, sentence::Argument};

/// What is wrong with the journal.
pub fn what(error: &StoreError) -> Argument {
    let sentence = match error {
        StoreError::Locked { folder, pid } => say::journal_locked(shown(folder), *pid),
        StoreError::Open { folder, reason } => say::journal_unopened(shown(folder), reason),
        StoreError::Format { found, known } => say::journal_format(*found, *known),
        StoreError::Damaged { reason } => say::journal_damaged(reason),
        StoreError::TailMissing { acknowledged, found } => say::journal_tail(*acknowledged, *found),
        StoreError::Io { doing, reason } => say::journal_failed(*doing, reason),
        StoreError::ReadOnly { reason } => say::journal_read_only(reason),
        StoreError::Busy => say::journal_busy(),
        StoreError::Occupied { folder } => say::journal_occupied(shown(folder)),
        // These have no code, because they are between the parts of the program: no command meets them.
        StoreError::Conflict { .. }
        | StoreError::OffsetMoved { .. }
        | StoreError::Invalid { .. }
        | StoreError::Closed => return error.to_string().into(),
    };
    sentence.into()
}

/// What to do about it, where the journal does not say so itself.
pub fn remedy(error: &StoreError) -> Option<Sentence> {
    match error {
        StoreError::Open { .. } => Some(say::journal_unopened_remedy()),
        StoreError::Locked { .. } => Some(say::journal_locked_remedy()),
        _ => None,
    }
}

/// One of each that a person can meet.
#[cfg(test)]
pub fn every() -> [StoreError; 9] {
    let (folder, reason) = (std::path::PathBuf::from("/data"), "words".to_owned());
    [
        StoreError::Locked { folder: folder.clone(), pid: 7 },
        StoreError::Open { folder: folder.clone(), reason: reason.clone() },
        StoreError::Format { found: 2, known: 1 },
        StoreError::Damaged { reason: reason.clone() },
        StoreError::TailMissing { acknowledged: 9, found: 8 },
        StoreError::Io { doing: "reading the journal", reason: reason.clone() },
        StoreError::ReadOnly { reason },
        StoreError::Busy,
        StoreError::Occupied { folder },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CliError;

    #[test]
    fn the_journal_is_told_of_in_its_own_words_in_english() {
        // Would break: the log of the engine and the command line say different things of one mishap.
        for error in every() {
            assert_eq!(CliError::from(error.clone()).to_string(), error.to_string());
        }
    }
}
