//! What a person can meet when a chore cannot be done: each has a code and a page in docs/errors/.
//!
//! Made where the trouble is seen, printed once by `main.rs`. Everything else that goes wrong here is a plain error with context.

use std::fmt;

/// A trouble with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The code, such as H0901.
    pub code: Code,
    /// What happened, in a line without a full stop.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// The codes of the chores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// H0901: the Rust toolchain is too old or a part of it is missing.
    Toolchain,
    /// H0902: a program of the system is missing and cannot be installed from here.
    Program,
    /// H0903: the folder of the build cache cannot be used.
    Cache,
    /// H0904: the demo's engine or its services did not come up.
    DemoDidNotStart,
    /// H0905: something of the demo still ran after its end.
    DemoLeftProcesses,
}

impl Code {
    /// The code as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Toolchain => "H0901",
            Self::Program => "H0902",
            Self::Cache => "H0903",
            Self::DemoDidNotStart => "H0904",
            Self::DemoLeftProcesses => "H0905",
        }
    }
}

impl Trouble {
    /// A trouble with its remedy.
    pub fn new(code: Code, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.name();
        write!(formatter, "{code}: {}\n    remedy: {}\n    see docs/errors/{code}.md", self.what, self.remedy)
    }
}

impl std::error::Error for Trouble {}
