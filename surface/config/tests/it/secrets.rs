//! Secrets: whatever is written where, none is ever shown.

use crate::place::Place;
use homeostat_config::{Language, Look, Problems};
use proptest::prelude::*;

/// Everything that problems can be turned into.
fn all_forms(problems: &Problems) -> String {
    let drawn = [Look::PLAIN, Look { colour: true, unicode: true, width: 40, language: Language::Spanish }]
        .map(|look| problems.render(look));
    let json = serde_json::to_string(problems).unwrap();
    format!("{}{}{json}{problems}{problems:?}", drawn[0], drawn[1])
}

fn assert_hidden(place: &Place, secret: &str) -> Result<(), TestCaseError> {
    let shown = match place.load() {
        Ok(loaded) => {
            let json = serde_json::to_string(&(loaded.show_json(true), loaded.show_json(false))).unwrap();
            format!("{}{json}{}{loaded:?}", loaded.show(true), all_forms(&loaded.warnings))
        }
        Err(problems) => all_forms(&problems),
    };
    prop_assert!(!shown.contains(secret), "{shown}");
    Ok(())
}

/// A secret that nothing else in a test could be taken for.
fn secret() -> impl Strategy<Value = String> {
    "zq[A-Za-z0-9+!?*&%_-]{6,20}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_secret_behind_a_reference_is_never_read_into_anything(secret in secret()) {
        // `config show` and every error end up in tickets.
        let text = "[services.web]\ncommand = [\"./server\"]\n\
                    environment = { A_TOKEN = \"env:HIDDEN\", B_PASSWORD = \"file:hidden\" }\n";
        let place = Place::with(text).variable("HIDDEN", &secret).file("hidden", &secret);
        assert_hidden(&place, &secret)?;
        assert_hidden(&place.flag("services.web.instances=0"), &secret)?;
    }

    #[test]
    fn a_secret_in_the_open_is_refused_and_not_repeated(secret in secret(), broken in prop_oneof![Just(""), Just("x =\n"), Just("[[")]) {
        // The error about a secret must not be the place where it leaks.
        for line in [
            format!("environment = {{ DB_PASSWORD = \"{secret}\", PORT = 1 }}"),
            format!("environment.apiKey = '{secret}'"),
            format!("environment.SECRET = \"\"\"\n{secret}\n\"\"\""),
            format!("environment = {{ URL = \"postgres://shop:{secret}@db/shop\" }}"),
            format!("command = \"./server --password={secret}\""),
            format!("command = [\"./server\", \"--auth-token\", \"{secret}\"]"),
            format!("health = {{ http = \"http://me:{secret}@127.0.0.1:1/\" }}"),
            format!("environment.TOKEN = \"{secret}"),
            format!("password = {secret}"),
        ] {
            let command = if line.starts_with("command") { "" } else { "command = [\"./server\"]\n" };
            let place = Place::with(format!("[services.web]\n{command}{line}\n{broken}"));
            prop_assert!(place.load().is_err(), "{line}");
            assert_hidden(&place, &secret)?;
        }
    }

    #[test]
    fn a_secret_in_a_variable_or_flag_is_not_repeated(secret in secret()) {
        // Overrides are shown in errors as they were given, but for this.
        let good = "[services.web]\ncommand = [\"./server\"]\n";
        for name in ["SERVICES__WEB__ENVIRONMENT__DB_PASSWORD", "ENGINE__ADMIN_TOKEN", "SERVICES__WEB__SECRET"] {
            let place = Place::with(good).variable(&format!("HOMEOSTAT__{name}"), &secret);
            prop_assert!(place.load().is_err());
            assert_hidden(&place, &secret)?;
        }
        for key in ["services.web.environment.TOKEN", "engine.api_key", "services.web.environment.\"A PASSWORD\""] {
            let place = Place::with(good).flag(&format!("{key}={secret}"));
            prop_assert!(place.load().is_err());
            assert_hidden(&place, &secret)?;
        }
    }
}

#[test]
fn what_only_looks_like_a_secret_can_be_said() {
    // A rule without a way out is switched off as a whole.
    let place = Place::with(
        "[services.web]\ncommand = [\"./server\", \"--token-file\", \"/run/token\"]\n\
         environment = { PARTITION_KEY = \"plain:user\", TLS_KEY = \"/etc/tls/key.pem\", TOKEN_TTL = 60, USE_TOKEN = true }\n",
    );
    assert!(place.problems().is_empty(), "{}", place.says());
    let service = place.load().unwrap().policy.services.into_values().next().unwrap();
    assert!(serde_json::to_string(&service.environment["PARTITION_KEY"]).unwrap().contains("\"user\""));
}

#[test]
fn a_secret_file_that_is_a_pipe_does_not_hold_up_the_check() {
    // Opening a pipe waits for a writer, and `check` would hang for ever.
    let place = Place::with("[services.web]\ncommand = [\"./server\"]\nenvironment.TOKEN = \"file:pipe\"\n");
    let made = std::process::Command::new("mkfifo").arg(place.folder().join("pipe")).status().unwrap();
    assert!(made.success());
    assert_eq!(place.codes(), ["H0020"]);
}
