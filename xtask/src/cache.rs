//! The build cache: one folder outside every clone, so that a fresh clone builds warm, for people and for CI alike.
//!
//! Called by every chore that builds. Clones take turns by a lock on the folder. Cargo tells fresh from stale by the clock, not by
//! content, and names what it builds by the path inside the workspace: what one clone has built can look fresh to another with
//! other sources. So a stamp remembers whose build lies there, and when a different clone comes, our own crates are forgotten
//! and built anew; the foreign ones, which are most of the time, stay.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{Code, Trouble};

/// The lock, in the cache folder; its content is the stamp of the clone that built last.
const LOCK_FILE: &str = "homeostat-turn.lock";
/// Longer than any path; a stamp beyond it is not ours.
const STAMP_BYTES_MAX: u64 = 8192;

/// The cache, ours until dropped.
#[derive(Debug)]
pub struct Cache {
    target: PathBuf,
    _turn: File,
}

impl Cache {
    /// Waits for our turn and makes the cache right for the clone at `root`, whose own crates are `members`.
    pub fn take(root: &Path, target: PathBuf, members: &[String]) -> Result<Self> {
        let refused = |what: String| {
            let remedy = "set HOMEOSTAT_CACHE to a folder that you may write to";
            Trouble::new(Code::Cache, what, remedy)
        };
        fs::create_dir_all(&target).map_err(|error| refused(format!("cannot create {}: {error}", target.display())))?;
        let path = target.join(LOCK_FILE);
        let mut turn = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| refused(format!("cannot open {}: {error}", path.display())))?;
        wait_for_turn(&turn, &target).map_err(|error| refused(format!("cannot lock {}: {error}", path.display())))?;
        let stamp = stamp_of(root)?;
        let mut last = String::new();
        (&mut turn).take(STAMP_BYTES_MAX).read_to_string(&mut last).context("cannot read the stamp of the cache")?;
        if last != stamp {
            forget_members(&target, members)?;
            turn.seek(SeekFrom::Start(0))?;
            turn.set_len(0)?;
            turn.write_all(stamp.as_bytes()).context("cannot write the stamp of the cache")?;
        }
        Ok(Self { target, _turn: turn })
    }

    /// The folder that cargo builds into.
    pub fn target(&self) -> &Path {
        &self.target
    }
}

/// Where the cache lies: what cargo was told, else what we were told, else the user's cache folder.
pub fn target_folder(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(target) = set("CARGO_TARGET_DIR") {
        return Ok(target);
    }
    let base = set("HOMEOSTAT_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("homeostat")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/homeostat")))
        .ok_or_else(|| {
            let what = "no folder for the build cache: neither HOMEOSTAT_CACHE, XDG_CACHE_HOME nor HOME is set";
            Trouble::new(Code::Cache, what, "set HOMEOSTAT_CACHE to a folder that you may write to")
        })?;
    Ok(base.join("target"))
}

fn wait_for_turn(turn: &File, target: &Path) -> Result<(), Errno> {
    match flock(turn, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            println!("another run uses {}; waiting for its end", target.display());
            flock(turn, FlockOperation::LockExclusive)
        }
        other => other,
    }
}

/// The clone's path, and its folder's number: a new clone in an old place is a different one.
fn stamp_of(root: &Path) -> Result<String> {
    let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
    let folder = fs::metadata(&root).with_context(|| format!("cannot read {}", root.display()))?;
    Ok(format!("{} {}:{}\n", root.display(), folder.dev(), folder.ino()))
}

/// Takes away cargo's notes on our own crates, in every profile, so that it builds them from this clone's sources.
fn forget_members(target: &Path, members: &[String]) -> Result<()> {
    for profile in folders_in(target)? {
        for note in folders_in(&profile.join(".fingerprint"))? {
            let name = note.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // Cargo writes NAME-HASH; a name may have hyphens, the hash has none.
            let ours = name.rsplit_once('-').is_some_and(|(package, _)| members.iter().any(|member| member == package));
            if ours {
                fs::remove_dir_all(&note).with_context(|| format!("cannot remove {}", note.display()))?;
            }
        }
    }
    Ok(())
}

fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {}", folder.display())),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    Ok(folders)
}
