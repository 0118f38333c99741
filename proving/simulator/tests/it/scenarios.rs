//! The scenario scripts in `scenarios/`, each with its golden output beside it.

use homeostat_simulator::{Simulation, scenario};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the scripts lie.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn tell(name: &str) {
    let text = fs::read_to_string(folder().join(format!("{name}.scenario"))).unwrap();
    let scenario = scenario::parse(&text).unwrap();
    let mut simulation = Simulation::new(scenario.setup);
    let result = simulation.run_for(scenario.length);
    let story = simulation.story();
    assert_eq!(result, Ok(()), "{name}:\n{story}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, story));
}

macro_rules! scenarios {
    ($($test:ident = $name:literal,)*) => {
        /// Every script that has a test.
        pub const NAMES: &[&str] = &[$($name),*];

        $(
            #[test]
            fn $test() {
                // The loop would tell or do something else than it promises in this story.
                tell($name);
            }
        )*
    };
}

scenarios! {
    approval = "approval",
    crash_loop_escalates = "crash-loop-escalates",
    crash_repaired = "crash-repaired",
    dependency_order_and_shutdown = "dependency-order-and-shutdown",
    engine_dies_mid_repair = "engine-dies-mid-repair",
    hang_stopped_and_restarted = "hang-stopped-and-restarted",
    journal_lost = "journal-lost",
    observe_only = "observe-only",
    pause_and_resume = "pause-and-resume",
    reload_replaces_one_at_a_time = "reload-replaces-one-at-a-time",
    service_died_while_engine_was_dead = "service-died-while-engine-was-dead",
    starts_on_request = "starts-on-request",
    stuck_action_goes_on = "stuck-action-goes-on",
    undo_holds = "undo-holds",
}

#[test]
fn no_script_lies_about_without_a_test() {
    // A scenario that nobody runs rots.
    let mut found: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".scenario").map(str::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    // A mistyped expectation that is silently skipped would prove nothing.
    let error = scenario::parse("service web\nat 5s explode web/0\n").unwrap_err();
    assert!(format!("{error:#}").contains("line 2"), "{error:#}");
}
