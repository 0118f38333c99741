//! Which language is spoken, and who decides it.

use homeostat_story::Language;

fn of(variables: &[(&str, &str)]) -> Language {
    Language::of_environment(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_environment_picks_the_language_as_posix_says() {
    // A person with LANG=es would be spoken to in English, or a cron job with LC_ALL=C in Spanish.
    assert_eq!(of(&[]), Language::English);
    assert_eq!(of(&[("LANG", "es_ES.UTF-8")]), Language::Spanish);
    assert_eq!(of(&[("LANG", "es"), ("LC_MESSAGES", "en_GB")]), Language::English);
    assert_eq!(of(&[("LANG", "en_US"), ("LC_ALL", "es_MX@euro")]), Language::Spanish);
    assert_eq!(of(&[("LANG", "es_ES"), ("LC_ALL", "C")]), Language::English);
    assert_eq!(of(&[("LANG", "es_ES"), ("LC_ALL", "")]), Language::Spanish);
    assert_eq!(of(&[("LANG", "de_DE.UTF-8")]), Language::English);
    assert!("de".parse::<Language>().is_err(), "a flag that cannot be obeyed is refused, not ignored");
    assert_eq!("es-AR".parse(), Ok(Language::Spanish));
}
