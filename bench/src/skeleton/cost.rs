//! What the engine costs: the time to the first service, and processor time and memory while nothing happens.

use super::keepers::EngineProcess;
use super::witness::Witness;
use super::{PATIENCE, REST};
use crate::report::{OURS, Report};
use anyhow::{Context, Result};
use homeostat_testkit::processes;
use std::path::Path;
use std::time::{Duration, Instant};

/// Services of the idle case.
const SERVICES: usize = 10;

/// From the start of the engine to a running service, in a new folder and in one with a journal.
pub fn starts(report: &mut Report, folder: &Path, program: &Path, rounds: usize) -> Result<()> {
    let witness = Witness::listen(folder)?;
    let command = serde_json::to_string(&witness.patient("first")?)?;
    let configuration = format!("[api]\nlisten = \"127.0.0.1:0\"\n[services.first]\ncommand = {command}\n");
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let folder = folder.join(format!("start-{round}"));
        for samples in [&mut fresh, &mut again] {
            let began = Instant::now();
            let engine = EngineProcess::up(program, &folder, &configuration)?;
            let (_, at) = witness.next_at("first", PATIENCE).context("the first service")?;
            samples.push(at.duration_since(began).as_secs_f64() * 1_000.0);
            std::thread::sleep(REST);
            drop(engine);
        }
    }
    report.add(OURS, "start, new folder", "start_to_service_ms", "ms", &fresh);
    report.add(OURS, "start, with a journal", "start_to_service_ms", "ms", &again);
    Ok(())
}

/// Ten services that do nothing: without health checks, and with an HTTP check each at the default interval.
pub fn idle(report: &mut Report, folder: &Path, program: &Path, span: Duration) -> Result<()> {
    for (case, with_checks) in [("idle, 10 services", false), ("idle, 10 services with HTTP checks", true)] {
        let witness = Witness::listen(folder)?;
        let mut configuration = "[api]\nlisten = \"127.0.0.1:0\"\n".to_owned();
        for index in 0..SERVICES {
            configuration += &service(&witness, index, with_checks)?;
        }
        let name = if with_checks { "idle-checks" } else { "idle" };
        let engine = EngineProcess::up(program, &folder.join(name), &configuration)?;
        for index in 0..SERVICES {
            witness.next(&format!("s{index}"), PATIENCE)?;
        }
        std::thread::sleep(Duration::from_secs(3));
        measure_idle(report, case, &engine, span)?;
    }
    Ok(())
}

fn service(witness: &Witness, index: usize, with_check: bool) -> Result<String> {
    let mut words = witness.patient(&format!("s{index}"))?;
    let mut rest = String::new();
    if with_check {
        words.extend(["--port".to_owned(), "{port}".to_owned()]);
        rest += "port = \"auto\"\nhealth = { http = \"http://127.0.0.1:{port}/\" }\n";
    }
    Ok(format!("[services.s{index}]\ncommand = {}\n{rest}", serde_json::to_string(&words)?))
}

fn measure_idle(report: &mut Report, case: &str, engine: &EngineProcess, span: Duration) -> Result<()> {
    let pid = engine.pid();
    let spent = || processes::processor_time(pid).context("the engine is gone");
    let (began, before) = (Instant::now(), spent()?);
    std::thread::sleep(span);
    let share = (spent()? - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    report.add(OURS, case, "engine_cpu_percent_of_a_core", "%", &[share]);
    let mib = |kib: Option<u64>| kib.map(|kib| kib as f64 / 1_024.0);
    report.add(
        OURS,
        case,
        "engine_resident_mib",
        "MiB",
        &mib(processes::resident_kib(pid)).map_or(vec![], |it| vec![it]),
    );
    let shims: Vec<u32> = processes::descendants(pid)
        .into_iter()
        .filter(|pid| processes::command_line(*pid).starts_with("homeostat shim "))
        .collect();
    let of_all = |read: fn(u32) -> Option<u64>| shims.iter().filter_map(|pid| mib(read(*pid))).collect::<Vec<f64>>();
    report.add(OURS, case, "shim_resident_mib", "MiB", &of_all(processes::resident_kib));
    report.add(OURS, case, "shim_proportional_mib", "MiB", &of_all(processes::proportional_kib));
    Ok(())
}
