//! Problems drawn for a terminal: the lines of the file with the place underlined, the label, and what to do.

use crate::place::Place;
use crate::problem::{PROBLEMS_SHOWN_MAX, Problem, Problems, Weight};
use crate::say;
use homeostat_vocabulary::{Language, Sentence};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};
use std::fmt;
use std::sync::Arc;

/// Narrower than this nothing can be drawn that a person could read.
const WIDTH_MIN: usize = 40;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// With colours: only to a terminal, and not when NO_COLOR is set.
    pub colour: bool,
    /// With line-drawing characters; plain ASCII otherwise.
    pub unicode: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// What the words are in.
    pub language: Language,
}

impl Look {
    /// For files, pipes and tests.
    pub const PLAIN: Self = Self { colour: false, unicode: false, width: 100, language: Language::English };
}

impl Problems {
    /// All problems, drawn one after the other, with a closing line that counts them.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let mut text = String::new();
        for problem in self.iter().take(PROBLEMS_SHOWN_MAX) {
            text.push_str(&problem.render(look));
            text.push('\n');
        }
        if let Some(more) = self.len().checked_sub(PROBLEMS_SHOWN_MAX).filter(|more| *more > 0) {
            text.push_str(&format!("{}\n", say::more(more).say(look.language)));
        }
        text.push_str(&self.summary(look.language));
        text.push('\n');
        text
    }

    /// `2 errors, 1 warning`.
    #[must_use]
    pub fn summary(&self, language: Language) -> String {
        let errors = self.iter().filter(|problem| problem.weight() == Weight::Error).count();
        let warnings = self.len() - errors;
        let errors = (errors > 0).then(|| if errors == 1 { say::one_error() } else { say::errors(errors) });
        let warnings = (warnings > 0).then(|| if warnings == 1 { say::one_warning() } else { say::warnings(warnings) });
        let counts: Vec<String> = errors.iter().chain(&warnings).map(|count| count.say(language)).collect();
        if counts.is_empty() { say::no_problems().say(language) } else { counts.join(", ") }
    }
}

impl Problem {
    /// The problem with its snippet.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let theme = match (look.unicode, look.colour) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            (false, true) => GraphicalTheme::ascii(),
            (false, false) => GraphicalTheme::none(),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .without_syntax_highlighting()
            .with_width(look.width.max(WIDTH_MIN));
        let mut text = String::new();
        match handler.render_report(&mut text, &Drawn::new(self, look.language)) {
            Ok(()) => in_language(text, look.language),
            // A place that cannot be drawn must not hide the problem.
            Err(_) => format!("{}\n", self.one_line()),
        }
    }
}

/// The drawing library knows its one word in English only: it is exchanged, and what follows it is moved by the difference.
fn in_language(drawn: String, language: Language) -> String {
    let (theirs, ours) = (say::advice().say(Language::English), say::advice().say(language));
    let Some(at) = drawn.rfind(&format!("  {theirs}: ")).filter(|_| theirs != ours) else { return drawn };
    let (before, after) = drawn.split_at(at);
    let indent = |word: &str| format!("\n{}", " ".repeat(word.chars().count() + "  : ".len()));
    let after = after.replacen(&theirs, &ours, 1).replace(&indent(&theirs), &indent(&ours));
    format!("{before}{after}")
}

/// A problem in the form the drawing library asks for.
struct Drawn<'a> {
    problem: &'a Problem,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    message: String,
    help: String,
}

impl<'a> Drawn<'a> {
    fn new(problem: &'a Problem, language: Language) -> Self {
        let mut help = problem.help(language);
        let said = |label: &Sentence| Some(label.say(language));
        let mut labels = Vec::new();
        let mut source = None;
        if let Some(place) = &problem.place {
            source = Some(NamedSource::new(place.source.name(language), place.source.shown().text().to_owned()));
            labels.push(LabeledSpan::new_primary_with_span(problem.label.as_ref().and_then(said), shown_span(place)));
            for (other, label) in &problem.also {
                if Arc::ptr_eq(&other.source, &place.source) {
                    labels.push(LabeledSpan::new_with_span(said(label), shown_span(other)));
                } else {
                    help.push_str(&format!("\n{}: {}", other.short(language), label.say(language)));
                }
            }
        }
        Self { problem, source, labels, message: problem.message(language), help }
    }
}

fn shown_span(place: &Place) -> (usize, usize) {
    let shown = place.source.shown().place(&place.span);
    (shown.start, shown.len())
}

impl Diagnostic for Drawn<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.problem.code.as_str()))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.problem.weight {
            Weight::Error => Severity::Error,
            Weight::Warning => Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.help))
    }

    fn url<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.problem.page()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.problem, f)
    }
}

impl std::error::Error for Drawn<'_> {}
