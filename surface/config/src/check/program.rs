//! Programs and folders: whether they are there, searched where the process driver will search them.

use super::Judge;
use crate::code::Code;
use crate::problem::Problem;
use crate::section::Service;
use crate::tree::Path;
use crate::words;
use homeostat_vocabulary::EnvironmentValue;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path as FilePath, PathBuf};

/// Where programs are searched when nobody says: what the C library takes.
const PATH_DEFAULT: &str = "/bin:/usr/bin";

pub fn check(judge: &mut Judge<'_>) {
    let document = judge.document;
    for (name, service) in &document.services {
        let folder = judge.folder.join(service.working_folder.as_deref().unwrap_or_default());
        let folder_path = Path::of_service(name, &["working_folder"]);
        if !folder.is_dir() {
            let message = format!("the working folder {} does not exist", folder.display());
            let problem = Problem::new(Code::MissingFolder, message, "create it, or correct the path");
            let place = judge.place(&folder_path);
            judge.report(folder_path.clone(), problem.at(place, "no such folder"));
        }
        let probe = service.health.as_ref().and_then(|health| health.exec.as_ref());
        let commands = [(Path::of_service(name, &["command"]), service.command.as_ref())];
        for (path, command) in commands.into_iter().chain([(Path::of_service(name, &["health", "exec"]), probe)]) {
            let Some(command) = command else { continue };
            check_program(judge, service, &folder, &path, &command.0[0]);
            check_shell_syntax(judge, &path, &command.0);
        }
    }
}

fn check_program(judge: &mut Judge<'_>, service: &Service, folder: &FilePath, path: &Path, program: &str) {
    // A placeholder can name another program for each instance; that is seen at the start.
    if program.contains('{') || judge.is_broken(path) {
        return;
    }
    let has_folder = program.contains('/');
    let candidates: Vec<PathBuf> = if has_folder {
        vec![folder.join(program)]
    } else {
        std::env::split_paths(&search_path(judge, service)).map(|entry| folder.join(entry).join(program)).collect()
    };
    if candidates.iter().any(|file| is_runnable(file)) || (has_folder && !folder.is_dir()) {
        return;
    }
    let found = candidates.iter().find(|file| file.is_file());
    let (message, help) = match found {
        Some(file) => {
            let help = format!("make it executable: chmod +x {}", file.display());
            (format!("the program {} cannot be executed", file.display()), help)
        }
        None if program.starts_with("~/") => {
            let help = "there is no shell that would expand ~; write the whole path".to_owned();
            (format!("the program `{program}` does not exist"), help)
        }
        None if has_folder => {
            let help = "build it, or correct the path".to_owned();
            (format!("the program {} does not exist", candidates[0].display()), help)
        }
        None if folder.join(program).is_file() => {
            let help = format!("it stands in the working folder: write ./{program}");
            (format!("the program `{program}` is not in PATH"), help)
        }
        None => {
            let help = "install it, or write its whole path".to_owned();
            (format!("the program `{program}` is not in PATH"), help)
        }
    };
    let place = program_place(judge, path);
    judge.report(path.clone(), Problem::new(Code::MissingProgram, message, help).at(place, "this program"));
}

/// The service's own PATH if it is given one, or else the engine's.
fn search_path(judge: &Judge<'_>, service: &Service) -> String {
    let own = service.environment.get("PATH").map(crate::section::PlainOrReference::resolve);
    match own {
        Some(EnvironmentValue::Plain(path)) => path,
        _ => judge.source.variable("PATH").unwrap_or(PATH_DEFAULT).to_owned(),
    }
}

fn is_runnable(file: &FilePath) -> bool {
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Of a list only the first word is underlined.
fn program_place(judge: &Judge<'_>, path: &Path) -> Option<crate::place::Place> {
    let first = judge.tree.at(&path.join("0")).map(|node| node.place.clone());
    first.or_else(|| judge.place(path))
}

/// Only a command written as one text can have been meant for a shell.
fn check_shell_syntax(judge: &mut Judge<'_>, path: &Path, command: &[String]) {
    let Some(node) = judge.tree.at(path).filter(|node| node.text().is_some()) else { return };
    let place = Some(node.place.clone());
    if let Some(word) = words::shell_syntax(command) {
        // The word may be an assignment with a secret in it; only its beginning is quoted.
        let word = word.split_inclusive('=').next().unwrap_or_default();
        let message = format!("`{path}` holds `{word}`, which only a shell would understand");
        let help = "there is no shell: write [\"sh\", \"-c\", \"...\"], and variables under environment";
        judge.report(
            path.clone(),
            Problem::new(Code::ShellSyntax, message, help).warning().at(place, "passed on as it is"),
        );
    }
}
