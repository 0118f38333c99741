//! The logs of services, from files as the driver writes them.

use crate::home::Home;
use homeostat_cli::Exit;

fn write(home: &Home, instance: &str, lines: &[&str]) {
    let folder = home.data().join("runs").join(instance).join("log");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("00000001.log"), lines.join("\n") + "\n").unwrap();
}

fn home() -> Home {
    let home = Home::new();
    write(
        &home,
        "web/0",
        &[
            "2026-11-21T08:52:01.250Z shim began: process 4711",
            "2026-11-21T08:52:01.300Z out listening at 5801",
            "2026-11-21T08:52:03.000Z err   \u{1b}[31mred\u{1b}[0m and \u{7}a bell",
        ],
    );
    write(&home, "web/1", &["2026-11-21T08:52:02.000Z out listening at 5802"]);
    home
}

#[test]
fn instances_are_shown_together_in_the_order_of_time() {
    // What happened first must stand first, whoever wrote it.
    insta::assert_snapshot!("logs", home().run("logs web").all());
}

#[test]
fn one_instance_and_the_last_lines_can_be_asked_for() {
    // A service with many copies would drown the one that fails.
    let home = home();
    assert_eq!(home.run("logs web/1").out, "2026-11-21T08:52:02.000Z listening at 5802\n");
    assert_eq!(home.run("logs web --lines 1").out.lines().count(), 1);
    assert!(home.run("logs web --lines 1").out.contains("red and"), "the latest line of all instances");
}

#[test]
fn a_service_cannot_drive_the_terminal() {
    // An escape sequence in a log line could hide other lines, or worse.
    let mut home = home();
    home.colour = true;
    home.width = Some(80);
    let out = home.run("logs web/0").out;
    assert!(!out.contains("\u{1b}[31m") && !out.contains('\u{7}'), "{out:?}");
}

#[test]
fn unknown_services_are_named() {
    // Would break: an empty answer reads as a quiet service, and a mistyped name is waited for without end.
    let mut home = home();
    let ran = home.run("logs wbe");
    assert_eq!(ran.exit, Exit::Findings);
    insta::assert_snapshot!("no_service", ran.err);
    assert_eq!(home.run("logs wbe --follow").exit, Exit::Findings);
    insta::assert_snapshot!("no_logs", home.run("logs web/7").err);
    home.environment.push(("LANG".to_owned(), "es_ES.UTF-8".to_owned()));
    insta::assert_snapshot!("no_service_es", home.run("logs wbe").err);
}

#[test]
fn what_has_left_the_configuration_or_stands_in_a_broken_one_can_still_be_read() {
    // Would break: the logs of a service that was taken out, or of any while the file is being edited, are out of reach.
    let home = home();
    write(&home, "old/0", &["2026-11-21T08:52:02.000Z out goodbye"]);
    assert_eq!(home.run("logs old").out, "2026-11-21T08:52:02.000Z goodbye\n");
    let text = std::fs::read_to_string(home.configuration()).unwrap();
    std::fs::write(home.configuration(), format!("{text}comand = \"typo\"\n")).unwrap();
    assert_eq!(home.run("logs web").exit, Exit::Ok);
    assert!(home.run("logs wbe").err.starts_with("error[H0417]"), "which services there are is not known");
}

#[test]
fn programs_get_each_line_as_an_object() {
    // The text must come back as the service wrote it, in a form that cannot hurt.
    let out = home().run("logs web/0 --output json").out;
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((last["stream"].as_str(), last["instance"].as_str()), (Some("err"), Some("web/0")));
    assert_eq!(last["text"], "  \u{1b}[31mred\u{1b}[0m and \u{7}a bell");
    assert!(!out.contains('\u{1b}'), "JSON escapes what a terminal would obey");
}
