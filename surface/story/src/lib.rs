//! Tells what happened and why, from the journal alone, in English or Spanish.
//!
//! Called by the command line (`why`, `journal tail`, `status`), the API (`/v1/episodes/{id}`) and the demo. [`Story::tell`]
//! turns an episode's journal entries into four chapters (seen, thought, done, brought) of lines that are still data;
//! [`Story::in_language`] puts them into words. [`line_of`] puts a single entry into words, for whoever follows live.
//!
//! Always holds: the same entries give the same story; nothing is asked of a running engine; text from outside is shown as
//! text, stripped of control characters, and never read as a pattern. It must never decide anything, or fail on an entry that
//! it cannot read: it says so in the story and goes on.

mod catalogue;
mod chapter;
mod fact;
mod follow;
mod plain;
mod saga;
mod story;
mod telling;
mod words;

pub use catalogue::{Argument, Catalogue, Message};
pub use chapter::{Chapter, ChapterKind, Detail, Line, Tone};
pub use fact::sentence;
pub use follow::{LiveLine, line_of};
pub use homeostat_vocabulary::{Language, LanguageError};
pub use plain::plain;
pub use story::{Story, StoryError, StoryState};
pub use telling::{Telling, ToldChapter, ToldLine};
pub use words::{episode, exit, finding, phase, scope};
