//! A folder with a configuration in it, as tests need it.

use homeostat_config::{Loaded, Look, Problems, Source, load};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A folder with files, an environment and flags; the folder goes when this goes.
pub struct Place {
    folder: tempfile::TempDir,
    pub environment: Vec<(String, String)>,
    pub overrides: Vec<String>,
}

impl Place {
    /// A folder in which `homeostat.toml` says `text`, with a program `server` and a secret to refer to.
    pub fn with(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let environment = vec![
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("DB_PASSWORD".to_owned(), "in the environment".to_owned()),
        ];
        let place = Self { folder, environment, overrides: Vec::new() };
        let place = place.file("homeostat.toml", text).file("server", "#!/bin/sh\n").file("secrets/token", "in a file");
        let program = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(place.folder().join("server"), program).unwrap();
        place
    }

    /// A further file.
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// A further environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A further flag.
    pub fn flag(mut self, text: &str) -> Self {
        self.overrides.push(text.to_owned());
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn source(&self) -> Source {
        Source {
            path: Some(self.folder.path().join("homeostat.toml")),
            environment: self.environment.clone(),
            overrides: self.overrides.clone(),
        }
    }

    pub fn load(&self) -> Result<Loaded, Problems> {
        load(&self.source())
    }

    /// The problems, if it fails, or the warnings, if not.
    pub fn problems(&self) -> Problems {
        match self.load() {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        }
    }

    /// What loading it says, drawn without colours; the folder's name is taken out.
    pub fn says(&self) -> String {
        // Wide, so that the length of the folder's name changes no line break.
        self.without_folder(&self.problems().render(Look { width: 400, ..Look::PLAIN }))
    }

    pub fn without_folder(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        text.replace(&format!("{folder}/"), "").replace(&folder, "FOLDER")
    }

    /// The codes of the problems.
    pub fn codes(&self) -> Vec<&'static str> {
        self.problems().iter().map(|problem| problem.code().as_str()).collect()
    }
}
