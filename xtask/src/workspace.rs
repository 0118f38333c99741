//! What cargo knows of the workspace, and the text of its files: the facts that every tidy rule judges.
//!
//! Called by the commands once each; rules only read. A [`Tree`] holds everything in memory, so a test can make one up and a
//! rule can never touch the disk. It must never write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// Folders that hold no text of ours: build output, version control, foreign packages.
const SKIPPED_FOLDERS: [&str; 5] = [".git", ".homeostat", "dist", "node_modules", "target"];
/// In a second working tree of git this is a file, with the path of the first.
const WORKTREE_LINK: &str = ".git";
/// Larger files are data, not prose or code; reading them would only slow the checks.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Deeper than any folder of ours; a link that points back at its parent stops here.
const DEPTH_MAX: usize = 16;

/// The part of `cargo metadata` that the rules read.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Metadata {
    /// Every crate in the graph, ours and foreign.
    pub packages: Vec<Package>,
    /// The package ids that are ours.
    pub workspace_members: Vec<String>,
    /// Who really uses whom, features resolved.
    pub resolve: Resolve,
    /// The folder that holds the root manifest.
    pub workspace_root: String,
}

/// One crate.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Package {
    /// Cargo's id, unique in the graph.
    pub id: String,
    /// The crate's name as its manifest spells it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence expression (SPDX), when it declares one.
    pub license: Option<String>,
    /// Where it was taken from; nothing for our own.
    pub source: Option<String>,
    /// Its manifest's absolute path.
    pub manifest_path: String,
    /// What its manifest asks for.
    pub dependencies: Vec<Declared>,
}

/// A dependency as a manifest declares it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Declared {
    /// The crate asked for.
    pub name: String,
    /// `dev`, `build`, or nothing for a normal one.
    pub kind: Option<String>,
}

/// The resolved graph.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Resolve {
    /// One node a crate.
    pub nodes: Vec<Node>,
}

/// A crate in the resolved graph.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Node {
    /// The crate's id.
    pub id: String,
    /// What it links.
    pub deps: Vec<Edge>,
    /// The features it is built with.
    #[serde(default)]
    pub features: Vec<String>,
}

/// One edge of the resolved graph.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Edge {
    /// The id of the crate used.
    pub pkg: String,
    /// For what it is used.
    pub dep_kinds: Vec<EdgeKind>,
}

/// Why an edge exists.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EdgeKind {
    /// `dev`, `build`, or nothing for a normal one.
    pub kind: Option<String>,
}

/// The whole workspace as the rules see it.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// What cargo says.
    pub metadata: Metadata,
    /// Text of every file, by its path from the root with forward slashes.
    pub files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the workspace whose root is `root`.
    pub fn load(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        read_folder(root, root, 0, &mut files)?;
        Ok(Self { metadata: Metadata::load(root)?, files })
    }

    /// Our own crates with the folder of each, in the order of their folders.
    pub fn members(&self) -> Vec<Member<'_>> {
        let root = format!("{}/", self.metadata.workspace_root);
        let mut members: Vec<Member<'_>> = self
            .metadata
            .packages
            .iter()
            .filter(|package| self.metadata.workspace_members.contains(&package.id))
            .filter_map(|package| {
                let manifest = package.manifest_path.strip_prefix(&root)?;
                Some(Member { package, manifest, folder: manifest.strip_suffix("/Cargo.toml")? })
            })
            .collect();
        members.sort_by_key(|member| member.folder);
        members
    }

    /// The Rust files below a folder, with their text.
    pub fn rust_files<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(&prefix) && path.ends_with(".rs"))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of a file, empty when there is none.
    pub fn text(&self, path: &str) -> &str {
        self.files.get(path).map_or("", String::as_str)
    }
}

/// One of our own crates.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// What cargo says of it.
    pub package: &'a Package,
    /// Its manifest, from the root.
    pub manifest: &'a str,
    /// Its folder, from the root.
    pub folder: &'a str,
}

impl Metadata {
    /// Asks cargo, without letting it change the lock file; only for the platform that we are built on, so that a machine
    /// that has built the workspace once can ask again with no network.
    pub fn load(root: &Path) -> Result<Self> {
        let platform = host_platform()?;
        let output = Command::new(cargo())
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &platform])
            .current_dir(root)
            .output()
            .context("cannot run cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata failed in {}:\n{}",
                root.display(),
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        serde_json::from_slice(&output.stdout).context("cargo metadata answered something else than expected")
    }
}

/// The cargo that runs us, or the one on the path.
pub fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The root of the workspace that this xtask was built from, wherever it is called from.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in a folder of the workspace").to_path_buf()
}

/// Our crates by name; none when cargo cannot say, which whatever is built next then tells better.
pub fn member_names(root: &Path) -> Vec<String> {
    let Ok(metadata) = Metadata::load(root) else { return Vec::new() };
    let ours = metadata.packages.into_iter().filter(|package| metadata.workspace_members.contains(&package.id));
    ours.map(|package| package.name).collect()
}

fn host_platform() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .context("rustc -vV names no host")
}

fn read_folder(root: &Path, folder: &Path, depth: usize, files: &mut BTreeMap<String, String>) -> Result<()> {
    if depth > DEPTH_MAX {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let kind = entry.file_type()?;
        let name = entry.file_name();
        let path = entry.path();
        if kind.is_dir() {
            if !SKIPPED_FOLDERS.iter().any(|skipped| name == *skipped) {
                read_folder(root, &path, depth + 1, files)?;
            }
        } else if kind.is_file() && name != WORKTREE_LINK && entry.metadata()?.len() <= TEXT_BYTES_MAX {
            // What is not UTF-8 is not text, and no rule has a say in it.
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let relative = path.strip_prefix(root).expect("the walk stays below its root");
            files.insert(relative.to_string_lossy().replace('\\', "/"), text);
        }
    }
    Ok(())
}
