//! Chapters and their lines: the story as data, before it is put into words.

use crate::Message;
use homeostat_vocabulary::Timestamp;
use serde::Serialize;

/// The four questions that a story answers, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChapterKind {
    /// What was seen.
    Seen,
    /// What was thought.
    Thought,
    /// What was done.
    Done,
    /// What it brought.
    Brought,
}

/// How a line is meant, for colours and symbols.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Neither good nor bad.
    #[default]
    Plain,
    /// Good news, or a yes.
    Good,
    /// Bad news, or a no.
    Bad,
    /// Something waits, or a person is asked.
    Waiting,
}

/// One chapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chapter {
    /// Which question it answers.
    pub kind: ChapterKind,
    /// Its lines, oldest first.
    pub lines: Vec<Line>,
    /// How many lines were left out in the middle, see [`LINES_MAX`].
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: usize,
}

/// One dated line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When it happened.
    pub at: Timestamp,
    /// Its record in the journal.
    pub seq: u64,
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub message: Message,
    /// What belongs to it: each guard's answer, the steps of a plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
}

/// One line below a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub message: Message,
}

/// Most lines of a chapter: a service that failed all night has thousands, and the first and last of them tell the story.
pub(crate) const LINES_MAX: usize = 60;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Chapter {
    /// A chapter of these lines: put in order, and the middle left out when there are too many.
    pub(crate) fn of(kind: ChapterKind, mut lines: Vec<Line>) -> Self {
        lines.sort_by_key(|line| (line.at, line.seq));
        let left_out = lines.len().saturating_sub(LINES_MAX);
        if left_out > 0 {
            lines.drain(Self::HEAD..Self::HEAD + left_out);
        }
        Self { kind, lines, left_out }
    }

    /// How many lines stand before the gap, when some were left out.
    pub(crate) const HEAD: usize = LINES_MAX / 2;
}

impl From<Message> for Detail {
    fn from(message: Message) -> Self {
        Self { tone: Tone::Plain, message }
    }
}
