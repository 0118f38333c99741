//! Names: of services, ports, environment variables and of the engine itself.

use super::Judge;
use crate::GATEWAY_SERVICE;
use crate::code::Code;
use crate::problem::Problem;
use crate::tree::Path;
use homeostat_vocabulary::ServiceName;

/// The longest name of an engine, so that a notice can begin with it.
const ENGINE_NAME_LETTERS_MAX: usize = 63;

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    let name = &document.engine.name;
    if name.trim().is_empty() || name.chars().count() > ENGINE_NAME_LETTERS_MAX || name.contains(char::is_control) {
        let path = Path::of(&["engine", "name"]);
        let problem =
            Problem::new(Code::BadName, "the engine's name cannot be used", "write 1 to 63 printable letters")
                .at(judge.place(&path), "this name");
        judge.report(path, problem);
    }
    for (name, service) in &document.services {
        if name.parse::<ServiceName>().is_err() {
            let help = "use lower-case letters, digits and hyphens, first a letter, 63 at most, as in \"web-api\"";
            refuse(judge, Path::of_service(name, &[]), &format!("{name:?} cannot name a service"), help);
        }
        if name == GATEWAY_SERVICE && document.gateway.is_some() {
            let help = "call it something else: this is the name of the gateway that [gateway] declares";
            refuse(judge, Path::of_service(name, &[]), "a service cannot be called `gateway` beside a [gateway]", help);
        }
        for port in service.ports.keys().filter(|port| !is_port_name(port)) {
            let help =
                "use lower-case letters, digits, hyphens and underscores; `port` itself stands outside of `ports`";
            refuse(
                judge,
                Path::of_service(name, &["ports", port]),
                &format!("{port:?} cannot name a further port"),
                help,
            );
        }
        for variable in service.environment.keys().filter(|name| !is_variable_name(name)) {
            let help = "a variable's name is not empty and holds no equals sign";
            let message = format!("{variable:?} cannot name an environment variable");
            refuse(judge, Path::of_service(name, &["environment", variable]), &message, help);
        }
    }
}

fn refuse(judge: &mut Judge<'_>, path: Path, message: &str, help: &str) {
    let place = judge.key_place(&path);
    judge.report(path, Problem::new(Code::BadName, message, help).at(place, "this name"));
}

fn is_port_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    name != "port" && !name.is_empty() && name.len() <= 63 && name.bytes().all(plain)
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
