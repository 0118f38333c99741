//! The gateway's own checks, carried over: its crate knows what is wrong and what to do, and here is known where that stands.

use super::Judge;
use super::suggest::nearest;
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
use crate::tree::Path;
use homeostat_routing::check::{Services, check as check_gateway};
use homeostat_routing::settings::Gateway;
use homeostat_routing::{Problem as Found, ProblemKind};
use homeostat_vocabulary::sentence::Argument;

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    let Some(gateway) = &document.gateway else { return };
    let services: Services = document
        .services
        .iter()
        .map(|(name, service)| {
            let own = service.port.map(|_| "port".to_owned());
            (name.clone(), own.into_iter().chain(service.ports.keys().cloned()).collect())
        })
        .collect();
    for found in check_gateway(gateway, &services).0 {
        let path = below_gateway(&found.path);
        if judge.is_broken(&path) || is_about_broken(judge, &found) {
            continue;
        }
        let problem = carry_over(judge, &found, &path);
        judge.report(path, problem);
    }
    check_files(judge, gateway);
}

/// Keys and certificates: without one of them the gateway would not start, or would keep its old settings.
fn check_files(judge: &mut Judge<'_>, gateway: &Gateway) {
    for (names, file) in gateway.files_read() {
        let (path, file) = (below_gateway(&names), judge.folder.join(file));
        let why: Argument = match std::fs::File::open(&file).and_then(|file| file.metadata()) {
            Ok(found) if found.is_file() => continue,
            Ok(_) => say::is_no_file().into(),
            Err(error) => error.to_string().into(),
        };
        if !judge.is_broken(&path) {
            let message = say::gateway_file_unreadable(file.display().to_string(), why);
            let problem = Problem::new(Code::MissingFile, message, say::put_there());
            judge.report(path.clone(), problem.at(judge.place(&path), say::at_named()));
        }
    }
}

/// A name that is unknown only because what declares it had to be taken out, or whose ports had to be.
fn is_about_broken(judge: &Judge<'_>, found: &Found) -> bool {
    let Some((written, _)) = &found.meant else { return false };
    let about = |section: &[&str]| judge.is_broken(&Path::of(&[section, &[written]].concat()));
    let declared = about(&["services"]) || about(&["gateway", "upstreams"]) || about(&["gateway", "auth"]);
    let ports = found.kind == ProblemKind::NoServicePort && judge.broken.iter().any(|broken| broken.0[0] == "services");
    declared || ports
}

fn below_gateway(names: &[String]) -> Path {
    Path(std::iter::once("gateway".to_owned()).chain(names.iter().cloned()).collect())
}

fn carry_over(judge: &Judge<'_>, found: &Found, path: &Path) -> Problem {
    let near = found.meant.as_ref().and_then(|(word, known)| nearest(word, known.iter().map(String::as_str)));
    let help = near.map_or_else(|| found.remedy.clone(), say::did_you_mean);
    let place = match found.kind {
        ProblemKind::BadName | ProblemKind::RouteAction | ProblemKind::MissingKey => judge.key_place(path),
        _ => judge.place(path),
    };
    let mut problem = Problem::new(code(found.kind), found.message.clone(), help).at(place, found.label.clone());
    if let Some((names, label)) = &found.also {
        problem = problem.also(judge.place(&below_gateway(names)), label.clone());
    }
    if found.kind.is_warning() { problem.warning() } else { problem }
}

const fn code(kind: ProblemKind) -> Code {
    match kind {
        ProblemKind::BadFormat => Code::BadFormat,
        ProblemKind::OutOfRange => Code::OutOfRange,
        ProblemKind::MissingKey => Code::MissingKey,
        ProblemKind::BadName => Code::BadName,
        ProblemKind::UnknownName => Code::UnknownReference,
        ProblemKind::RouteAction => Code::RouteAction,
        ProblemKind::ShadowedRoute => Code::ShadowedRoute,
        ProblemKind::NoWeight => Code::NoWeight,
        ProblemKind::PublicListener => Code::PublicListener,
        ProblemKind::UpstreamSource => Code::UpstreamSource,
        ProblemKind::NoServicePort => Code::NoServicePort,
        ProblemKind::Conflict => Code::GatewayConflict,
    }
}
