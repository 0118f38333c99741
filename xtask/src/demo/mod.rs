//! `cargo xtask demo`: the product at work, on screen, within a minute of a fresh checkout.
//!
//! Builds the engine and the kiosk, starts them in a folder that vanishes afterwards, breaks something now and then, and lets the
//! journal tell what becomes of it. Ctrl-C, SIGTERM or the end of its time take everything down in order; the demo then proves
//! that no process of its own is left, and says so.

mod chaos;
mod engine;
mod processes;
mod visitors;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

pub use chaos::{Break, Fault, Schedule};
pub use processes::{Running, running_below, signal};

use crate::cache::{Cache, target_folder};
use crate::error::{Code, Trouble};
use crate::steps::{End, run, tell};
use crate::toolchain;
use crate::workspace::{cargo, member_names, root};
use engine::{Homeostat, wait_for_end};
use visitors::Visitors;

/// The example that the demo runs, from the root of the workspace.
const EXAMPLE: &str = "examples/kiosk/homeostat.toml";
/// What the example fixes: the catalog's port, and the gateway's address.
const EXAMPLE_PORT: &str = "7301";
const EXAMPLE_ADDRESS: &str = "127.0.0.1:7300";
/// What is built and run: package and binary have the same name.
const ENGINE: &str = "homeostat";
const KIOSK: &str = "homeostat-kiosk";
/// What a fault needs to be seen, repaired and verified; later than this before the end nothing more is broken.
const REPAIR_S: u64 = 10;
/// How often the demo looks whether it should end.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Processes that were killed for good need a moment to be gone.
const GONE_S_MAX: u64 = 10;
/// What is shown of the engine's log when it did not come up.
const LOG_LINES_SHOWN: usize = 30;

/// What the caller asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// How long it runs; without it, until Ctrl-C.
    pub seconds: Option<u64>,
    /// The language of the story; without it, the environment decides.
    pub language: Option<String>,
    /// Which faults come when.
    pub seed: u64,
}

/// Runs the demo; whether it went well and left nothing behind.
pub fn run_demo(wish: &Wish) -> Result<bool> {
    let ended = Arc::new(AtomicBool::new(false));
    for number in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(number, Arc::clone(&ended)).context("cannot listen for signals")?;
    }
    let ended = move || ended.load(Ordering::Relaxed);
    println!("{}", toolchain::check_toolchain()?);
    let folder =
        tempfile::Builder::new().prefix("homeostat-demo-").tempdir().context("cannot make a folder for the demo")?;
    // Processes show their program by its real path; a linked temporary folder would hide them from us.
    let place = folder.path().canonicalize().context("cannot find the folder of the demo")?;
    let built = run("build", || build_into(&root(), &place.join("bin")));
    if !built.passed || ended() {
        return Ok(built.passed);
    }
    let gateway_port = write_configuration(&place)?;
    let program = place.join("bin").join(ENGINE);
    let homeostat = Homeostat { program, folder: place, language: wish.language.clone(), gateway_port };
    let shown = show(&homeostat, wish, &ended);
    let clean = clean_up(&homeostat.folder);
    folder.close().context("cannot remove the folder of the demo")?;
    shown?;
    clean?;
    println!("demo: everything is stopped, nothing is left");
    Ok(true)
}

/// The example, with free ports in the place of its fixed ones: a demo must run beside whatever else runs here. The gateway's.
fn write_configuration(place: &Path) -> Result<u16> {
    let example = fs::read_to_string(root().join(EXAMPLE)).with_context(|| format!("cannot read {EXAMPLE}"))?;
    // Held until all are found, so that none is found twice.
    let free = || TcpListener::bind("127.0.0.1:0").context("cannot find a free port");
    let (one, other) = (free()?, free()?);
    let (catalog, gateway) = (one.local_addr()?, other.local_addr()?);
    let example = example.replace(EXAMPLE_PORT, &catalog.port().to_string());
    let example = example.replace(EXAMPLE_ADDRESS, &gateway.to_string());
    fs::write(place.join("homeostat.toml"), example).context("cannot write the configuration")?;
    Ok(gateway.port())
}

/// Builds in the shared cache, then copies: what runs is ours even when another clone builds meanwhile.
fn build_into(root: &Path, bin: &Path) -> Result<End> {
    let cache = Cache::take(root, target_folder(|name| std::env::var(name).ok())?, &member_names(root))?;
    let mut command = Command::new(cargo());
    command.args(["build", "--locked", "--package", ENGINE, "--package", KIOSK]);
    let end = tell(command.current_dir(root).env("CARGO_TARGET_DIR", cache.target()))?;
    if end.passed {
        fs::create_dir_all(bin).context("cannot make the folder of the programs")?;
        for name in [ENGINE, KIOSK] {
            let from: PathBuf = cache.target().join("debug").join(name);
            fs::copy(&from, bin.join(name)).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(end)
}

/// From the start of the engine to its orderly end, whatever goes wrong in between.
fn show(homeostat: &Homeostat, wish: &Wish, ended: &dyn Fn() -> bool) -> Result<()> {
    println!("demo: in {}; Ctrl-C ends it and leaves nothing behind", homeostat.folder.display());
    let mut engine = homeostat.start()?;
    let mut story = None;
    let broken = watch(homeostat, &mut engine, &mut story, wish, ended);
    // The story goes on for as long as somebody reads it; how everything is stopped is no part of it.
    if let Some(mut child) = story {
        let _ = child.kill();
        let _ = child.wait();
    }
    println!("\ndemo: taking everything down");
    let downed = homeostat.down();
    let end = end_of(&mut engine);
    let (broken, end) = (broken?, end?);
    downed?;
    println!("demo: the engine ended ({end}); {broken} faults were made\n");
    if broken > 0 {
        homeostat.call(&["episodes"]).status().context("cannot list the episodes")?;
        println!("\ndemo: the last one in full, from the journal alone, as `homeostat why --last` tells it:\n");
        homeostat.call(&["why", "--last"]).status().context("cannot ask why")?;
    }
    Ok(())
}

/// Waits for the services, then lets the story be told while things break; how many faults were made.
fn watch(
    homeostat: &Homeostat,
    engine: &mut Child,
    story: &mut Option<Child>,
    wish: &Wish,
    ended: &dyn Fn() -> bool,
) -> Result<u64> {
    if homeostat.wait_until_ready(engine, ended)? {
        *story = Some(homeostat.follow()?);
        let visitors = Visitors::start(homeostat.gateway_port);
        let made = break_things(homeostat, &visitors, wish, ended);
        println!("\ndemo: through the gateway at port {}: {visitors}", homeostat.gateway_port);
        return Ok(made);
    }
    if ended() {
        return Ok(0);
    }
    let log = fs::read_to_string(homeostat.log()).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    println!("{}", lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n"));
    let what = "the engine did not bring its services up";
    Err(Trouble::new(Code::DemoDidNotStart, what, "its last words stand above").into())
}

/// Follows the schedule until the end; how many faults were made.
fn break_things(homeostat: &Homeostat, visitors: &Visitors, wish: &Wish, ended: &dyn Fn() -> bool) -> u64 {
    let end = wish.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let over = || ended() || end.is_some_and(|end| Instant::now() >= end);
    let too_late = || end.is_some_and(|end| Instant::now() + Duration::from_secs(REPAIR_S) > end);
    let mut made = 0;
    for next in Schedule::new(wish.seed) {
        let at = Instant::now() + Duration::from_secs(next.after_s);
        while Instant::now() < at {
            if over() {
                return made;
            }
            sleep(LOOK_EVERY);
        }
        // Only what is whole is broken, so that each fault is one clear story.
        if !too_late() && homeostat.all_ready() && break_one(&homeostat.folder, next) {
            println!("demo: requests so far: {visitors}");
            made += 1;
        }
    }
    made
}

fn break_one(folder: &Path, next: Break) -> bool {
    let victims: Vec<Running> = running_below(folder)
        .into_iter()
        .filter(|running| running.program.ends_with(KIOSK) && !running.stopped)
        // A hang is only seen by a health check, and only what listens has one in the example.
        .filter(|running| next.fault == Fault::Kill || running.command.contains("--port"))
        .collect();
    let Some(count) = u64::try_from(victims.len()).ok().filter(|count| *count > 0) else { return false };
    let chosen = usize::try_from(next.pick % count).expect("smaller than a length");
    let victim = &victims[chosen];
    let (signal_sent, word) = match next.fault {
        Fault::Kill => (Signal::KILL, "killed"),
        Fault::Hang => (Signal::STOP, "hung"),
    };
    let done = signal(victim, folder, signal_sent);
    if done {
        println!("\ndemo: {word} process {} ({})", victim.pid, victim.command);
    }
    done
}

fn end_of(engine: &mut Child) -> Result<String> {
    if let Some(status) = wait_for_end(engine)? {
        return Ok(status.to_string());
    }
    engine.kill().context("cannot kill the engine")?;
    engine.wait().context("cannot wait for the engine")?;
    bail!("the engine did not end in time and was killed")
}

/// Proves that nothing runs from the folder any more; what does is killed and told, for it is a fault of the product.
fn clean_up(folder: &Path) -> Result<()> {
    let left = running_below(folder);
    if left.is_empty() {
        return Ok(());
    }
    let deadline = Instant::now() + Duration::from_secs(GONE_S_MAX);
    while Instant::now() < deadline {
        let now = running_below(folder);
        if now.is_empty() {
            break;
        }
        for running in &now {
            signal(running, folder, Signal::KILL);
        }
        sleep(LOOK_EVERY);
    }
    let names: Vec<String> = left.iter().map(|running| format!("{} ({})", running.pid, running.command)).collect();
    let what = format!("processes were left behind and have been killed: {}", names.join(", "));
    Err(Trouble::new(
        Code::DemoLeftProcesses,
        what,
        "this is a fault of Homeostat: please report it with the output above",
    )
    .into())
}
