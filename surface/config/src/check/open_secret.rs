//! Secrets: none may stand in the open, and each reference must lead to one.

use super::{Judge, placeholder_texts};
use crate::code::Code;
use crate::problem::Problem;
use crate::secret::{can_be_secret, looks_secret, password_in_address, secret_flag};
use crate::section::PlainOrReference;
use crate::tree::Path;
use homeostat_vocabulary::{EnvironmentValue, SecretReference};

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
                refuse(judge, path, "an address with a password stands in the open");
            }
        }
        let exec = service.health.as_ref().and_then(|health| health.exec.as_ref());
        for (key, command) in [(["command"].as_slice(), service.command.as_ref()), (&["health", "exec"], exec)] {
            if let Some(flag) = command.and_then(|command| secret_flag(&command.0)) {
                let message =
                    format!("the flag --{flag} is given a secret in the open, which every user of the machine can see");
                refuse(judge, Path::of_service(name, key), &message);
            }
        }
    }
}

fn check_plain(judge: &mut Judge<'_>, path: Path, variable: &str, value: &PlainOrReference, text: &str) {
    if value.is_declared_plain() {
        return;
    }
    if password_in_address(text).is_some() {
        refuse(judge, path, &format!("`{variable}` holds an address with a password in the open"));
    } else if looks_secret(variable) && can_be_secret(text) {
        refuse(judge, path, &format!("`{variable}` looks like a secret, and stands in the open"));
    }
}

fn refuse(judge: &mut Judge<'_>, path: Path, message: &str) {
    let variable = path.0.last().filter(|_| path.0.len() == 4).map_or("NAME", String::as_str);
    let help = format!(
        "refer to it: \"env:{variable}\" for a variable of the engine, \"file:PATH\" for a file; \
         if it is no secret, write plain: before it"
    );
    let in_command = path.0.iter().any(|name| name == "command" || name == "exec" || name == "http" || name == "tcp");
    let help = if in_command {
        "hand it over as an environment variable: environment = { NAME = \"env:NAME\" }".to_owned()
    } else {
        help
    };
    let place = judge.place(&path);
    judge.report(path, Problem::new(Code::OpenSecret, message, help).at(place, "not shown"));
}

fn check_reference(judge: &mut Judge<'_>, path: Path, reference: &SecretReference) {
    let (message, help) = match reference {
        SecretReference::Environment(name) if name.is_empty() => {
            ("the reference env: names no variable".to_owned(), "write \"env:NAME\"".to_owned())
        }
        SecretReference::Environment(name) => {
            if judge.source.variable(name).is_some() {
                return;
            }
            let help = format!("set {name} where the engine is started");
            (format!("the environment variable {name} is not set, in which a secret should be"), help)
        }
        SecretReference::File(file) => {
            let file = judge.folder.join(file);
            // Looked at before it is opened: opening a pipe would wait for somebody to write.
            let reason = match std::fs::metadata(&file) {
                Ok(found) if !found.is_file() => "it is no file".to_owned(),
                Ok(_) => match std::fs::File::open(&file) {
                    Ok(_) => return,
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            let help = "create it, make it readable to the engine, or correct the path".to_owned();
            (format!("the secret cannot be read from {}: {reason}", file.display()), help)
        }
    };
    let place = judge.place(&path);
    judge.report(path, Problem::new(Code::UnresolvedSecret, message, help).at(place, "this reference"));
}
