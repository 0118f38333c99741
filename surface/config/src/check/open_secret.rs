//! Secrets: none may stand in the open, and each reference must lead to one.

use super::{Judge, placeholder_texts};
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
use crate::secret::{can_be_secret, looks_secret, password_in_address, secret_flag};
use crate::section::PlainOrReference;
use crate::tree::Path;
use homeostat_vocabulary::sentence::Argument;
use homeostat_vocabulary::{EnvironmentValue, SecretReference, Sentence};

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    for (name, service) in &document.services {
        for (variable, value) in &service.environment {
            let path = Path::of_service(name, &["environment", variable]);
            match value.resolve() {
                EnvironmentValue::Plain(text) => check_plain(judge, path, variable, value, &text),
                EnvironmentValue::Secret(reference) => check_reference(judge, path, &reference),
            }
        }
        for (path, text) in placeholder_texts(name, service) {
            let in_environment = path.0.get(2).is_some_and(|key| key == "environment");
            if !in_environment && password_in_address(&text).is_some() {
                refuse(judge, path, say::open_password());
            }
        }
        let exec = service.health.as_ref().and_then(|health| health.exec.as_ref());
        for (key, command) in [(["command"].as_slice(), service.command.as_ref()), (&["health", "exec"], exec)] {
            if let Some(flag) = command.and_then(|command| secret_flag(&command.0)) {
                refuse(judge, Path::of_service(name, key), say::open_flag(flag));
            }
        }
    }
}

fn check_plain(judge: &mut Judge<'_>, path: Path, variable: &str, value: &PlainOrReference, text: &str) {
    if value.is_declared_plain() {
        return;
    }
    if password_in_address(text).is_some() {
        refuse(judge, path, say::open_address(variable));
    } else if looks_secret(variable) && can_be_secret(text) {
        refuse(judge, path, say::open_secret(variable));
    }
}

fn refuse(judge: &mut Judge<'_>, path: Path, message: Sentence) {
    let variable = path.0.last().filter(|_| path.0.len() == 4).map_or("NAME", String::as_str);
    let in_command = path.0.iter().any(|name| name == "command" || name == "exec" || name == "http" || name == "tcp");
    let help = if in_command { say::hand_over() } else { say::refer_to_it(variable) };
    let place = judge.place(&path);
    judge.report(path, Problem::new(Code::OpenSecret, message, help).at(place, say::at_hidden()));
}

fn check_reference(judge: &mut Judge<'_>, path: Path, reference: &SecretReference) {
    let (message, help) = match reference {
        SecretReference::Environment(name) if name.is_empty() => (say::reference_nameless(), say::write_reference()),
        SecretReference::Environment(name) => {
            if judge.source.variable(name).is_some() {
                return;
            }
            (say::variable_unset(name), say::set_variable(name))
        }
        SecretReference::File(file) => {
            let file = judge.folder.join(file);
            // Looked at before it is opened: opening a pipe would wait for somebody to write.
            let reason: Argument = match std::fs::metadata(&file) {
                Ok(found) if !found.is_file() => say::is_no_file().into(),
                Ok(_) => match std::fs::File::open(&file) {
                    Ok(_) => return,
                    Err(error) => error.to_string().into(),
                },
                Err(error) => error.to_string().into(),
            };
            (say::secret_unreadable(file.display().to_string(), reason), say::create_secret())
        }
    };
    let place = judge.place(&path);
    judge.report(path, Problem::new(Code::UnresolvedSecret, message, help).at(place, say::at_reference()));
}
