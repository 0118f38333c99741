//! The environment of a service: little of the engine's, what was declared, and who it is.
//!
//! Called at each start. Always holds: of the engine's own variables only [`INHERITED`] and the locale go in, so neither its
//! settings (`HOMEOSTAT__…`) nor secrets meant for another service leak. Secrets are read anew at each start and live in
//! memory only.

use crate::error::ProcessError;
use crate::identity::MARK;
use crate::placeholder::Placeholders;
use homeostat_vocabulary::{EnvironmentValue, SecretReference, Service};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// What a program needs to find its way around a host, and no more.
pub const INHERITED: [&str; 8] = ["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"];

/// Variables that begin so make up the locale, and are inherited too.
const INHERITED_PREFIX: &str = "LC_";

/// A secret longer than this is surely the wrong file; the kernel takes no longer variable either (128 KiB).
const SECRET_BYTES_MAX: u64 = 128 << 10;

/// The whole environment of one life. Declared variables win over inherited ones; who it is cannot be overridden.
pub fn of(
    service: &Service,
    placeholders: &Placeholders<'_>,
    run_folder: &Path,
) -> Result<BTreeMap<String, String>, ProcessError> {
    let instance = placeholders.instance;
    let mut environment: BTreeMap<String, String> = std::env::vars_os().filter_map(inherited).collect();
    for (name, value) in &service.environment {
        let value = match value {
            EnvironmentValue::Plain(text) => placeholders
                .fill(text)
                .map_err(|unknown| ProcessError::UnknownPort { instance: instance.clone(), port: unknown.0 })?,
            EnvironmentValue::Secret(reference) => resolve(reference).map_err(|reason| ProcessError::Secret {
                instance: instance.clone(),
                variable: name.clone(),
                reference: reference.to_string(),
                reason,
            })?,
        };
        environment.insert(name.clone(), value);
    }
    environment.insert("HOMEOSTAT_SERVICE".to_owned(), instance.service.to_string());
    environment.insert("HOMEOSTAT_INSTANCE".to_owned(), instance.to_string());
    environment.insert("HOMEOSTAT_RUN".to_owned(), placeholders.run.to_string());
    environment.insert(MARK.to_owned(), run_folder.to_string_lossy().into_owned());
    Ok(environment)
}

fn inherited((name, value): (OsString, OsString)) -> Option<(String, String)> {
    let name = name.into_string().ok()?;
    let wanted = INHERITED.contains(&name.as_str()) || name.starts_with(INHERITED_PREFIX);
    wanted.then(|| value.into_string().ok().map(|value| (name, value)))?
}

fn resolve(reference: &SecretReference) -> Result<String, String> {
    match reference {
        SecretReference::Environment(name) => std::env::var(name)
            .map_err(|_| "the engine's environment has no such variable, or it is no UTF-8".to_owned()),
        SecretReference::File(path) => {
            let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
            if length > SECRET_BYTES_MAX {
                return Err(format!("the file has {length} bytes, more than a variable can hold"));
            }
            let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
            let text = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).unwrap_or(&text);
            Ok(text.to_owned())
        }
    }
}
