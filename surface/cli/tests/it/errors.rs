//! Errors: one shape, a code, a remedy, an exit code.

use crate::home::Home;
use homeostat_cli::Exit;

#[test]
fn without_an_engine_the_error_says_where_it_was_looked_for() {
    // The most frequent error of all: it must name the place, the remedy and exit code 3.
    let home = Home::new();
    insta::assert_snapshot!("unreachable", home.run("status").all());
    insta::assert_snapshot!("unreachable_json", home.run("--output json status").all());
    for verb in ["status", "down", "approve A1", "reject A1", "undo A1", "pause web", "resume"] {
        let ran = home.run(verb);
        assert_eq!((ran.exit, ran.out.as_str()), (Exit::Unreachable, ""), "{verb}");
    }
}

#[test]
fn errors_are_told_in_the_language_of_the_reader_and_in_english_to_programs() {
    // Would break: at night somebody reads what is wrong in a language that is not theirs, or a script that compares stops to work.
    let mut home = Home::new();
    home.environment.push(("LANG".to_owned(), "es_ES.UTF-8".to_owned()));
    insta::assert_snapshot!("unreachable_es", home.run("status").all());
    insta::assert_snapshot!("no_journal_es", home.run("why").err);
    insta::assert_snapshot!("occupied_es", home.run("init").err);
    let (spanish, english) = (home.run("--output json status").err, Home::new().run("--output json status").err);
    assert_eq!(spanish, english);
}

#[test]
fn the_error_is_coloured_only_for_eyes() {
    // Escape sequences in a log file, or a plain error that is overlooked on a terminal.
    let mut home = Home::new();
    home.colour = true;
    assert!(home.run("status").err.starts_with("\u{1b}[1m\u{1b}[31merror[H0410]"), "{:?}", home.run("status").err);
    assert!(!home.run("--no-color status").err.contains('\u{1b}'));
}

#[test]
fn a_broken_configuration_hides_nothing_that_is_elsewhere() {
    // `why` at night must work while somebody is in the middle of editing the configuration.
    let home = Home::new();
    crate::sample::write(&home.data(), crate::sample::repaired());
    let text = std::fs::read_to_string(home.configuration()).unwrap();
    std::fs::write(home.configuration(), format!("{text}comand = \"typo\"\n")).unwrap();
    assert_eq!(home.run("why").exit, Exit::Ok);
    assert_eq!(home.run("config show").exit, Exit::Usage);
    assert_eq!(home.run("up").exit, Exit::Usage);
}

#[test]
fn a_missing_configuration_is_named() {
    // Without it nobody would know which places were looked into.
    let home = Home::new();
    std::fs::remove_file(home.configuration()).unwrap();
    insta::assert_snapshot!("no_configuration", home.run("status").all());
}

#[test]
fn every_code_has_its_page() {
    // A code that leads nowhere helps nobody.
    for code in 410..=419 {
        let page = format!("{}/../../docs/errors/H0{code}.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.starts_with(&format!("# H0{code}: ")), "{page}");
    }
}
