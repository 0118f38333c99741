//! The schedules and the ways to fail, by name. What they mean, endpoint by endpoint, is in the plan.

/// Endpoints in every run.
pub const ENDPOINTS: usize = 10;
/// Those that work when 80 % fail.
pub const SURVIVORS: usize = 2;

/// How an endpoint fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nobody listens at its port.
    Refuse,
    /// A 500 at once.
    FastError,
    /// A 500 after a second.
    SlowError,
    /// No answer at all.
    Hang,
    /// The head of an answer, half of the body, and a broken connection.
    Reset,
    /// A 200 in good time with a body that is not what was asked for.
    WrongBody,
}

/// The faults of eight broken endpoints: a fixed mix, dealt to them by the seed.
pub const MIX: [Fault; ENDPOINTS - SURVIVORS] = [
    Fault::Refuse,
    Fault::FastError,
    Fault::FastError,
    Fault::SlowError,
    Fault::Hang,
    Fault::Hang,
    Fault::Reset,
    Fault::WrongBody,
];

/// The milder faults of `switch-once`: nobody lies, and nobody refuses.
pub const MILD_MIX: [Fault; ENDPOINTS - SURVIVORS] = [
    Fault::FastError,
    Fault::FastError,
    Fault::FastError,
    Fault::SlowError,
    Fault::SlowError,
    Fault::Hang,
    Fault::Hang,
    Fault::Reset,
];

/// When what works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Schedule {
    /// Everything works
    Healthy,
    /// The same two of ten work all the time
    Static80,
    /// Two of ten work, and every 30 s it is another two
    Switch80,
    /// As switch80, with a fast 500 in place of the wrong body, which no proxy can see
    Switch80Plain,
    /// Two of ten work, and another two from half time on, with milder faults; 12 requests a second and no POST. What the first
    /// prototype was measured by
    SwitchOnce,
    /// Each endpoint works and fails in turns of 10 s in the mean
    Flap,
    /// Each attempt fails with a chance of 80 %, wherever it goes
    Iid80,
    /// Nothing works in the first third, everything after it
    Recover,
    /// As static80; meant for more load than two endpoints bear
    Overload,
    /// As static80, and after some seconds very many requests at once
    Burst,
}

impl Schedule {
    /// Its name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Static80 => "static80",
            Self::Switch80 => "switch80",
            Self::Switch80Plain => "switch80-plain",
            Self::SwitchOnce => "switch-once",
            Self::Flap => "flap",
            Self::Iid80 => "iid80",
            Self::Recover => "recover",
            Self::Overload => "overload",
            Self::Burst => "burst",
        }
    }

    /// How many endpoints' worth of work survives, in the mean: what the load is a share of. For `iid80` a fifth of the attempts;
    /// for `recover` as for the others, so that their loads compare.
    pub const fn survivors(self) -> f64 {
        match self {
            Self::Healthy => ENDPOINTS as f64,
            Self::Flap => ENDPOINTS as f64 / 2.0,
            Self::Static80
            | Self::Switch80
            | Self::Switch80Plain
            | Self::SwitchOnce
            | Self::Iid80
            | Self::Recover
            | Self::Overload
            | Self::Burst => SURVIVORS as f64,
        }
    }
}
