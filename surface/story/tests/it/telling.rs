//! Whole stories, from a real journal, in both languages.

use crate::sample::{self, Written};
use homeostat_store::{Entry, Reader};
use homeostat_story::{Catalogue, ChapterKind, Language, Story, StoryError, StoryState};

fn entries(written: Vec<Written>, trace: &str) -> Vec<Entry> {
    let folder = tempfile::tempdir().unwrap();
    sample::write(folder.path(), written);
    Reader::open(folder.path()).unwrap().entries_of_trace(trace, 10_000).unwrap()
}

fn told(written: Vec<Written>, trace: &str, language: Language) -> String {
    Story::tell(&entries(written, trace)).unwrap().in_language(Catalogue::of(language)).to_string()
}

#[test]
fn a_repair_is_told_from_the_first_signal_to_the_lesson() {
    // Whoever asks why at night must find signal, thought, deed and outcome, in order and with their times.
    insta::assert_snapshot!("repaired_en", told(sample::repaired(), "E17", Language::English));
    insta::assert_snapshot!("repaired_es", told(sample::repaired(), "E17", Language::Spanish));
}

#[test]
fn a_story_that_waits_for_a_person_says_so_first() {
    // A plan that waits unseen voids itself while everybody believes that it is being handled.
    insta::assert_snapshot!("awaiting_en", told(sample::awaiting(), "E18", Language::English));
    insta::assert_snapshot!("awaiting_es", told(sample::awaiting(), "E18", Language::Spanish));
    assert_eq!(Story::tell(&entries(sample::awaiting(), "E18")).unwrap().state, StoryState::AwaitingApproval);
}

#[test]
fn an_action_without_an_episode_has_its_own_story() {
    // Starts that the owner asked for would be unexplained.
    insta::assert_snapshot!("started_en", told(sample::started(), "A1", Language::English));
}

#[test]
fn a_story_is_data_first() {
    // The API hands stories to programs: keys and arguments, not sentences, and under names that stay.
    let story = Story::tell(&entries(sample::repaired(), "E17")).unwrap();
    insta::assert_json_snapshot!("repaired_data", story);
}

#[test]
fn a_step_without_an_end_is_told_as_begun() {
    // After a crash between intent and result the story must not claim that the step was done, or failed.
    let mut cut: Vec<Written> = sample::repaired();
    let started = cut
        .iter()
        .position(|written| matches!(written, Written::Saga(_, _, homeostat_saga::Event::StepStarted { .. })));
    cut.truncate(started.unwrap() + 1);
    let story = Story::tell(&entries(cut, "E17")).unwrap();
    let done = story.chapters.iter().find(|chapter| chapter.kind == ChapterKind::Done).unwrap();
    let last = done.lines.last().unwrap();
    assert_eq!(last.message.key, "saga-step-started");
    assert_eq!(story.state, StoryState::Open);
}

#[test]
fn without_entries_there_is_no_story() {
    // An empty story would read as if nothing had happened.
    assert_eq!(Story::tell(&[]), Err(StoryError::NoEntries));
    let mut stray = entries(sample::repaired(), "E17");
    stray.truncate(1);
    stray[0].record.trace.clear();
    assert_eq!(Story::tell(&stray), Err(StoryError::NoTrace));
}
