//! The two catalogues have the same sentences with the same variables.

use std::collections::{BTreeMap, BTreeSet};

/// Each sentence of a catalogue with the variables it uses.
fn sentences(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with(' ')) {
            current = name.to_owned();
            assert!(found.insert(current.clone(), BTreeSet::new()).is_none(), "{current} stands there twice");
        }
        for part in line.split('$').skip(1) {
            let variable = part.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap();
            found.get_mut(&current).unwrap().insert(variable.to_owned());
        }
    }
    found
}

#[test]
fn both_languages_have_the_same_sentences_and_variables() {
    // A sentence of one language alone would show its bare name to everybody who reads the other.
    let english = sentences(include_str!("../../locales/en.ftl"));
    let spanish = sentences(include_str!("../../locales/es.ftl"));
    assert!(english.len() > 150, "the catalogue was not read: {} sentences", english.len());
    for (name, variables) in &english {
        assert_eq!(Some(variables), spanish.get(name), "{name}");
    }
    for name in spanish.keys() {
        assert!(english.contains_key(name), "{name} is Spanish only");
    }
}

#[test]
fn no_sentence_is_left_over() {
    // A sentence that nobody says is one that a translator keeps in vain.
    let sources = [concat!(env!("CARGO_MANIFEST_DIR"), "/src"), concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/src")];
    let mut code = String::new();
    for folder in sources {
        for file in std::fs::read_dir(folder).unwrap() {
            code.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
        }
    }
    for name in sentences(include_str!("../../locales/en.ftl")).keys() {
        assert!(code.contains(&format!("\"{name}\"")), "nobody says {name}");
    }
}
