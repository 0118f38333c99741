//! What a configuration is read from: a file, an environment that is passed in, and flags.
//!
//! Nothing here reads the process's own environment, so that a reading can be repeated and tested.

use crate::code::Code;
use crate::problem::{Problem, Problems};
use crate::say;
use std::path::{Path, PathBuf};

/// The file's name in each place where it is looked for.
pub const FILE_NAME: &str = "homeostat.toml";

/// What a configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The file; without one, only defaults, variables and flags count.
    pub path: Option<PathBuf>,
    /// The environment: variables that override, the `PATH` in which programs are searched, and the secrets kept there.
    pub environment: Vec<(String, String)>,
    /// The values of the flags `--set`, each `section.key=value`.
    pub overrides: Vec<String>,
}

impl Source {
    /// The value of an environment variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The folder where relative paths begin: the file's.
    pub(crate) fn folder(&self) -> PathBuf {
        let folder = self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        // `/a/./b` is right and reads badly in `config show`.
        absolute.components().collect()
    }
}

/// Where a file is looked for, in this order: here, in the user's configuration, in the machine's.
#[must_use]
pub fn places(environment: &[(String, String)]) -> Vec<PathBuf> {
    let variable = |name: &str| environment.iter().find(|(known, value)| known == name && !value.is_empty());
    let user = variable("XDG_CONFIG_HOME").map(|(_, folder)| PathBuf::from(folder));
    let user = user.or_else(|| variable("HOME").map(|(_, home)| Path::new(home).join(".config")));
    let user = user.map(|folder| folder.join("homeostat").join(FILE_NAME));
    let machine = Path::new("/etc/homeostat").join(FILE_NAME);
    [Some(PathBuf::from(FILE_NAME)), user, Some(machine)].into_iter().flatten().collect()
}

/// The first of [`places`] at which a file exists.
pub fn locate(environment: &[(String, String)]) -> Result<PathBuf, Problems> {
    let places = places(environment);
    if let Some(found) = places.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let searched: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
    let message = say::no_file(FILE_NAME, searched.join(", "));
    Err(Problems::new(vec![Problem::new(Code::Unreadable, message, say::write_or_name_file())]))
}
