//! Bounds that contradict each other, periods of no length, addresses that others could reach, and what does not exist yet.

use super::Judge;
use crate::code::Code;
use crate::place::Medium;
use crate::problem::Problem;
use crate::say;
use crate::section::Start;
use crate::tree::{Node, Path};
use homeostat_vocabulary::Sentence;
use homeostat_vocabulary::quantity::Period;
use homeostat_vocabulary::sentence::Argument;
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
    let help = say::write_loopback();
    let problem = match listen_address(&judge.document.api.listen) {
        Some(address) if address.ip().is_loopback() => return,
        Some(_) => Problem::new(Code::NotLoopback, say::api_reachable(), help),
        None => Problem::new(Code::BadFormat, say::api_unreadable(), help),
    };
    judge.report(path.clone(), problem.at(judge.place(&path), say::at_address()));
}

fn check_models(judge: &mut Judge<'_>) {
    let path = Path::of(&["decisions", "ai"]);
    let Some(place) = judge.tree.at(&path).filter(|node| node.to_json() == true).map(|node| node.place.clone()) else {
        return;
    };
    // The plain variable may be set for a whole machine, with other programs in mind.
    let is_plain_variable = matches!(place.source.medium(), Medium::Variable(name) if name == "AI_DECISIONS_ENABLED");
    let message = say::no_models();
    let problem = if is_plain_variable {
        Problem::new(Code::NoModels, message, say::unset_variable()).warning()
    } else {
        Problem::new(Code::NoModels, message, say::set_false())
    };
    judge.report(path, problem.at(Some(place), say::at_model()));
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
            let keys = [low_key, high_key].map(|key| Path::of(&["scaling", key]));
            let (one, other) = (keys[0].to_string(), keys[1].to_string());
            let message = if may_be_equal {
                say::crossed(one, low, other, high)
            } else {
                say::crossed_strictly(one, low, other, high)
            };
            crossed(judge, &keys[0], &keys[1], message);
        }
    }
    if !scaling.enabled {
        return;
    }
    let path = Path::of(&["scaling", "enabled"]);
    let held: Vec<Sentence> = judge
        .services()
        .filter_map(|(name, service)| {
            // The sections already hold the bounded number; the tree has what was written.
            let written = judge.tree.at(&Path::of_service(name, &["instances"])).map(Node::to_json);
            let declared = written.and_then(|number| number.as_u64()).unwrap_or(1);
            let runs = u64::from(service.instances);
            (declared != runs).then(|| say::runs_instead(name, runs, declared))
        })
        .collect();
    let effect = if held.is_empty() { say::none_outside().into() } else { Argument::Several(held) };
    let problem = Problem::new(Code::NoScalingByLoad, say::no_scaling(), say::numbers_held(effect)).warning();
    judge.report(path.clone(), problem.at(judge.place(&path), say::at_scaling()));
}

fn check_repair(judge: &mut Judge<'_>) {
    let repair = judge.document.repair.clone();
    if repair.backoff_first > repair.backoff_max {
        let keys = ["backoff_first", "backoff_max"].map(|key| Path::of(&["repair", key]));
        let values = [repair.backoff_first, repair.backoff_max].map(|period| period.to_string());
        let [first, most] = values;
        let message = say::crossed(keys[0].to_string(), first, keys[1].to_string(), most);
        crossed(judge, &keys[0], &keys[1], message);
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
        let path = Path::of(&["services"]);
        let problem = Problem::new(Code::NoServices, say::no_services(), say::add_service()).warning();
        judge.report(path.clone(), problem.at(judge.place(&path), say::at_no_services()));
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
                let message = say::check_overlaps(name, timeout.to_string(), health.interval.to_string());
                let keys = ["timeout", "interval"].map(|key| Path::of_service(name, &["health", key]));
                crossed(judge, &keys[0], &keys[1], message);
            }
        }
        if let Some(idle_stop) = service.idle_stop {
            check_length(judge, Path::of_service(name, &["idle_stop"]), idle_stop);
            if service.start == Start::AtOnce {
                let message = say::rests_and_runs(name, idle_stop.to_string());
                let keys = ["idle_stop", "start"].map(|key| Path::of_service(name, &[key]));
                crossed(judge, &keys[0], &keys[1], message);
            }
        }
        if let Some(recovery) = service.objectives.recovery {
            check_length(judge, Path::of_service(name, &["objectives", "recovery"]), recovery);
        }
        if let Some(time) = service.limits.cpu_time.filter(|time| time.0.0 < 1_000) {
            let path = Path::of_service(name, &["limits", "cpu_time"]);
            let message = say::whole_seconds(path.to_string(), time.to_string());
            let place = judge.place(&path);
            judge.report(
                path,
                Problem::new(Code::OutOfRange, message, say::write_second()).at(place, say::at_too_short()),
            );
        }
        check_memory(judge, name, "memory", service.limits.memory.map(|size| size.0));
        check_memory(judge, name, "file_size", service.limits.file_size.map(|size| size.0));
    }
}

fn check_memory(judge: &mut Judge<'_>, service: &str, key: &str, bytes: Option<u64>) {
    if bytes == Some(0) {
        let path = Path::of_service(service, &["limits", key]);
        let message = say::nothing_at_all(path.to_string());
        let place = judge.place(&path);
        judge.report(path, Problem::new(Code::OutOfRange, message, say::leave_out()).at(place, say::at_nothing()));
    }
}

fn check_length(judge: &mut Judge<'_>, path: Path, period: Period) {
    if period.0.0 == 0 {
        let message = say::no_length(path.to_string());
        let place = judge.place(&path);
        judge.report(path, Problem::new(Code::OutOfRange, message, say::write_above_zero()).at(place, say::at_zero()));
    }
}

/// Both ends are shown; when one of them is only a default, the other is the one to change.
fn crossed(judge: &mut Judge<'_>, one: &Path, other: &Path, message: Sentence) {
    let written = [one, other].map(|path| judge.tree.at(path).map(|node| node.place.clone()));
    let [first, second] = written;
    let (place, also) = if first.is_some() { (first, second) } else { (second, None) };
    let problem = Problem::new(Code::CrossedBounds, message, say::change_one(one.to_string(), other.to_string()));
    judge.report(one.clone(), problem.at(place, say::at_this()).also(also, say::at_and_this()));
}
