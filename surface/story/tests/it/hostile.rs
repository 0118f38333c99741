//! What services, drivers and attackers write into texts stays text.

use crate::sample;
use homeostat_store::{Entry, Record};
use homeostat_story::{Catalogue, Language, Story, line_of};
use homeostat_vocabulary::{ActionEnd, ActionId, EpisodeId, Fact};

const HOSTILE: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2J{ $why } { episode-opened } %s \u{202E}txt.exe\r\nerror: all is well\0";

fn hostile_fact() -> Fact {
    let end = ActionEnd::Undone { cause: HOSTILE.to_owned() };
    Fact::ActionEnded { action: ActionId(9), episode: Some(EpisodeId(4)), end }
}

fn entry(record: Record) -> Entry {
    Entry { seq: 7, record, hash: [0; 32] }
}

#[test]
fn foreign_text_is_neither_obeyed_nor_interpreted() {
    // An error text could repaint the terminal, forge a line of the story, or pull other sentences in.
    let entries = [entry(sample::record_of(&hostile_fact(), sample::START))];
    for language in Language::ALL {
        let catalogue = Catalogue::of(language);
        let told = Story::tell(&entries).unwrap().in_language(catalogue).to_string();
        let live = line_of(&entries[0], catalogue).text;
        for text in [told.as_str(), live.as_str()] {
            assert!(text.contains("]0;owned [2J{ $why } { episode-opened } %s txt.exe error: all is well"), "{text}");
            assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
            assert!(!text.contains('\u{202E}'), "{text:?}");
        }
        assert!(!live.contains('\n'), "one entry is one line");
    }
}

#[test]
fn a_record_that_cannot_be_read_is_named_in_the_story() {
    // A record of a newer version, or a damaged one, must not make the rest of the story untellable.
    let mut broken = sample::record_of(&hostile_fact(), sample::START + 5);
    broken.payload = b"{\"fact\":\"invented_later\"}".to_vec();
    broken.kind = "in\u{1b}vented.later".to_owned();
    let mut broken_saga = broken.clone();
    broken_saga.kind = "saga.step_started".to_owned();
    let good =
        sample::record_of(&Fact::EpisodeOpened { episode: EpisodeId(4), subject: sample::instance() }, sample::START);
    let entries = [entry(good), entry(broken), entry(broken_saga)];
    let told = Story::tell(&entries).unwrap().in_language(Catalogue::of(Language::English)).to_string();
    assert!(told.contains("Record 7 (in vented.later) cannot be read by this version."), "{told}");
    assert!(told.contains("Record 7 (saga.step_started) cannot be read by this version."), "{told}");
}
