//! Stories and the list of episodes, without an engine.

use crate::home::Home;
use crate::sample::{self, Written};
use homeostat_cli::Exit;

/// A home whose journal knows a start, a repair and an episode that waits for a person.
fn home() -> Home {
    let home = Home::new();
    sample::write(&home.data(), sample::started());
    sample::write(&home.data(), sample::repaired());
    sample::write(&home.data(), sample::awaiting());
    home
}

#[test]
fn a_story_reads_well_in_a_pipe_and_on_a_terminal() {
    // Wrapped lines in a pipe cannot be searched; unwrapped lines on a terminal cannot be read.
    let mut home = home();
    insta::assert_snapshot!("why_pipe", home.run("why E17").all());
    home.width = Some(80);
    let terminal = home.run("why E17 --lang es");
    assert!(terminal.out.lines().all(|line| line.chars().count() <= 80), "{}", terminal.out);
    insta::assert_snapshot!("why_terminal_es", terminal.all());
    home.colour = true;
    let coloured = home.run("why E17").out;
    assert!(coloured.contains("\u{1b}[32m✓\u{1b}[0m"), "{coloured}");
}

#[test]
fn the_last_episode_is_the_one_asked_for_without_a_name() {
    // At night nobody knows the number.
    let home = home();
    assert_eq!(home.run("why").out, home.run("why --last").out);
    assert!(home.run("why").out.starts_with("E18 · web/0"));
}

#[test]
fn an_action_leads_to_its_story() {
    // The number in an alert is an action's; its story is the episode's, or its own.
    let home = home();
    assert!(home.run("why A24").out.starts_with("E17 · web/0"));
    assert!(home.run("why a1").out.starts_with("A1 · web/0"));
    insta::assert_snapshot!("why_unknown", home.run("why A99").all());
    assert_eq!(home.run("why E99").exit, Exit::Findings);
}

#[test]
fn programs_get_the_story_as_data() {
    // A chat bot should not have to parse sentences.
    let ran = home().run("--output json why E17 --lang es");
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(value["story"]["episode"], "E17");
    assert_eq!(value["story"]["chapters"][0]["kind"], "seen");
    assert_eq!(value["told"]["chapters"][0]["heading"], "Qué se vio");
}

#[test]
fn the_environment_speaks_where_no_flag_does() {
    // A person whose system is Spanish would be answered in English.
    let mut home = home();
    home.environment.push(("LANG".to_owned(), "es_ES.UTF-8".to_owned()));
    assert!(home.run("why").out.contains("Qué se vio"));
    assert!(home.run("why --lang en").out.contains("What was seen"));
}

#[test]
fn episodes_are_listed_newest_first() {
    // The list is how one finds the number to ask about.
    let mut home = home();
    insta::assert_snapshot!("episodes", home.run("episodes").all());
    home.width = Some(80);
    insta::assert_snapshot!("episodes_terminal", home.run("episodes").all());
    assert_eq!(home.run("episodes --limit 1").out.lines().count(), 2);
    let json: serde_json::Value = serde_json::from_str(&home.run("episodes --output json").out).unwrap();
    assert_eq!(json[0]["episode"], "E18");
}

#[test]
fn an_empty_journal_says_so() {
    // An empty answer could mean anything.
    let home = Home::new();
    sample::write(&home.data(), Vec::<Written>::new());
    let ran = home.run("why");
    assert_eq!((ran.exit, ran.out.as_str(), ran.err.as_str()), (Exit::Findings, "", "No episode yet.\n"));
    assert_eq!(home.run("episodes").exit, Exit::Ok);
}
