//! Where answers and errors go: data to standard output, all else to standard error, each with colours only where they help.
//!
//! Every verb writes through a [`Screen`]. Always holds: a reader that has gone away ends the program without a fault; text
//! from services and other programs loses its control characters before it gets here.

use crate::arguments::{Everywhere, Format};
use crate::error::CliError;
use crate::say;
use anstyle::{AnsiColor, Style};
use homeostat_story::{Catalogue, Language, Message, Tone};
use homeostat_vocabulary::Timestamp;
use rustix::termios::tcgetwinsize;
use serde::Serialize;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

/// What the program was started in. Given as an argument, so that a test can look at every word.
pub struct Surroundings<'a> {
    /// The environment's variables; those that are not UTF-8 are left out.
    pub environment: Vec<(String, String)>,
    /// Standard output.
    pub out: Outlet<'a>,
    /// Standard error.
    pub err: Outlet<'a>,
    /// The time of day.
    pub clock: fn() -> Timestamp,
}

/// One of the two standard streams.
pub struct Outlet<'a> {
    /// Where the bytes go.
    pub writer: Box<dyn Write + 'a>,
    /// Columns, when it is a terminal.
    pub width: Option<usize>,
    /// Whether colours are wanted.
    pub colour: bool,
}

impl Surroundings<'static> {
    /// What this process was started in.
    #[must_use]
    pub fn of_process() -> Self {
        let environment = std::env::vars_os();
        let readable =
            environment.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self {
            clock: now,
            environment: readable.collect(),
            out: Outlet {
                colour: anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
                width: io::stdout().is_terminal().then(|| columns(&io::stdout())),
                writer: Box::new(io::stdout()),
            },
            err: Outlet {
                colour: anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
                width: io::stderr().is_terminal().then(|| columns(&io::stderr())),
                writer: Box::new(io::stderr()),
            },
        }
    }
}

/// The machine's time of day.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// A terminal that does not say how wide it is counts as the customary one.
fn columns(terminal: &impl std::os::fd::AsFd) -> usize {
    const CUSTOMARY: usize = 80;
    tcgetwinsize(terminal).map_or(CUSTOMARY, |size| if size.ws_col == 0 { CUSTOMARY } else { size.ws_col.into() })
}

/// The two streams with what the person asked of them.
pub struct Screen<'a> {
    out: Outlet<'a>,
    err: Outlet<'a>,
    /// The environment's variables.
    pub environment: Vec<(String, String)>,
    /// For people or for programs.
    pub format: Format,
    /// The sentences, in the person's language.
    pub catalogue: &'static Catalogue,
    clock: fn() -> Timestamp,
    quiet: bool,
}

impl<'a> Screen<'a> {
    /// The screen of a command line that could be read.
    #[must_use]
    pub fn new(mut surroundings: Surroundings<'a>, asked: &Everywhere) -> Self {
        let language = asked.lang.unwrap_or_else(|| {
            let variable = |name: &str| {
                surroundings.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            };
            Language::of_environment(variable)
        });
        surroundings.out.colour &= !asked.no_color;
        surroundings.err.colour &= !asked.no_color;
        Self {
            out: surroundings.out,
            err: surroundings.err,
            environment: surroundings.environment,
            format: asked.output,
            catalogue: Catalogue::of(language),
            clock: surroundings.clock,
            quiet: asked.quiet,
        }
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Columns of standard output, when it is a terminal.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.out.width
    }

    /// Whether only data and errors are wanted.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether standard error is a terminal, so that progress may be shown on it.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        self.err.width.is_some() && !self.quiet
    }

    /// Whether standard error takes colours, and its columns.
    #[must_use]
    pub fn err_look(&self) -> (bool, Option<usize>) {
        (self.err.colour, self.err.width)
    }

    /// Whether standard output takes colours.
    #[must_use]
    pub fn colour(&self) -> bool {
        self.out.colour
    }

    /// A sentence in the person's language.
    #[must_use]
    pub fn say(&self, message: &Message) -> String {
        self.catalogue.say(message)
    }

    /// Writes data as it stands.
    pub fn data(&mut self, text: &str) -> Result<(), CliError> {
        self.out.put(text)
    }

    /// Writes data for programs: one value, indented.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).expect("what is shown has a JSON form");
        self.out.put(&format!("{text}\n"))
    }

    /// Writes data for programs: one value of many, on one line.
    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value).expect("what is shown has a JSON form");
        self.out.put(&format!("{text}\n"))
    }

    /// Answers a command that has no data: a sentence for people, the same as JSON for programs.
    pub fn answer(&mut self, message: &Message) -> Result<(), CliError> {
        match self.format {
            Format::Json => self.json(message),
            Format::Table if self.quiet => Ok(()),
            Format::Table => {
                let text = self.say(message);
                self.out.put(&format!("{text}\n"))
            }
        }
    }

    /// Says something beside the data.
    pub fn note(&mut self, message: &Message) {
        if !self.quiet {
            let text = self.say(message);
            // Nobody is left to be told that a note could not be written.
            let _ = self.err.put(&format!("{text}\n"));
        }
    }

    /// Writes something drawn beside the data.
    pub fn remark(&mut self, drawn: &str) {
        if !self.quiet {
            let _ = self.err.put(drawn);
        }
    }

    /// Shows progress in place; only a terminal sees it.
    pub fn progress(&mut self, text: &str) {
        if self.shows_progress() {
            let _ = self.err.put(&format!("\r\u{1b}[2K{text}"));
            let _ = self.err.writer.flush();
        }
    }

    /// Says what went wrong: for people in one shape, for programs as one JSON object.
    pub fn failure(&mut self, error: &CliError) {
        if matches!(error, CliError::ReaderGone) {
            return;
        }
        let text = match self.format {
            Format::Json => format!("{}\n", failure_json(error)),
            Format::Table => failure_text(error, self.catalogue.language()),
        };
        // Nobody is left to be told that an error could not be written.
        let _ = self.err.put(&text);
    }
}

impl Outlet<'_> {
    fn put(&mut self, styled: &str) -> Result<(), CliError> {
        let written = if self.colour {
            self.writer.write_all(styled.as_bytes())
        } else {
            let plain = anstream::adapter::strip_str(styled).to_string();
            self.writer.write_all(plain.as_bytes())
        };
        written.and_then(|()| self.writer.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::ReaderGone,
            _ => CliError::failed(say::writing_out(), &error),
        })
    }
}

/// Pages about codes, from the root of the repository.
const PAGES: &str = "docs/errors";

fn failure_text(error: &CliError, language: Language) -> String {
    let (bold_red, bold) = (AnsiColor::Red.on_default().bold(), Style::new().bold());
    if let CliError::Config { rendered, .. } = error {
        return rendered.clone();
    }
    let code = error.code().map(|code| format!("[{code}]")).unwrap_or_default();
    let mut text = format!("{bold_red}error{code}{bold_red:#}{bold}:{bold:#} {}\n", error.what().say(language));
    if let Some(remedy) = error.remedy() {
        let label = say::label_help().say(language);
        text.push_str(&format!("  {bold}{label}{bold:#} {}\n", remedy.say(language)));
    }
    if let Some(code) = error.code() {
        let label = say::label_page().say(language);
        text.push_str(&format!("  {bold}{label}{bold:#} {PAGES}/{code}.md\n"));
    }
    text
}

/// In English, as everything is that programs read.
fn failure_json(error: &CliError) -> String {
    let mut value = json!({ "error": error.to_string(), "exit": error.exit() as u8 });
    if let Some(code) = error.code() {
        value["code"] = code.into();
        value["page"] = format!("{PAGES}/{code}.md").into();
    }
    if let Some(remedy) = error.remedy() {
        value["help"] = remedy.say(Language::English).into();
    }
    if let CliError::Config { problems, .. } = error {
        value["problems"] = problems.clone();
        value["error"] = "the configuration has problems".into();
    }
    value.to_string()
}

/// The colour of a tone; its symbol says the same without colour.
#[must_use]
pub fn style_of(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default(),
        Tone::Waiting => AnsiColor::Yellow.on_default(),
    }
}
