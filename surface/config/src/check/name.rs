//! Names: of services, ports, environment variables and of the engine itself.

use super::Judge;
use crate::GATEWAY_SERVICE;
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
use crate::tree::Path;
use homeostat_vocabulary::{Sentence, ServiceName};

/// The longest name of an engine, so that a notice can begin with it.
const ENGINE_NAME_LETTERS_MAX: usize = 63;

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    let name = &document.engine.name;
    if name.trim().is_empty() || name.chars().count() > ENGINE_NAME_LETTERS_MAX || name.contains(char::is_control) {
        let path = Path::of(&["engine", "name"]);
        let problem = Problem::new(Code::BadName, say::engine_name(), say::write_engine_name())
            .at(judge.place(&path), say::at_name());
        judge.report(path, problem);
    }
    for (name, service) in &document.services {
        if name.parse::<ServiceName>().is_err() {
            let message = say::no_service_name(format!("{name:?}"));
            refuse(judge, Path::of_service(name, &[]), message, say::write_service_name());
        }
        if name == GATEWAY_SERVICE && document.gateway.is_some() {
            refuse(judge, Path::of_service(name, &[]), say::gateway_name(), say::call_otherwise());
        }
        for port in service.ports.keys().filter(|port| !is_port_name(port)) {
            let message = say::no_port_name(format!("{port:?}"));
            refuse(judge, Path::of_service(name, &["ports", port]), message, say::write_port_name());
        }
        for variable in service.environment.keys().filter(|name| !is_variable_name(name)) {
            let message = say::no_variable_name(format!("{variable:?}"));
            refuse(judge, Path::of_service(name, &["environment", variable]), message, say::write_variable_name());
        }
    }
}

fn refuse(judge: &mut Judge<'_>, path: Path, message: Sentence, help: Sentence) {
    let place = judge.key_place(&path);
    judge.report(path, Problem::new(Code::BadName, message, help).at(place, say::at_name()));
}

fn is_port_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    name != "port" && !name.is_empty() && name.len() <= 63 && name.bytes().all(plain)
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
