//! The layers: which one wins, how variables and flags are read, and that the winner's origin is told.

use crate::place::Place;
use homeostat_config::{load_settings, locate};
use homeostat_vocabulary::{Autonomy, Millis, Probe};
use proptest::prelude::*;

const SERVICE: &str = "[services.web-api]\ncommand = [\"./server\"]\n";

/// Value and origin of a key in effect.
fn effective(place: &Place, key: &str) -> (String, String) {
    let loaded = place.load().unwrap_or_else(|problems| panic!("{problems}"));
    let setting = loaded.effective().into_iter().find(|setting| setting.key == key).unwrap();
    (setting.value.to_string(), place.without_folder(&setting.origin.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_highest_layer_that_speaks_wins(layers in proptest::collection::vec(any::<bool>(), 6)) {
        // Whoever overrides a value for one start must be able to rely on it.
        let key = "instances_max";
        let section = |number: u32| format!("[scaling]\n{key} = {number}\n");
        let said = |layer: usize| layers[layer];
        let mut place = Place::with(format!("{}{SERVICE}", if said(0) { section(11) } else { String::new() }));
        let mut expected = ("10".to_owned(), "default".to_owned());
        if said(0) {
            expected = ("11".to_owned(), "homeostat.toml:2".to_owned());
        }
        if said(1) {
            place = place.file("conf.d/10.toml", section(12));
            expected = ("12".to_owned(), "conf.d/10.toml:2".to_owned());
        }
        if said(2) {
            place = place.file("conf.d/20.toml", section(13));
            expected = ("13".to_owned(), "conf.d/20.toml:2".to_owned());
        }
        if said(3) {
            place = place.variable("MAX_INSTANCES", "14");
            expected = ("14".to_owned(), "MAX_INSTANCES".to_owned());
        }
        if said(4) {
            place = place.variable("HOMEOSTAT__SCALING__INSTANCES_MAX", "15");
            expected = ("15".to_owned(), "HOMEOSTAT__SCALING__INSTANCES_MAX".to_owned());
        }
        if said(5) {
            place = place.flag("scaling.instances_max=16");
            expected = ("16".to_owned(), "--set scaling.instances_max".to_owned());
        }
        prop_assert_eq!(effective(&place, "scaling.instances_max"), expected);
    }
}

#[test]
fn variables_find_their_keys_whatever_their_case() {
    // A container's variables are upper-case, service names are not.
    let place = Place::with(SERVICE)
        .variable("HOMEOSTAT__SERVICES__WEB_API__INSTANCES", "3")
        .variable("homeostat__services__web-api__depends_on", "")
        .variable("HOMEOSTAT__SERVICES__WEB_API__ENVIRONMENT__Mode", "true")
        .variable("HOMEOSTAT__SERVICES__WEB_API__PORT", "auto")
        .variable("HOMEOSTAT__SERVICES__WEB_API__COMMAND", "./server --port {port} 'two words'")
        .variable("HOMEOSTAT__DETECTION__ENABLED", "0");
    let loaded = place.load().unwrap();
    let service = loaded.policy.services.values().next().unwrap();
    assert_eq!((service.name.as_str(), service.instances), ("web-api", 3));
    assert_eq!(service.command, ["./server", "--port", "{port}", "two words"]);
    assert!(service.environment.contains_key("Mode") && service.ports.contains_key("port"));
    assert!(!loaded.policy.switches.detection);
}

#[test]
fn flags_take_texts_lists_and_tables() {
    // What the file can say a flag must be able to say.
    let place = Place::with(SERVICE)
        .flag("services.web-api.health={ tcp = \"80\", interval = \"1s\" }")
        .flag("services.web-api.command=[\"./server\", \"a=b\"]")
        .flag("services.web-api.environment.\"A.B\"=x=y")
        .flag("services.web-api.stop.grace=3s")
        .flag("engine.name=\"quoted name\"")
        .flag("services.worker.command=./server")
        .flag("services.web-api.depends_on=worker");
    let loaded = place.load().unwrap_or_else(|problems| panic!("{problems}"));
    let service = loaded.policy.services.values().next().unwrap();
    let health = service.health.clone().unwrap();
    assert_eq!(health.probe, Probe::Tcp { address: "127.0.0.1:80".to_owned() });
    assert_eq!((health.interval, health.timeout), (Millis(1_000), Millis(1_000)));
    assert_eq!(service.command, ["./server", "a=b"]);
    assert!(service.environment.contains_key("A.B"));
    assert_eq!((service.stop.grace, service.depends_on.len()), (Millis(3_000), 1));
    assert_eq!(loaded.settings.name, "quoted name");
}

#[test]
fn plain_variables_do_what_they_are_known_for() {
    // Images are started with these names all over; one that does nothing would be trusted in vain.
    let place = Place::with(format!("{SERVICE}instances = 9\n"))
        .variable("AUTO_SCALING_ENABLED", "true")
        .variable("AUTO_RECOVERY_ENABLED", "false")
        .variable("ANOMALY_DETECTION_ENABLED", "0")
        .variable("AI_DECISIONS_ENABLED", "true")
        .variable("MIN_INSTANCES", "2")
        .variable("MAX_INSTANCES", "4")
        .variable("CPU_THRESHOLD_UP", "90")
        .variable("CPU_THRESHOLD_DOWN", "20")
        .variable("MEMORY_THRESHOLD_UP", "70")
        .variable("MEMORY_THRESHOLD_DOWN", "");
    let loaded = place.load().unwrap_or_else(|problems| panic!("{problems}"));
    let (scaling, switches) = (loaded.policy.scaling, loaded.policy.switches);
    assert!(scaling.enabled && !switches.recovery && !switches.detection && !switches.ai_decisions);
    assert_eq!((scaling.instances_min, scaling.instances_max), (2, 4));
    assert_eq!((scaling.cpu_up_percent, scaling.cpu_down_percent), (90, 20));
    assert_eq!((scaling.memory_up_percent, scaling.memory_down_percent), (70, 40));
    let (instances, origin) = effective(&place, "services.web-api.instances");
    assert_eq!(instances, "4");
    assert_eq!(origin, "held by scaling.instances_max (MAX_INSTANCES), declared as 9");
    assert_eq!(place.codes(), ["H0026", "H0025"]);
}

#[test]
fn defaults_fill_what_a_service_does_not_say_and_keep_their_origin() {
    // A default that silently won over a service's own word would be worse than none.
    let text = "[defaults]\nautonomy = \"auto\"\nstop = { grace = \"1s\", signal = \"INT\" }\nhealth = { interval = \"1s\" }\n\
                [services.a]\ncommand = [\"./server\"]\nstop = { grace = \"9s\" }\nhealth = { tcp = \"80\" }\n\
                [services.b]\ncommand = [\"./server\"]\nautonomy = \"observe\"\n";
    let place = Place::with(text);
    let services = place.load().unwrap().policy.services;
    let (a, b) = (services.values().next().unwrap(), services.values().nth(1).unwrap());
    assert_eq!((a.autonomy, b.autonomy), (Autonomy::Auto, Autonomy::Observe));
    assert_eq!((a.stop.grace, b.stop.grace), (Millis(9_000), Millis(1_000)));
    assert!(b.health.is_none(), "timings alone are no health check");
    assert_eq!(effective(&place, "services.a.health.interval"), ("\"1s\"".to_owned(), "homeostat.toml:4".to_owned()));
    assert_eq!(effective(&place, "services.a.stop.signal").1, "homeostat.toml:3");
}

#[test]
fn relative_paths_begin_at_the_files_folder() {
    // Started by systemd, the engine runs in another folder than the file is in.
    let place = Place::with(
        "[services.a]\ncommand = [\"../server\"]\nworking_folder = \"data\"\nenvironment.K = \"file:secrets/token\"",
    )
    .file("data/x", "");
    let loaded = place.load().unwrap_or_else(|problems| panic!("{problems}"));
    let service = loaded.policy.services.values().next().unwrap();
    assert_eq!(service.working_folder, place.folder().join("data").display().to_string());
    let secret = serde_json::to_string(&service.environment).unwrap();
    assert!(secret.contains(&place.folder().join("secrets/token").display().to_string()), "{secret}");
    assert_eq!(loaded.settings.data_folder, place.folder().join(".homeostat"));
    let files: Vec<String> =
        loaded.files().iter().map(|file| place.without_folder(&file.display().to_string())).collect();
    assert_eq!(files, ["conf.d", "homeostat.toml"]);
}

#[test]
fn the_fingerprint_changes_with_the_effect_and_with_nothing_else() {
    // A reload that changed nothing must not restart or announce anything.
    let place = Place::with(SERVICE);
    let before = place.load().unwrap().fingerprint();
    let place = place.file("homeostat.toml", format!("# a comment\n{SERVICE}instances = 1\n"));
    assert_eq!(place.load().unwrap().fingerprint(), before);
    let place = place.file("homeostat.toml", format!("{SERVICE}instances = 2\n"));
    assert_ne!(place.load().unwrap().fingerprint(), before);
}

#[test]
fn a_client_finds_the_engine_while_the_rest_is_broken() {
    // `pause` in an incident must not fail because somebody is editing the file.
    let broken =
        Place::with("[engine]\ndata_folder = \"/data\"\n[services.web]\ncommand = [\"nosuchprogram\"]\nx = \n");
    assert!(broken.load().is_err());
    let settings = load_settings(&broken.source()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(settings.data_folder.display().to_string(), "/data");
    let own = Place::with("[services.web]\ncommand = [\"./server\"]\nx =\n[engine]\ndata_folder = \"/data\"\n");
    assert!(load_settings(&own.source()).is_err(), "its own settings may lie behind the tear");
    let wrong = Place::with("[engine]\ndata_folder = 3\n");
    assert!(load_settings(&wrong.source()).is_err());
}

#[test]
fn a_file_is_looked_for_where_the_page_says() {
    // The wrong file found is the wrong system managed.
    let place = Place::with("");
    let user = vec![("XDG_CONFIG_HOME".to_owned(), place.folder().join("config").display().to_string())];
    let problems = locate(&user).unwrap_err();
    assert!(problems.to_string().contains("config/homeostat/homeostat.toml"), "{problems}");
    let place = place.file("config/homeostat/homeostat.toml", "");
    assert_eq!(locate(&user).unwrap(), place.folder().join("config/homeostat/homeostat.toml"));
}
