//! `cargo xtask test`: every check that stands between a change and its landing, in one run with one closing line.
//!
//! People and CI run the same steps in the same order, cheap ones first. It builds into the shared cache and never into the
//! clone, asks no questions, and always closes with `N passed, N failed`.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cache::{Cache, target_folder};
use crate::steps::{End, run, tell, wants_colour};
use crate::summary::Count;
use crate::tidy;
use crate::toolchain;
use crate::workspace::{Tree, cargo, member_names, root};

/// Features that are off by default and that no crate of ours uses: their code is built, and their tests run, only when asked for.
const FEATURES: &str =
    "--features=homeostat-resilience/metrics,homeostat-resilience/schemars,homeostat-resilience/tower";

/// What the caller asked for.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Run only the tests that match: a nextest expression, or a part of their names. The checks are left out.
    pub filter: Option<String>,
    /// Go on after a step that failed.
    pub keep_going: bool,
}

/// One step: its name and what it does.
struct Step<'a> {
    name: &'static str,
    act: Box<dyn FnOnce() -> Result<End> + 'a>,
}

/// Runs the suite; whether everything passed.
pub fn run_suite(wish: &Wish) -> Result<bool> {
    let root = root();
    // A run that nobody watches is read afterwards: it had better tell everything.
    let automatic = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let mut total = Count::default();
    let mut all_passed = true;
    let before: Vec<Step<'_>> = vec![
        step("toolchain", || say(toolchain::check_toolchain())),
        step("programs of the system", || say(toolchain::check_programs())),
    ];
    // Without these two nothing that follows could say anything true.
    if walk(before, false, &mut total) {
        let members = member_names(&root);
        let cache = Cache::take(&root, target_folder(|name| std::env::var(name).ok())?, &members)?;
        println!("building in {}", cache.target().display());
        let steps = steps_of(&root, cache.target(), wish, automatic);
        all_passed &= walk(steps, wish.keep_going || automatic, &mut total);
    } else {
        all_passed = false;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(all_passed)
}

/// Walks the steps; whether all of them passed.
fn walk(steps: Vec<Step<'_>>, keep_going: bool, total: &mut Count) -> bool {
    let mut all_passed = true;
    for step in steps {
        let end = run(step.name, step.act);
        *total += end.count();
        all_passed &= end.passed;
        if !end.passed && !keep_going {
            break;
        }
    }
    all_passed
}

fn steps_of<'a>(root: &'a Path, target: &'a Path, wish: &'a Wish, automatic: bool) -> Vec<Step<'a>> {
    let filter = wish.filter.as_deref();
    let cargo = move |arguments: &[&str]| {
        let mut command = Command::new(cargo());
        command.args(arguments).current_dir(root).env("CARGO_TARGET_DIR", target);
        if automatic {
            // Incremental state is never read again by a run that ends; it only fills the disk.
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    };
    let tests = step("tests", move || tell(&mut test_command(cargo, filter)));
    if filter.is_some() {
        return vec![tests];
    }
    vec![
        step("format", move || tell(&mut cargo(&["fmt", "--all", "--check"]))),
        step("tidy", move || tidy_step(root)),
        step("clippy", move || {
            let mut command = cargo(&["clippy", "--workspace", FEATURES, "--all-targets", "--locked", "--quiet"]);
            tell(command.args(["--", "-D", "warnings"]))
        }),
        tests,
        step("doc tests", move || tell(&mut cargo(&["test", "--doc", "--workspace", FEATURES, "--locked", "--quiet"]))),
    ]
}

/// cargo-nextest when it is here: each test in a process of its own, hung ones ended. Building it would take longer than it
/// saves, so a machine without it uses the runner that comes with cargo.
fn test_command(cargo: impl Fn(&[&str]) -> Command, filter: Option<&str>) -> Command {
    if !toolchain::has_nextest() {
        println!("cargo-nextest is not installed; using cargo test");
        let mut command = cargo(&["test", "--workspace", FEATURES, "--locked", "--lib", "--bins", "--tests"]);
        command.arg("--no-fail-fast").args(filter);
        return command;
    }
    let mut command = cargo(&["nextest", "run", "--workspace", FEATURES, "--locked"]);
    command.args(["--config-file", "xtask/nextest.toml"]);
    if !wants_colour() {
        command.args(["--show-progress", "none"]);
    }
    match filter {
        Some(expression) if expression.contains('(') => command.args(["-E", expression]),
        Some(part) => command.arg(part),
        None => &mut command,
    };
    command
}

fn tidy_step(root: &Path) -> Result<End> {
    let findings = tidy::judge(&Tree::load(root)?);
    for finding in &findings {
        println!("{finding}");
    }
    Ok(End { passed: tidy::refusals(&findings) == 0, tests: None })
}

fn step<'a>(name: &'static str, act: impl FnOnce() -> Result<End> + 'a) -> Step<'a> {
    Step { name, act: Box::new(act) }
}

fn say(found: Result<String>) -> Result<End> {
    match found {
        Ok(found) => println!("    {found}"),
        Err(trouble) => bail!("{trouble}"),
    }
    Ok(End { passed: true, tests: None })
}
