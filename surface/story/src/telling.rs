//! A story in words: sentences, clock times and offsets, ready to be drawn.
//!
//! Its `Display` form is plain text for pipes and logs; the command line draws the same lines with colours and wrapping.

use crate::catalogue::clock;
use crate::chapter::{Chapter, ChapterKind, Line, Tone};
use crate::{Catalogue, Message, Story, StoryState, words};
use homeostat_vocabulary::Timestamp;
use serde::Serialize;
use std::fmt;

/// A story in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Telling {
    /// What it is about and how it stands.
    pub title: String,
    /// All of it in one sentence.
    pub summary: String,
    /// Its date, and how times are meant.
    pub dated: String,
    /// Seen, thought, done, brought.
    pub chapters: Vec<ToldChapter>,
}

/// A chapter in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldChapter {
    /// Which question it answers.
    pub kind: ChapterKind,
    /// The question in words.
    pub heading: String,
    /// Said instead of lines where there is none.
    pub empty: Option<String>,
    /// Its lines.
    pub lines: Vec<ToldLine>,
}

/// A line in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldLine {
    /// The time of day in UTC; empty for a line that stands for several.
    pub clock: String,
    /// The time since the first signal, as in `+120 ms`.
    pub offset: String,
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
    /// What belongs to it.
    pub details: Vec<(Tone, String)>,
}

impl Telling {
    pub(crate) fn of(story: &Story, catalogue: &Catalogue) -> Self {
        let subject = story.subject.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let state = Message::new(match story.state {
            StoryState::Open => "state-open",
            StoryState::AwaitingApproval => "state-awaiting",
            StoryState::Escalated => "state-escalated",
            StoryState::Closed => "state-closed",
        });
        let state = story.resolution.map_or(state, words::resolution);
        let title = Message::new("title").text("trace", &story.trace).text("subject", &subject).with("state", state);
        let date = story.began.to_string();
        let date = date.split('T').next().unwrap_or_default();
        Self {
            title: catalogue.say(&title),
            summary: catalogue.say(&story.summary),
            dated: catalogue.say(&Message::new("dated").text("date", &date)),
            chapters: story.chapters.iter().map(|chapter| told(chapter, story.began, catalogue)).collect(),
        }
    }
}

fn told(chapter: &Chapter, began: Timestamp, catalogue: &Catalogue) -> ToldChapter {
    let (heading, empty) = match chapter.kind {
        ChapterKind::Seen => ("chapter-seen", "empty-seen"),
        ChapterKind::Thought => ("chapter-thought", "empty-thought"),
        ChapterKind::Done => ("chapter-done", "empty-done"),
        ChapterKind::Brought => ("chapter-brought", "empty-brought"),
    };
    let mut lines: Vec<ToldLine> = chapter.lines.iter().map(|line| told_line(line, began, catalogue)).collect();
    if chapter.left_out > 0 {
        let text = catalogue.say(&Message::new("left-out").number("count", chapter.left_out));
        let gap =
            ToldLine { clock: String::new(), offset: String::new(), tone: Tone::Plain, text, details: Vec::new() };
        lines.insert(Chapter::HEAD, gap);
    }
    ToldChapter {
        kind: chapter.kind,
        heading: catalogue.say(&Message::new(heading)),
        empty: lines.is_empty().then(|| catalogue.say(&Message::new(empty))),
        lines,
    }
}

fn told_line(line: &Line, began: Timestamp, catalogue: &Catalogue) -> ToldLine {
    ToldLine {
        clock: clock(line.at),
        offset: format!("+{}", catalogue.span(line.at.since(began))),
        tone: line.tone,
        text: catalogue.say(&line.message),
        details: line.details.iter().map(|detail| (detail.tone, catalogue.say(&detail.message))).collect(),
    }
}

impl Tone {
    /// A symbol that says the tone without colour.
    #[must_use]
    pub const fn symbol(self) -> char {
        match self {
            Self::Plain => '·',
            Self::Good => '✓',
            Self::Bad => '✗',
            Self::Waiting => '…',
        }
    }
}

/// The width of the longest offset, `+59 min 59 s`.
const OFFSET_WIDTH: usize = 12;

impl fmt::Display for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.title, self.summary, self.dated)?;
        for chapter in &self.chapters {
            writeln!(f, "\n{}", chapter.heading)?;
            if let Some(empty) = &chapter.empty {
                writeln!(f, "  {empty}")?;
            }
            for line in &chapter.lines {
                let (clock, offset) = (&line.clock, &line.offset);
                writeln!(f, "  {clock:12}  {offset:OFFSET_WIDTH$}  {} {}", line.tone.symbol(), line.text)?;
                for (tone, text) in &line.details {
                    writeln!(f, "  {:12}  {:OFFSET_WIDTH$}    {} {text}", "", "", tone.symbol())?;
                }
            }
        }
        Ok(())
    }
}
