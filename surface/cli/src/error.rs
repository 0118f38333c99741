//! What a person who types a command can meet, each with its code, its remedy and its exit code.
//!
//! Raised everywhere in this crate and by the wiring; drawn in one shape by [`crate::output`]. Always holds: what comes from
//! the engine is shown as it says it, with its own code.

use homeostat_store::StoreError;
use std::path::PathBuf;

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
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Nobody answers at the engine's socket.
    #[error("no engine answers at {}", socket.display())]
    Unreachable {
        /// Where it was looked for.
        socket: PathBuf,
    },
    /// The engine was there and did not answer in time.
    #[error("the engine at {} did not answer: {reason}", socket.display())]
    Silent {
        /// Where it was asked.
        socket: PathBuf,
        /// What happened instead.
        reason: String,
    },
    /// The engine answered with a problem.
    #[error("{what}")]
    Engine {
        /// Its code.
        code: Option<String>,
        /// What it said.
        what: String,
        /// Its hint.
        remedy: Option<String>,
        /// How the program ends for it.
        exit: Exit,
    },
    /// The engine in the background ended before it answered.
    #[error("the engine ended before it answered ({how}); its last words:\n{words}")]
    EngineDied {
        /// How it ended.
        how: String,
        /// The end of its log.
        words: String,
    },
    /// Something took longer than it may.
    #[error("{what} has taken more than {seconds} s")]
    TookTooLong {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        seconds: u64,
    },
    /// The journal holds no such story.
    #[error("the journal knows nothing of {of}")]
    NotInJournal {
        /// What was asked about.
        of: String,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or folder could not be used.
    #[error("{doing} {} failed: {reason}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// `init` found a file it would have to write over.
    #[error("{} exists already", path.display())]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// A service or instance of that name has never written anything.
    #[error("there are no logs of {of} in {}", folder.display())]
    NoLogs {
        /// What was asked about.
        of: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// Nobody answers at the gateway's control.
    #[error("no gateway answers at {}: {reason}", socket.display())]
    NoGateway {
        /// Where it was looked for.
        socket: PathBuf,
        /// What happened instead.
        reason: String,
    },
    /// The command line itself was wrong.
    #[error("{what}")]
    Usage {
        /// What is wrong with it.
        what: String,
    },
    /// The configuration has problems; each is drawn with its place.
    #[error("{rendered}")]
    Config {
        /// All of them, drawn.
        rendered: String,
        /// All of them, for programs.
        problems: serde_json::Value,
    },
    /// The answer could not be written, because the reader is gone: nothing is wrong.
    #[error("the reader is gone")]
    ReaderGone,
}

impl CliError {
    /// A file error, with what the system said.
    pub fn file(doing: &'static str, path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Self::File { doing, path: path.into(), reason: error.to_string() }
    }

    /// How the program ends for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } | Self::NoGateway { .. } => Exit::Unreachable,
            Self::Engine { exit, .. } => *exit,
            Self::EngineDied { .. } | Self::TookTooLong { .. } | Self::NotInJournal { .. } => Exit::Findings,
            Self::Store(_) | Self::NoLogs { .. } => Exit::Findings,
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
            Self::Engine { code, .. } => return code.as_deref(),
            Self::Store(error) => return error.code(),
            Self::Config { .. } | Self::ReaderGone => return None,
        })
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { .. } => "start one with `homeostat up`, or name its configuration with --config".into(),
            Self::Silent { .. } => "look at its log, and ask again; `homeostat why --last` works without it".into(),
            Self::EngineDied { .. } => "start it with `homeostat up` to watch it".into(),
            Self::TookTooLong { .. } => "look at the engine's log; the command may be given again".into(),
            Self::NotInJournal { .. } => "`homeostat episodes` lists what it knows".into(),
            Self::File { .. } => "see that the file is there and may be read and written".into(),
            Self::Occupied { .. } => "write over it with --force".into(),
            Self::NoLogs { .. } => "`homeostat status` lists the services and their instances".into(),
            Self::NoGateway { .. } => {
                "start one with `homeostat up` and a [gateway] section, or name its configuration with --config".into()
            }
            Self::Usage { .. } => "`homeostat help` shows what can be typed".into(),
            Self::Engine { remedy, .. } => return remedy.clone(),
            Self::Store(StoreError::Open { .. }) => {
                "the journal is made at the first `homeostat up`; name the engine's configuration with --config".into()
            }
            Self::Store(StoreError::Locked { .. }) => {
                "most likely an engine runs already: `homeostat status` shows it, `homeostat down` ends it".into()
            }
            Self::Store(_) | Self::Config { .. } | Self::ReaderGone => return None,
        })
    }
}
