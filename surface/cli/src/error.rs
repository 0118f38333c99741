//! What a person who types a command can meet, each with its code, its remedy and its exit code.
//!
//! Raised everywhere in this crate and by the wiring; drawn in one shape by [`crate::screen`]. Always holds: each of them is said in every
//! language, out of [`crate::say`]; what comes from the engine is shown as it says it, with its own code.

use crate::{of_journal, say};
use homeostat_store::StoreError;
use homeostat_vocabulary::{Language, Sentence, sentence::Argument};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Something was found, or the answer is no.
    Findings = 1,
    /// It was asked wrongly, or the configuration is wrong.
    Usage = 2,
    /// No engine answers.
    Unreachable = 3,
    /// A guard said no.
    Refused = 4,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What went wrong.
#[derive(Debug)]
pub enum CliError {
    /// Nobody answers at the engine's socket.
    Unreachable {
        /// Where it was looked for.
        socket: PathBuf,
    },
    /// The engine was there and did not answer in time.
    Silent {
        /// Where it was asked.
        socket: PathBuf,
        /// What happened instead.
        reason: Argument,
    },
    /// The engine answered with a problem.
    Engine {
        /// Its code.
        code: Option<String>,
        /// What it said.
        what: Argument,
        /// Its hint.
        remedy: Option<Argument>,
        /// How the program ends for it.
        exit: Exit,
    },
    /// The engine in the background ended before it answered.
    EngineDied {
        /// How it ended.
        how: String,
        /// The end of its log.
        words: String,
    },
    /// Something took longer than it may.
    TookTooLong {
        /// What was waited for.
        what: Sentence,
        /// For how long.
        seconds: u64,
    },
    /// The journal holds no such story.
    NotInJournal {
        /// What was asked about.
        of: String,
    },
    /// The journal could not be read.
    Store(StoreError),
    /// A file or folder could not be used.
    File {
        /// What was being done, with what.
        doing: Sentence,
        /// What the system said.
        reason: String,
    },
    /// `init` found a file it would have to write over.
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// A service or instance of that name has never written anything.
    NoLogs {
        /// What was asked about.
        of: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The configuration has no such service.
    NoService {
        /// What was asked about.
        name: String,
        /// The services that there are.
        known: Vec<String>,
    },
    /// Nobody answers at the gateway's control.
    NoGateway {
        /// Where it was looked for.
        socket: PathBuf,
        /// What happened instead.
        reason: Sentence,
    },
    /// The command line itself was wrong.
    Usage {
        /// What is wrong with it.
        what: Argument,
    },
    /// The configuration has problems; each is drawn with its place.
    Config {
        /// All of them, drawn.
        rendered: String,
        /// All of them, for programs.
        problems: serde_json::Value,
    },
    /// The answer could not be written, because the reader is gone: nothing is wrong.
    ReaderGone,
}

/// In English, as logs are.
impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what().say(Language::English))
    }
}

impl std::error::Error for CliError {}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl CliError {
    /// What was being done failed, with what the system said.
    pub(crate) fn failed(doing: Sentence, error: &io::Error) -> Self {
        Self::File { doing, reason: error.to_string() }
    }

    /// The engine's threads could not be started.
    #[must_use]
    pub fn threads(error: &io::Error) -> Self {
        Self::failed(say::starting_threads(), error)
    }

    /// The command line was wrong.
    pub(crate) fn usage(what: impl Into<Argument>) -> Self {
        Self::Usage { what: what.into() }
    }

    /// How the program ends for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } | Self::NoGateway { .. } => Exit::Unreachable,
            Self::Engine { exit, .. } => *exit,
            Self::EngineDied { .. } | Self::TookTooLong { .. } | Self::NotInJournal { .. } => Exit::Findings,
            Self::Store(_) | Self::NoLogs { .. } | Self::NoService { .. } => Exit::Findings,
            Self::File { .. } | Self::Occupied { .. } | Self::Usage { .. } | Self::Config { .. } => Exit::Usage,
            Self::ReaderGone => Exit::Ok,
        }
    }

    /// The code of its page in docs/errors/.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        Some(match self {
            Self::Unreachable { .. } => "H0410",
            Self::Silent { .. } => "H0411",
            Self::EngineDied { .. } => "H0412",
            Self::TookTooLong { .. } => "H0413",
            Self::NotInJournal { .. } => "H0414",
            Self::File { .. } => "H0415",
            Self::Occupied { .. } => "H0416",
            Self::NoLogs { .. } => "H0417",
            Self::Usage { .. } => "H0418",
            Self::NoGateway { .. } => "H0419",
            Self::NoService { .. } => "H0424",
            Self::Engine { code, .. } => return code.as_deref(),
            Self::Store(error) => return error.code(),
            Self::Config { .. } | Self::ReaderGone => return None,
        })
    }

    /// What is wrong. Words of others, such as the engine's, are in the language they came in.
    #[must_use]
    pub fn what(&self) -> Argument {
        let sentence = match self {
            Self::Unreachable { socket } => say::unreachable(shown(socket)),
            Self::Silent { socket, reason } => say::silent(shown(socket), reason.clone()),
            Self::EngineDied { how, words } => say::engine_died(how, words),
            Self::TookTooLong { what, seconds } => say::took_too_long(what.clone(), *seconds),
            Self::NotInJournal { of } => say::not_in_journal(of),
            Self::File { doing, reason } => say::failed(doing.clone(), reason),
            Self::Occupied { path } => say::occupied(shown(path)),
            Self::NoLogs { of, folder } => say::no_logs(of, shown(folder)),
            Self::NoService { name, .. } => say::no_service(name),
            Self::NoGateway { socket, reason } => say::no_gateway(shown(socket), reason.clone()),
            Self::ReaderGone => say::reader_gone(),
            Self::Store(error) => return of_journal::what(error),
            Self::Engine { what, .. } | Self::Usage { what } => return what.clone(),
            Self::Config { rendered, .. } => return rendered.into(),
        };
        sentence.into()
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<Argument> {
        let sentence = match self {
            Self::Unreachable { .. } => say::unreachable_remedy(),
            Self::Silent { .. } => say::silent_remedy(),
            Self::EngineDied { .. } => say::engine_died_remedy(),
            Self::TookTooLong { .. } => say::took_too_long_remedy(),
            Self::NotInJournal { .. } => say::not_in_journal_remedy(),
            Self::File { .. } => say::failed_remedy(),
            Self::Occupied { .. } => say::occupied_remedy(),
            Self::NoLogs { .. } => say::no_logs_remedy(),
            Self::NoService { known, .. } => say::services_are(Argument::Names(known.clone())),
            Self::NoGateway { .. } => say::no_gateway_remedy(),
            Self::Usage { .. } => say::usage_remedy(),
            Self::Engine { remedy, .. } => return remedy.clone(),
            Self::Store(error) => return of_journal::remedy(error).map(Argument::from),
            Self::Config { .. } | Self::ReaderGone => return None,
        };
        Some(sentence.into())
    }
}

/// A path as text.
pub(crate) fn shown(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each.
    fn every() -> Vec<CliError> {
        let (path, text) = (|| PathBuf::from("/data"), || "words".to_owned());
        let engine = |status| CliError::Engine {
            code: None,
            what: say::engine_answered(status).into(),
            remedy: Some(say::see_action().into()),
            exit: Exit::Findings,
        };
        let mut every = vec![
            CliError::Unreachable { socket: path() },
            CliError::Silent { socket: path(), reason: say::no_answer_within(15_u64).into() },
            engine(500_u16),
            CliError::EngineDied { how: text(), words: text() },
            CliError::TookTooLong { what: say::end_of_engine(), seconds: 600 },
            CliError::NotInJournal { of: text() },
            CliError::threads(&io::ErrorKind::OutOfMemory.into()),
            CliError::Occupied { path: path() },
            CliError::NoLogs { of: text(), folder: path() },
            CliError::NoService { name: text(), known: vec![text(), text()] },
            CliError::NoGateway { socket: path(), reason: say::gateway_silent("words") },
            CliError::usage(say::try_expected(say::try_nothing())),
        ];
        every.extend(of_journal::every().into_iter().map(CliError::Store));
        every
    }

    #[test]
    fn every_error_and_its_remedy_are_said_in_both_languages() {
        // Would break: somebody who reads Spanish meets an error, or what to do about it, in English.
        for error in every() {
            let in_both = |said: Argument| Language::ALL.map(|language| said.say(language));
            for [english, spanish] in [Some(error.what()), error.remedy()].into_iter().flatten().map(in_both) {
                assert!(!english.is_empty() && !spanish.is_empty(), "{error:?}");
                assert_ne!(english, spanish, "{error:?}");
            }
        }
    }
}
