//! A service that fails for ever.

use crate::sample;
use homeostat_store::Entry;
use homeostat_story::{Catalogue, ChapterKind, Language, Story};
use homeostat_vocabulary::{EpisodeId, Fact};

#[test]
fn a_night_of_failures_is_told_in_a_page() {
    // Ten thousand lines would hide how it began and how it stands, and fill the memory of whoever serves the story.
    let episode = EpisodeId(3);
    let fact = |index: u64| Fact::SignalSeen { episode: Some(episode), signal: sample::exited(index * 1_000) };
    let entries: Vec<Entry> = (0..10_000)
        .map(|index| {
            let record = sample::record_of(&fact(index), sample::START + index * 1_000);
            Entry { seq: index + 1, record, hash: [0; 32] }
        })
        .collect();
    let story = Story::tell(&entries).unwrap();
    let seen = story.chapters.iter().find(|chapter| chapter.kind == ChapterKind::Seen).unwrap();
    assert_eq!((seen.lines.len(), seen.left_out), (60, 9_940));
    assert_eq!((seen.lines[0].seq, seen.lines[59].seq), (1, 10_000), "the beginning and the end are kept");
    let text = story.in_language(Catalogue::of(Language::Spanish)).to_string();
    assert!(text.contains("se omiten 9940 líneas intermedias"), "{text}");
}
