//! `check`, `init` and `config`: what they say of good files, of bad ones and of none.

use crate::home::Home;
use homeostat_cli::Exit;
use std::ffi::OsString;

#[test]
fn a_good_configuration_is_called_good() {
    // Silence could mean that nothing was checked.
    let home = Home::new();
    insta::assert_snapshot!("check_good", home.run("check").all());
    assert_eq!(home.run("check --lang es").out, "HOME/homeostat.toml está bien formado: un servicio.\n");
    assert_eq!(home.run("--quiet check").all(), "exit 0\n--- out\n--- err\n");
}

#[test]
fn a_gateway_is_counted_too() {
    // Would break: a gateway alone is told that its file names no service, as if something were missing.
    let home = Home::new();
    let alone = "[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [\"127.0.0.1:9001\"]\n";
    std::fs::write(home.configuration(), alone).unwrap();
    assert_eq!(home.run("check").out, "HOME/homeostat.toml is well formed: no service and a gateway with one route.\n");
    let spanish = "HOME/homeostat.toml está bien formado: ningún servicio y una pasarela con una ruta.\n";
    assert_eq!(home.run("check --lang es").out, spanish);
}

#[test]
fn what_goes_to_a_file_is_not_wrapped() {
    // Would break: a path or a setting torn over two lines is found by no search, and cannot be copied.
    let home = Home::new();
    let long = "a-program-in-a-folder-with-a-name/".repeat(5);
    std::fs::write(home.configuration(), format!("[services.web]\ncommand = [\"/{long}\"]\n")).unwrap();
    let out = home.run("check").out;
    assert!(out.lines().any(|line| line.contains("does not exist") && line.contains(&long)), "{out}");
}

#[test]
fn every_problem_is_shown_at_once() {
    // Mending one error to meet the next is how evenings are lost.
    let home = Home::new();
    let text = "[engine]\ndata_folder = \"data\"\n\n[services.web]\nflavour = 1\ninstances = 0\n";
    std::fs::write(home.configuration(), text).unwrap();
    let ran = home.run("check");
    assert_eq!(ran.exit, Exit::Usage);
    for code in ["H0003", "H0005", "H0008"] {
        assert!(ran.out.contains(code), "{code} is missing: {}", ran.out);
    }
    let json: serde_json::Value = serde_json::from_str(&home.run("check --output json").out).unwrap();
    assert_eq!(json["ok"], false);
    assert!(
        home.run("check --lang es").out.contains("ayuda: escriba un número de 1 a"),
        "not in the language asked for"
    );
    assert_eq!(json["problems"][0]["remedy"]["name"], "add_line", "{json}");
    assert!(json["problems"].as_array().unwrap().len() >= 3);
    let error: serde_json::Value = serde_json::from_str(&home.run("config show --output json").err).unwrap();
    assert_eq!(error["exit"], 2);
    assert!(error["problems"].as_array().unwrap().len() >= 3);
}

#[test]
fn settings_are_shown_with_their_origin() {
    // Which of five layers has set a value is the first question when it is wrong.
    let home = Home::new();
    let out = home.run("config show --origin --set repair.budget=7").out;
    let line = out.lines().find(|line| line.starts_with("budget = 7")).unwrap();
    assert!(line.contains("--set"), "{line}");
    assert!(home.run("config show").out.contains("[services.web]"));
    assert_eq!(home.run("config path").out, "HOME/homeostat.toml\n");
    let schema: serde_json::Value = serde_json::from_str(&home.run("config schema").out).unwrap();
    assert!(schema["properties"]["services"].is_object());
}

#[test]
fn init_writes_once_and_what_it_writes_is_good() {
    // A first file that does not pass its own check would be the end of the first five minutes.
    let home = Home::new();
    let refused = home.run("init");
    assert_eq!(refused.exit, Exit::Usage);
    insta::assert_snapshot!("init_occupied", refused.all());
    std::fs::remove_file(home.configuration()).unwrap();
    let written = home.run("init");
    assert_eq!(written.exit, Exit::Ok, "{}", written.err);
    assert_eq!(home.run("check").exit, Exit::Ok, "{}", home.run("check").out);
    assert_eq!(home.run("init --force").exit, Exit::Ok);
}

#[test]
fn the_file_can_be_named_by_a_variable_or_not_at_all() {
    // In a container there is no place for a flag.
    let mut home = Home::new();
    let config = home.folder.path().join(".config/homeostat");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::rename(home.configuration(), config.join("homeostat.toml")).unwrap();
    home.environment.push(("HOME".to_owned(), home.folder.path().display().to_string()));
    let ran = home.run_words(["homeostat", "config", "path"].map(OsString::from));
    assert_eq!(ran.out, "HOME/.config/homeostat/homeostat.toml\n");
}
