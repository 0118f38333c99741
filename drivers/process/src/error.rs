//! What can go wrong with a process, for the person who will read it.
//!
//! Each has a code with a page in `docs/errors/`. Turned into the driver seam's three kinds: impossible until something
//! outside changes, failed this time, unknown.

use crate::record::{Refusal, Stage};
use homeostat_act::DriverError;
use homeostat_vocabulary::{InstanceId, RunId};
use std::io;

/// Why the process driver could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program of a service cannot be run.
    #[error("the program {program:?} of {instance} cannot be run: {reason}")]
    Program {
        /// Of which instance.
        instance: InstanceId,
        /// The program, as written in the command.
        program: String,
        /// What the operating system says, with the remedy.
        reason: String,
        /// False when it may work another time as it is.
        lasting: bool,
    },
    /// The working folder of a service cannot be entered.
    #[error("the working folder {folder:?} of {instance} cannot be entered: {reason}")]
    WorkingFolder {
        /// Of which instance.
        instance: InstanceId,
        /// The folder.
        folder: String,
        /// What the operating system says.
        reason: String,
    },
    /// A limit cannot be set.
    #[error(
        "the limits of {instance} cannot be set: {reason}; the engine's own limits are lower, raise them or lower these"
    )]
    Limits {
        /// Of which instance.
        instance: InstanceId,
        /// What the operating system says.
        reason: String,
    },
    /// A secret is not where it should be.
    #[error("the secret {reference} for {variable} of {instance} cannot be read: {reason}")]
    Secret {
        /// Of which instance.
        instance: InstanceId,
        /// The variable it is for.
        variable: String,
        /// Where it should be.
        reference: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// A placeholder names a port that is not declared.
    #[error(
        "{instance} has no port named {port:?}, but its command or environment asks for one; declare it as port or under ports"
    )]
    UnknownPort {
        /// Of which instance.
        instance: InstanceId,
        /// The port's name.
        port: String,
    },
    /// Every port that may be allotted is taken.
    #[error("no port between {first} and {last} is free for {instance}")]
    NoPortFree {
        /// For which instance.
        instance: InstanceId,
        /// The lowest port that may be allotted.
        first: u16,
        /// The highest.
        last: u16,
    },
    /// Another life of the instance has not ended.
    #[error("{instance} cannot begin {run}: an earlier life of it still runs, stop that first")]
    StillRuns {
        /// Which instance.
        instance: InstanceId,
        /// The life that was to begin.
        run: RunId,
    },
    /// The shim did not do its work.
    #[error("the shim of {instance} could not start it: {reason}")]
    Shim {
        /// Of which instance.
        instance: InstanceId,
        /// What is known about it.
        reason: String,
    },
    /// Something outlives even a kill.
    #[error("{instance} does not end, not even killed: {reason}")]
    DoesNotEnd {
        /// Which instance.
        instance: InstanceId,
        /// What is known about it.
        reason: String,
    },
    /// The records of a life cannot be read or written.
    #[error("the records of {instance} cannot be read or written: {source}")]
    Records {
        /// Of which instance.
        instance: InstanceId,
        /// What the operating system says.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error("the data folder {folder:?} cannot be used: {source}")]
    DataFolder {
        /// Which folder.
        folder: std::path::PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl ProcessError {
    /// The code under which a page explains it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Program { .. } => "H0301",
            Self::WorkingFolder { .. } => "H0302",
            Self::Limits { .. } => "H0303",
            Self::Secret { .. } => "H0304",
            Self::UnknownPort { .. } => "H0305",
            Self::NoPortFree { .. } => "H0306",
            Self::StillRuns { .. } => "H0307",
            Self::Shim { .. } => "H0308",
            Self::DoesNotEnd { .. } => "H0309",
            Self::Records { .. } | Self::DataFolder { .. } => "H0310",
        }
    }

    /// What an error of reading or writing records, or of sweeping what they name, means for `instance`.
    pub(crate) fn of_records(instance: &InstanceId, error: io::Error) -> Self {
        let instance = instance.clone();
        match error.kind() {
            io::ErrorKind::TimedOut => Self::DoesNotEnd { instance, reason: error.to_string() },
            _ => Self::Records { instance, source: error },
        }
    }

    /// What the shim's refusal means for `instance`.
    pub(crate) fn refused(refusal: Refusal, instance: InstanceId, program: &str, folder: &str) -> Self {
        let error = io::Error::from_raw_os_error(refusal.errno);
        match refusal.stage {
            Stage::Shim => Self::Shim { instance, reason: error.to_string() },
            Stage::Limits => Self::Limits { instance, reason: error.to_string() },
            Stage::WorkingFolder => {
                Self::WorkingFolder { instance, folder: folder.to_owned(), reason: error.to_string() }
            }
            Stage::Program => {
                use io::ErrorKind::{ArgumentListTooLong, NotFound, PermissionDenied};
                let (remedy, lasting) = match error.kind() {
                    NotFound if program.contains('/') => {
                        ("there is no such file, or not the interpreter it names", true)
                    }
                    NotFound => {
                        ("no folder of PATH holds it; give its whole path, or set PATH in its environment", true)
                    }
                    PermissionDenied => ("it is not executable, or on a file system mounted noexec", true),
                    ArgumentListTooLong => ("its arguments and environment are longer than the kernel takes", true),
                    _ if refusal.errno == NOT_A_PROGRAM => ("it is no program this machine can run", true),
                    _ => ("this may pass", false),
                };
                Self::Program { instance, program: program.to_owned(), reason: format!("{error}; {remedy}"), lasting }
            }
        }
    }
}

/// ENOEXEC.
const NOT_A_PROGRAM: i32 = 8;

impl From<ProcessError> for DriverError {
    fn from(error: ProcessError) -> Self {
        let reason = format!("{error} ({})", error.code());
        match error {
            ProcessError::Program { lasting: true, .. }
            | ProcessError::WorkingFolder { .. }
            | ProcessError::Limits { .. }
            | ProcessError::Secret { .. }
            | ProcessError::UnknownPort { .. } => Self::Impossible { reason },
            ProcessError::DoesNotEnd { .. } => Self::Unknown { reason },
            ProcessError::Program { .. }
            | ProcessError::NoPortFree { .. }
            | ProcessError::StillRuns { .. }
            | ProcessError::Shim { .. }
            | ProcessError::Records { .. }
            | ProcessError::DataFolder { .. } => Self::Failed { reason },
        }
    }
}
