//! What can be typed, and what is said when it cannot be read.

use crate::home::{Home, run_unread};
use homeostat_cli::Exit;
use std::ffi::OsString;

#[test]
fn help_is_data_and_a_bare_call_is_a_question() {
    // `homeostat --help | less` would be empty, or a script would take a missing verb for a success.
    let home = Home::new();
    let help = home.run_words(["homeostat", "--help"].map(OsString::from));
    assert_eq!(help.exit, Exit::Ok);
    insta::assert_snapshot!("help", help.out);
    let bare = home.run_words(["homeostat"].map(OsString::from));
    assert_eq!((bare.exit, bare.out.as_str()), (Exit::Usage, ""));
    let version = home.run_words(["homeostat", "--version"].map(OsString::from));
    assert_eq!((version.exit, version.out.starts_with("homeostat ")), (Exit::Ok, true));
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    // A typo must never be taken for something else, least of all in `undo` and `down`.
    let home = Home::new();
    for words in [
        "frobnicate",
        "undo",
        "undo E17",
        "why X3",
        "why E1 --last",
        "logs Web",
        "logs web/x",
        "pause --now",
        "status --output=xml",
        "--lang de status",
        "journal",
        "down --keep",
        "up --detach --background",
    ] {
        let ran = home.run(words);
        assert_eq!((ran.exit, ran.out.as_str()), (Exit::Usage, ""), "{words}: {}", ran.err);
        assert!(ran.err.starts_with("error[H0418]: ") || ran.err.starts_with("Read, prove"), "{words}: {}", ran.err);
        assert!(!ran.err.contains('\u{1b}'), "{words}: colours without a terminal");
    }
    insta::assert_snapshot!("usage_error", home.run("undo E17").all());
    insta::assert_snapshot!("usage_tip", home.run("statsu").err);
    insta::assert_snapshot!("usage_error_json", home.run("--output json undo E17").all());
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    // `homeostat journal export | head -1` in a script with pipefail would fail.
    let home = Home::new();
    for words in ["config show", "config schema", "completions bash", "--help", "check"] {
        assert_eq!(run_unread(&home, words), Exit::Ok, "{words}");
    }
}

#[test]
fn completions_know_the_verbs() {
    // A shell would complete file names where verbs belong.
    for shell in ["bash", "zsh", "fish"] {
        let ran = Home::new().run(&format!("completions {shell}"));
        assert_eq!(ran.exit, Exit::Ok);
        assert!(ran.out.contains("approve") && ran.out.contains("keep-services"), "{shell}");
    }
}
