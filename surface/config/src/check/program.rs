//! Programs and folders: whether they are there, searched where the process driver will search them.

use super::Judge;
use crate::code::Code;
use crate::problem::Problem;
use crate::say;
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
            let message = say::no_folder(folder.display().to_string());
            let problem = Problem::new(Code::MissingFolder, message, say::create_or_correct());
            let place = judge.place(&folder_path);
            judge.report(folder_path.clone(), problem.at(place, say::at_no_folder()));
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
            let file = file.display().to_string();
            (say::not_executable(&file), say::make_executable(&file))
        }
        None if program.starts_with("~/") => (say::no_program(format!("`{program}`")), say::no_tilde()),
        None if has_folder => (say::no_program(candidates[0].display().to_string()), say::build_or_correct()),
        None if folder.join(program).is_file() => (say::not_in_path(program), say::in_working_folder(program)),
        None => (say::not_in_path(program), say::install()),
    };
    let place = program_place(judge, path);
    judge.report(path.clone(), Problem::new(Code::MissingProgram, message, help).at(place, say::at_program()));
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
        let problem = Problem::new(Code::ShellSyntax, say::shell_syntax(path.to_string(), word), say::no_shell());
        judge.report(path.clone(), problem.warning().at(place, say::at_passed_on()));
    }
}
