//! The command line as types: what can be typed, and the help that explains it.
//!
//! Parsed once by [`crate::run`]; docs/cli.md and the shells' completions are made from it, so each word is said in one place.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use homeostat_story::Language;
use homeostat_vocabulary::quantity::Period;
use homeostat_vocabulary::{ActionId, EpisodeId, ServiceName};
use std::path::PathBuf;
use std::str::FromStr;

/// Keeps a team's services inside their objectives by itself.
#[derive(Debug, Parser)]
#[command(
    name = "homeostat",
    version,
    term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Exit codes: 0 ok; 1 findings, or the answer is no; 2 usage or configuration; 3 no engine answers; 4 refused by a guard."
)]
pub struct CommandLine {
    /// What holds for every command.
    #[command(flatten)]
    pub everywhere: Everywhere,
    /// What is to be done.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Everywhere {
    /// The configuration file; without it the variable HOMEOSTAT_CONFIG, or the first found of the customary places
    #[arg(long, global = true, value_name = "FILE", env = "HOMEOSTAT_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// Override one setting, as in `--set repair.budget=5`; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// How data is written: table for people, json for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT", hide_possible_values = true)]
    pub output: Format,
    /// Language of sentences: en or es; without it, LC_ALL, LC_MESSAGES and LANG decide
    #[arg(long, global = true, value_name = "LANGUAGE")]
    pub lang: Option<Language>,
    /// No colours; the variables NO_COLOR and CLICOLOR_FORCE are heeded too
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Nothing but data and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Start the engine and the services
    Up {
        /// Return once the engine answers, and leave it running in the background
        #[arg(long)]
        detach: bool,
        /// Set by `--detach` for the process that it starts
        #[arg(long, hide = true, conflicts_with = "detach")]
        background: bool,
    },
    /// End the engine and the services
    Down {
        /// Leave the services running; the next engine adopts them
        #[arg(long)]
        keep_services: bool,
    },
    /// Say what is wrong with the configuration, before anything starts
    Check,
    /// Write a commented homeostat.toml from what is found here
    Init {
        /// Write over a file that exists
        #[arg(long)]
        force: bool,
    },
    /// Show every service at a glance; exit code 1 when one is not ready
    Status {
        /// Draw it again every second
        #[arg(long)]
        watch: bool,
    },
    /// Show what a service has written
    Logs(LogsArguments),
    /// Tell what happened and why, from the journal alone: no engine needs to run
    Why {
        /// The episode (E17) or action (A23); without it, the last episode
        #[arg(value_name = "EPISODE", conflicts_with = "last")]
        of: Option<StoryOf>,
        /// The last episode
        #[arg(long)]
        last: bool,
    },
    /// List the latest episodes, from the journal alone
    Episodes {
        /// How many
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
    },
    /// Stop the engine from acting, on everything or on one service; it goes on watching
    Pause {
        /// The service; without it, everything
        service: Option<ServiceName>,
    },
    /// Let the engine act again; of a service named, start again what was undone or is left to you
    Resume {
        /// The service; without it, everything
        service: Option<ServiceName>,
    },
    /// Start a service that starts when it is asked for, without waiting for a request
    Start {
        /// The service
        service: ServiceName,
    },
    /// Let a plan that waits for a person be carried out
    Approve {
        /// The action, as in A23
        action: ActionId,
    },
    /// Drop a plan that waits for a person
    Reject {
        /// The action, as in A23
        action: ActionId,
    },
    /// Take an action back
    Undo {
        /// The action, as in A23
        action: ActionId,
    },
    /// Show the configuration and where it comes from
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Show what the gateway does with requests, and why
    #[command(subcommand)]
    Gateway(GatewayVerb),
    /// Show the requests that pass the gateway, as they are answered
    Tap(TapArguments),
    /// Read, prove and save the journal
    #[command(subcommand)]
    Journal(JournalVerb),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// The service, or one instance of it
    #[arg(value_name = "SERVICE[/N]")]
    pub of: LogsOf,
    /// Go on as more is written, across restarts
    #[arg(long, short)]
    pub follow: bool,
    /// How many of the latest lines
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    pub lines: usize,
}

/// What `tap` takes. A request is shown when it fits everything that is said.
#[derive(Debug, Args)]
pub struct TapArguments {
    /// Only requests of this route
    #[arg(long, value_name = "NAME")]
    pub route: Option<String>,
    /// Only answers with this status (503), or of this class (5xx)
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// Only paths that begin like this
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Only answers that took longer, such as 250ms
    #[arg(long, value_name = "TIME")]
    pub slower_than: Option<Period>,
    /// Of those that fit, one in so many
    #[arg(long, value_name = "NUMBER")]
    pub sample: Option<u64>,
    /// End after so many requests
    #[arg(long, short = 'n', value_name = "NUMBER")]
    pub number: Option<u64>,
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the JSON schema, for editors
    Schema,
    /// Print the settings in force
    Show {
        /// Say beside each where it comes from
        #[arg(long)]
        origin: bool,
    },
    /// Print which file is read
    Path,
}

/// What can be asked about the gateway.
#[derive(Debug, Subcommand)]
pub enum GatewayVerb {
    /// Run one in the foreground; `up` does this by itself. While another one runs on the same data folder, it takes over without
    /// a lost connection
    Run {
        /// Set by the engine: the settings as it has read and checked them
        #[arg(long, hide = true)]
        plan: Option<PathBuf>,
    },
    /// Say what is wrong with its settings
    Check,
    /// List its routes as they are asked, the most specific first, or say which of them takes a request and why; exit code 1 when none
    /// does
    Routes {
        /// A request, as in `--try "GET http://shop.example.org/cart?x=1"`; GET when no method is named
        // Without a request it is told what one looks like, which the parser of the line would not.
        #[arg(long = "try", value_name = "REQUEST", num_args = 0..=1, default_missing_value = "")]
        attempt: Option<String>,
        /// A header of that request, as in `--header "X-Colour: blue"`; may be repeated
        #[arg(long, value_name = "NAME: VALUE", requires = "attempt")]
        header: Vec<String>,
    },
    /// List the endpoints of its upstreams as the running gateway sees them; when none runs, where they will come from
    Endpoints,
}

/// What can be done with the journal.
#[derive(Debug, Subcommand)]
pub enum JournalVerb {
    /// Prove that nothing in it was changed or lost
    Verify,
    /// Print its records, one JSON object a line
    Export {
        /// From this record on
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        from: u64,
    },
    /// Print the latest records, one sentence a line
    Tail {
        /// Go on as more is recorded
        #[arg(long, short)]
        follow: bool,
        /// Leave out the single steps of actions, as `up` does
        #[arg(long)]
        brief: bool,
        /// How many of the latest records
        #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 20)]
        lines: u64,
    },
    /// Copy it, whole and proven, while the engine runs
    Backup {
        /// An empty folder, made if it is not there
        folder: PathBuf,
    },
}

/// Whose logs are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsOf {
    /// The service.
    pub service: ServiceName,
    /// One of its instances; all of them without it.
    pub index: Option<u16>,
}

impl FromStr for LogsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, index) = text.split_once('/').map_or((text, None), |(name, index)| (name, Some(index)));
        let service = name.parse().map_err(|error: homeostat_vocabulary::NameError| error.to_string())?;
        let index = index.map(str::parse).transpose();
        let index = index.map_err(|_| format!("{text:?} is not an instance, as in \"web/0\""))?;
        Ok(Self { service, index })
    }
}

/// What a story can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoryOf {
    /// An episode.
    Episode(EpisodeId),
    /// An action; when it belongs to an episode, the whole episode is told.
    Action(ActionId),
}

impl FromStr for StoryOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let episode = upper.parse().map(Self::Episode);
        episode
            .or_else(|_| upper.parse().map(Self::Action))
            .map_err(|_| format!("{text:?} is neither an episode, as in E17, nor an action, as in A23"))
    }
}
