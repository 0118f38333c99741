//! Noise: files that no person would write, and files that a slip has broken.

use crate::place::Place;
use homeostat_config::{Language, Look, Weight};
use proptest::prelude::*;

const GOOD: &str = r#"
[engine]
name = "shop"

[defaults]
autonomy = "propose"

[services.web]
command = "./server --port {port}"
port = "auto"
environment = { MODE = "production", DB_PASSWORD = "env:DB_PASSWORD" }
depends_on = ["db"]
health = { http = "/health", interval = "2s" }
objectives = { availability = "99.95%" }

[services.db]
command = ["./server"]
port = 5432
limits = { memory = "512MiB" }
"#;

/// Loading may fail, and then every error must say where; nothing may panic.
fn check(place: &Place) -> Result<(), TestCaseError> {
    let problems = place.problems();
    for problem in &problems {
        prop_assert!(!problem.help(Language::English).is_empty());
        if problem.weight() == Weight::Error {
            prop_assert!(problem.line_and_column().is_some(), "no place: {problem}");
            prop_assert!(problem.one_line().contains("homeostat.toml:"), "no file: {problem}");
        }
    }
    let drawn = problems.render(Look { colour: true, unicode: true, width: 60, ..Look::PLAIN });
    prop_assert!(drawn.len() < 1 << 20);
    Ok(())
}

#[derive(Clone, Debug)]
enum Slip {
    Remove(usize, usize),
    Insert(usize, String),
    Swap(usize, usize),
}

fn slip() -> impl Strategy<Value = Slip> {
    let pieces = prop_oneof![
        "[\\[\\]{}\"'=,.#\n\\\\ ]{1,3}",
        Just("services".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("= 5".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("\u{1b}[31mé".to_owned()),
        Just("9999999999999999999999".to_owned()),
    ];
    prop_oneof![
        (any::<usize>(), 1_usize..40).prop_map(|(at, length)| Slip::Remove(at, length)),
        (any::<usize>(), pieces).prop_map(|(at, text)| Slip::Insert(at, text)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Slip::Swap(a, b)),
    ]
}

fn apply(text: &str, slip: &Slip) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let length = letters.len().max(1);
    match slip {
        Slip::Remove(at, count) => {
            let from = at % length;
            letters.drain(from..(from + count).min(letters.len()));
        }
        Slip::Insert(at, piece) => {
            let at = at % length;
            letters.splice(at..at, piece.chars());
        }
        Slip::Swap(a, b) if !letters.is_empty() => letters.swap(a % length, b % length),
        Slip::Swap(..) => {}
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bytes_of_any_kind_are_refused_with_a_place(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        // A file damaged on disk must bring an error, not a crash of the engine that reloads it.
        check(&Place::with(bytes))?;
    }

    #[test]
    fn a_good_file_with_slips_is_refused_with_places(slips in proptest::collection::vec(slip(), 1..5)) {
        // Most broken files are good ones that somebody was typing in.
        check(&Place::with(slips.iter().fold(GOOD.to_owned(), |text, slip| apply(&text, slip))))?;
    }

    #[test]
    fn overrides_of_any_kind_do_no_harm(key in "[a-zA-Z_.\"=]{0,20}", value in "\\PC{0,20}", flag in "\\PC{0,30}") {
        // The environment and the flags are as much somebody's typing as the file is.
        let name = format!("HOMEOSTAT__{}", key.replace('=', "_"));
        let place = Place::with(GOOD).variable(&name, &value).flag(&flag).flag(&format!("{key}={value}"));
        let problems = place.problems();
        prop_assert!(problems.render(Look::PLAIN).len() < 1 << 20);
    }
}

#[test]
fn a_good_file_is_good() {
    // The slips above would prove nothing if the file were wrong before them.
    let place = Place::with(GOOD);
    assert!(place.problems().is_empty(), "{}", place.says());
}

#[test]
fn a_file_of_noise_does_not_fill_the_terminal() {
    // A thousand unknown keys are one mistake: the wrong file. One warning comes first: it declares no service.
    let keys: String = (0..1000).map(|number| format!("key{number} = 1\n")).collect();
    let said = Place::with(keys).says();
    assert!(said.contains("and 901 more") && said.matches("H0003 ").count() == 99, "{said}");
}

#[test]
fn a_file_too_large_or_deep_is_refused() {
    // Reading without a bound would let one wrong path take the engine's memory or stack.
    let large = Place::with(vec![b'#'; 2 << 20]);
    assert_eq!(large.codes(), ["H0001"]);
    let deep = Place::with(format!("x = {}{}", "[".repeat(5_000), "]".repeat(5_000)));
    assert_eq!(deep.codes().first(), Some(&"H0002"), "{}", deep.says());
}

#[test]
fn numbers_that_would_arrive_changed_are_refused() {
    // A version written as 1.10 would reach the program as 1.1, and infinity as nothing.
    for value in ["1.10", "inf", "nan", "1979-05-27", "[1]"] {
        let place =
            Place::with(format!("[services.web]\ncommand = [\"./server\"]\nenvironment = {{ VERSION = {value} }}"));
        assert_eq!(place.codes(), ["H0004"], "{}", place.says());
    }
}
