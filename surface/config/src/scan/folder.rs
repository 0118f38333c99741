//! What a folder says about the programs that run from it: a Procfile, the start script of a package.json, the binaries of a
//! Cargo.toml.

use crate::words;
use std::collections::BTreeSet;
use std::path::Path;

/// More programs than this are left to the reader of the Procfile.
const CANDIDATES_MAX: usize = 20;
/// Larger files are not what they are named after.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A program that could be a service.
pub struct Candidate {
    /// A name that fits a service.
    pub name: String,
    /// How it is started.
    pub command: Vec<String>,
    /// Whether it is told its port in the variable PORT.
    pub takes_port: bool,
    /// Where it was found.
    pub found_in: &'static str,
}

/// All programs that a folder declares; a Procfile says it best, so the others count only without one.
pub fn candidates(folder: &Path) -> Vec<Candidate> {
    let text = |name: &str| {
        let path = folder.join(name);
        let small = std::fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= FILE_BYTES_MAX);
        if small { std::fs::read_to_string(path).ok() } else { None }
    };
    let mut found = text("Procfile").map(|text| procfile(&text)).unwrap_or_default();
    if found.is_empty() {
        found.extend(text("package.json").and_then(|text| package_json(&text)));
        found.extend(text("Cargo.toml").map(|text| cargo_toml(&text, folder)).unwrap_or_default());
    }
    let mut names = BTreeSet::new();
    found.retain(|candidate| names.insert(candidate.name.clone()));
    found.truncate(CANDIDATES_MAX);
    found
}

fn procfile(text: &str) -> Vec<Candidate> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let entries = lines.filter_map(|line| line.split_once(':'));
    let entries = entries.map(|(name, command)| (name.trim(), command.trim()));
    // `release` is run once at each release; it is no service.
    let services = entries.filter(|(name, command)| *name != "release" && !command.is_empty());
    services
        .filter_map(|(name, command)| {
            // With exec the shell becomes the program, and signals reach it; several commands need the shell to stay.
            let is_one = !command.contains(['|', '&', ';', '<', '>', '(', '=', '\n']);
            let script = if is_one { format!("exec {command}") } else { command.to_owned() };
            let in_shell = || vec!["sh".to_owned(), "-c".to_owned(), script.clone()];
            let words = match words::split(command) {
                Ok(words) if words::shell_syntax(&words).is_none() && !command.contains(['$', '*', '~']) => words,
                _ => in_shell(),
            };
            let takes_port = name == "web" || command.contains("$PORT") || command.contains("${PORT");
            Some(Candidate { name: service_name(name)?, command: words, takes_port, found_in: "Procfile" })
        })
        .collect()
}

fn package_json(text: &str) -> Option<Candidate> {
    let package: serde_json::Value = serde_json::from_str(text).ok()?;
    package.get("scripts")?.get("start")?.as_str()?;
    let name = package.get("name").and_then(serde_json::Value::as_str).and_then(service_name);
    Some(Candidate {
        name: name.unwrap_or_else(|| "web".to_owned()),
        command: vec!["npm".to_owned(), "start".to_owned()],
        takes_port: true,
        found_in: "package.json",
    })
}

fn cargo_toml(text: &str, folder: &Path) -> Vec<Candidate> {
    let Ok(manifest) = toml::de::DeTable::parse(text) else { return Vec::new() };
    let manifest = manifest.get_ref();
    let package = manifest.get("package").and_then(|package| package.get_ref().get("name")?.get_ref().as_str());
    let own = package.filter(|_| folder.join("src/main.rs").is_file());
    let declared = manifest.get("bin").and_then(|bins| bins.get_ref().as_array()).into_iter().flatten();
    let declared = declared.filter_map(|bin| bin.get_ref().get("name")?.get_ref().as_str());
    let programs: BTreeSet<&str> = own.into_iter().chain(declared).collect();
    let candidate = |program: &&str| {
        let command = vec![format!("./target/release/{program}")];
        Some(Candidate { name: service_name(program)?, command, takes_port: false, found_in: "Cargo.toml" })
    };
    programs.iter().filter_map(candidate).collect()
}

/// The nearest text that can name a service.
fn service_name(text: &str) -> Option<String> {
    // A scope such as `@shop/` is the publisher's name, not the program's.
    let text = text.rsplit('/').next().unwrap_or_default().to_lowercase();
    let name: String = text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let name = name.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let name = name.trim_start_matches(|letter: char| !letter.is_ascii_lowercase());
    let name = name.get(..name.len().min(63)).unwrap_or_default();
    (!name.is_empty()).then(|| name.to_owned())
}
