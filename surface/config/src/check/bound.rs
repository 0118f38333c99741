//! Bounds that contradict each other, periods of no length, addresses that others could reach, and what does not exist yet.

use super::Judge;
use crate::code::Code;
use crate::place::Medium;
use crate::problem::Problem;
use crate::section::Start;
use crate::tree::{Node, Path};
use homeostat_vocabulary::quantity::Period;
use std::net::SocketAddr;

pub fn check(judge: &mut Judge<'_>) {
    check_api(judge);
    check_models(judge);
    check_scaling(judge);
    check_repair(judge);
    check_services(judge);
}

/// The address that the API listens on.
pub fn listen_address(text: &str) -> Option<SocketAddr> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric.as_deref().unwrap_or(text).parse().ok()
}

fn check_api(judge: &mut Judge<'_>) {
    let path = Path::of(&["api", "listen"]);
    let help = "write an address of this machine alone, such as \"127.0.0.1:5000\"";
    let problem = match listen_address(&judge.document.api.listen) {
        Some(address) if address.ip().is_loopback() => return,
        Some(_) => Problem::new(Code::NotLoopback, "`api.listen` could be reached from other machines", help),
        None => Problem::new(Code::BadFormat, "`api.listen` cannot be read as an address with a port", help),
    };
    judge.report(path.clone(), problem.at(judge.place(&path), "this address"));
}

fn check_models(judge: &mut Judge<'_>) {
    let path = Path::of(&["decisions", "ai"]);
    let Some(place) = judge.tree.at(&path).filter(|node| node.to_json() == true).map(|node| node.place.clone()) else {
        return;
    };
    // The plain variable may be set for a whole machine, with other programs in mind.
    let is_plain_variable = matches!(place.source.medium(), Medium::Variable(name) if name == "AI_DECISIONS_ENABLED");
    let message = "no model takes part in decisions yet";
    let problem = if is_plain_variable {
        Problem::new(Code::NoModels, message, "nothing changes; unset the variable to be rid of this line").warning()
    } else {
        Problem::new(Code::NoModels, message, "set it to false, or leave it out")
    };
    judge.report(path, problem.at(Some(place), "this asks for one"));
}

fn check_scaling(judge: &mut Judge<'_>) {
    let scaling = judge.document.scaling.clone();
    let pairs = [
        ("instances_min", u32::from(scaling.instances_min), "instances_max", u32::from(scaling.instances_max), true),
        (
            "cpu_down_percent",
            u32::from(scaling.cpu_down_percent),
            "cpu_up_percent",
            u32::from(scaling.cpu_up_percent),
            false,
        ),
        (
            "memory_down_percent",
            u32::from(scaling.memory_down_percent),
            "memory_up_percent",
            u32::from(scaling.memory_up_percent),
            false,
        ),
    ];
    for (low_key, low, high_key, high, may_be_equal) in pairs {
        if low > high || (low == high && !may_be_equal) {
            let least = if may_be_equal { "at most" } else { "below" };
            let message =
                format!("`scaling.{low_key}` is {low}, and must be {least} `scaling.{high_key}`, which is {high}");
            crossed(judge, &Path::of(&["scaling", low_key]), &Path::of(&["scaling", high_key]), message);
        }
    }
    if !scaling.enabled {
        return;
    }
    let path = Path::of(&["scaling", "enabled"]);
    let held: Vec<String> = judge
        .services()
        .filter_map(|(name, service)| {
            // The sections already hold the bounded number; the tree has what was written.
            let written = judge.tree.at(&Path::of_service(name, &["instances"])).map(Node::to_json);
            let declared = written.and_then(|number| number.as_u64()).unwrap_or(1);
            let runs = u64::from(service.instances);
            (declared != runs).then(|| format!("{name} runs {runs} instead of {declared}"))
        })
        .collect();
    let effect = if held.is_empty() { "no service is outside of them now".to_owned() } else { held.join(", ") };
    let help = format!("declared numbers of instances are held within the bounds ({effect}); load changes nothing");
    let problem = Problem::new(Code::NoScalingByLoad, "instances are not scaled by load yet", help).warning();
    judge.report(path.clone(), problem.at(judge.place(&path), "only holds numbers within the bounds"));
}

fn check_repair(judge: &mut Judge<'_>) {
    let repair = judge.document.repair.clone();
    if repair.backoff_first > repair.backoff_max {
        let message = format!(
            "`repair.backoff_first` is {}, and must be at most `repair.backoff_max`, which is {}",
            repair.backoff_first, repair.backoff_max
        );
        crossed(judge, &Path::of(&["repair", "backoff_first"]), &Path::of(&["repair", "backoff_max"]), message);
    }
    let lengths = [
        ("backoff_first", repair.backoff_first),
        ("backoff_max", repair.backoff_max),
        ("backoff_reset", repair.backoff_reset),
        ("budget_window", repair.budget_window),
        ("verify_window", repair.verify_window),
        ("verify_deadline", repair.verify_deadline),
        ("approval_deadline", repair.approval_deadline),
    ];
    for (key, period) in lengths {
        check_length(judge, Path::of(&["repair", key]), period);
    }
    check_length(judge, Path::of(&["engine", "journal_retention"]), judge.document.engine.journal_retention);
}

fn check_services(judge: &mut Judge<'_>) {
    let document = judge.document;
    let says_something_else = judge.broken.iter().any(|path| path.0.first().is_some_and(|name| name == "services"));
    // A gateway alone has something to look after: the requests.
    if document.services.is_empty() && document.gateway.is_none() && !says_something_else {
        let help = "add a table such as [services.web] with a command, or let `homeostat init` write one";
        let path = Path::of(&["services"]);
        let problem = Problem::new(Code::NoServices, "no service is declared", help).warning();
        judge.report(path.clone(), problem.at(judge.place(&path), "nothing to look after"));
    }
    for (name, service) in &document.services {
        if let Some(health) = &service.health {
            check_length(judge, Path::of_service(name, &["health", "interval"]), health.interval);
            let timeout = health.timeout.unwrap_or(crate::section::Health::TIMEOUT);
            let timeout_path = Path::of_service(name, &["health", "timeout"]);
            // A timeout that nobody wrote follows the interval, which is judged by itself.
            if judge.tree.at(&timeout_path).is_some() {
                check_length(judge, timeout_path, timeout);
            }
            if timeout > health.interval && health.interval.0.0 > 0 {
                let message = format!(
                    "the health check of `{name}` may take {timeout}, and is made every {}: the next would begin before",
                    health.interval
                );
                let keys = ["timeout", "interval"].map(|key| Path::of_service(name, &["health", key]));
                crossed(judge, &keys[0], &keys[1], message);
            }
        }
        if let Some(idle_stop) = service.idle_stop {
            check_length(judge, Path::of_service(name, &["idle_stop"]), idle_stop);
            if service.start == Start::AtOnce {
                let message = format!("`{name}` rests after {idle_stop} without a request, and is to run all the time");
                let keys = ["idle_stop", "start"].map(|key| Path::of_service(name, &[key]));
                crossed(judge, &keys[0], &keys[1], message);
            }
        }
        if let Some(recovery) = service.objectives.recovery {
            check_length(judge, Path::of_service(name, &["objectives", "recovery"]), recovery);
        }
        if let Some(time) = service.limits.cpu_time.filter(|time| time.0.0 < 1_000) {
            let path = Path::of_service(name, &["limits", "cpu_time"]);
            let message = format!("`{path}` is {time}, and is counted in whole seconds");
            let place = judge.place(&path);
            judge.report(path, Problem::new(Code::OutOfRange, message, "write \"1s\" or more").at(place, "too short"));
        }
        check_memory(judge, name, "memory", service.limits.memory.map(|size| size.0));
        check_memory(judge, name, "file_size", service.limits.file_size.map(|size| size.0));
    }
}

fn check_memory(judge: &mut Judge<'_>, service: &str, key: &str, bytes: Option<u64>) {
    if bytes == Some(0) {
        let path = Path::of_service(service, &["limits", key]);
        let message = format!("`{path}` is nothing at all, with which no program can run");
        let place = judge.place(&path);
        judge.report(path, Problem::new(Code::OutOfRange, message, "leave it out for no limit").at(place, "nothing"));
    }
}

fn check_length(judge: &mut Judge<'_>, path: Path, period: Period) {
    if period.0.0 == 0 {
        let message = format!("`{path}` has no length");
        let place = judge.place(&path);
        judge.report(path, Problem::new(Code::OutOfRange, message, "write a period above zero").at(place, "zero"));
    }
}

/// Both ends are shown; when one of them is only a default, the other is the one to change.
fn crossed(judge: &mut Judge<'_>, one: &Path, other: &Path, message: String) {
    let written = [one, other].map(|path| judge.tree.at(path).map(|node| node.place.clone()));
    let [first, second] = written;
    let (place, also) = if first.is_some() { (first, second) } else { (second, None) };
    let problem = Problem::new(Code::CrossedBounds, message, format!("change `{one}` or `{other}`"));
    judge.report(one.clone(), problem.at(place, "this").also(also, "and this"));
}
