//! Loading: layers to tree, tree to sections, sections to policy; every problem of every step in one answer.
//!
//! Called at start, by `check`, and again at each reload; the caller keeps the last good one. Reads files, and looks whether
//! programs, folders and secrets are there; changes nothing, and never reads the process's own environment.

use crate::check::{self, Judge};
use crate::complete::complete;
use crate::layer;
use crate::place::{Origin, Place};
use crate::problem::{Problem, Problems, Weight};
use crate::say;
use crate::schema;
use crate::section::Document;
use crate::settings::{self, Settings};
use crate::source::Source;
use crate::tree::{Node, Path};
use homeostat_routing::Table;
use homeostat_routing::settings::Gateway;
use homeostat_vocabulary::Policy;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

/// The name of the service that the gateway is, where there is one.
pub const GATEWAY_SERVICE: &str = "gateway";

/// A configuration that passed every check.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The engine's own settings.
    pub settings: Settings,
    /// What the owner allows: the loop's whole configuration.
    pub policy: Policy,
    /// The gateway, if there is to be one.
    pub gateway: Option<GatewayPlan>,
    /// What does not do what one might think.
    pub warnings: Problems,
    pub(crate) document: Document,
    pub(crate) origins: BTreeMap<Path, Origin>,
    files: Vec<PathBuf>,
}

/// What a gateway is started with.
#[derive(Clone, Debug)]
pub struct GatewayPlan {
    /// Its settings; files absolute.
    pub settings: Gateway,
    /// The same, compiled: its [`Table::upstreams`] say where endpoints come from, the instances of which service among them.
    pub table: Table,
}

/// Reads a configuration; either it is good, or everything that is wrong with it is told.
pub fn load(source: &Source) -> Result<Loaded, Problems> {
    let reading = read(source, None);
    let problems = Problems::new(reading.problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let folder = source.folder();
    Ok(Loaded {
        settings: settings::settings(&reading.document),
        policy: settings::policy(&reading.document, &folder),
        gateway: reading.document.gateway.as_ref().and_then(|settings| {
            // What cannot be compiled was refused by the checks.
            Some(GatewayPlan { settings: settings.clone(), table: Table::compile(settings).ok()? })
        }),
        warnings: problems,
        document: reading.document,
        origins: reading.origins,
        files: reading.files,
    })
}

/// Reads only what a client needs to find the engine: `[engine]` and `[api]`. What is wrong elsewhere, or missing on this
/// host, does not matter to `status` or `why`.
pub fn load_settings(source: &Source) -> Result<Settings, Problems> {
    let reading = read(source, None);
    let problems: Vec<Problem> = reading.problems.into_iter().filter(concerns_settings).collect();
    if problems.is_empty() { Ok(settings::settings(&reading.document)) } else { Err(Problems::new(problems)) }
}

/// In an incident `pause` must work while somebody is in the middle of editing the file: a tear counts only when the
/// engine's own settings may lie behind it.
fn concerns_settings(problem: &Problem) -> bool {
    let section = problem.path.0.first().map(String::as_str);
    let behind = |place: &Place| place.text_from_line().contains("engine");
    match problem.code() {
        _ if problem.weight() == Weight::Warning => false,
        crate::Code::Syntax => problem.place.as_ref().is_none_or(behind),
        _ => section.is_none_or(|name| name == "engine" || name == "api"),
    }
}

/// What tells one state of the files from another: a changed or replaced file differs in its time or its size. The default is none
/// that ever was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Loaded {
    /// How its files stand now, whatever was read of them.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let look = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok();
            metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())))
        };
        Stamp(self.files.iter().map(|path| (path.clone(), look(path))).collect())
    }

    /// The files that were read, and the folder in which further ones would be: when one of them changes, load again.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// A short hash of all that is in effect: equal when a reload changed nothing.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let text = match &self.gateway {
            None => serde_json::to_string(&(&self.settings, &self.policy)),
            Some(plan) => serde_json::to_string(&(&self.settings, &self.policy, &plan.settings)),
        };
        let text = text.expect("plain data always has a JSON form");
        Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a text would bring as the file of `source`.
pub fn check_draft(source: &Source, text: &str) -> Problems {
    Problems::new(read(source, Some(text)).problems)
}

struct Reading {
    document: Document,
    origins: BTreeMap<Path, Origin>,
    problems: Vec<Problem>,
    files: Vec<PathBuf>,
}

fn read(source: &Source, draft: Option<&str>) -> Reading {
    let schema = schema::derived();
    let mut layers = layer::read(source, schema, draft);
    let mut shape = check::shape(schema, &mut layers.tree, layers.is_torn);
    let is_sure = |problem: &Problem| problem.place.as_ref().is_none_or(|place| !layers.is_below_tear(place));
    shape.problems.retain(is_sure);
    spread_defaults(&mut layers.tree);
    // The shape check leaves nothing that does not become sections; if it ever did, that is said and not hidden.
    let mut document = serde_json::from_value(layers.tree.to_json()).unwrap_or_else(|_| {
        let problem = Problem::new(crate::Code::WrongType, say::unread_value(), say::please_report());
        shape.problems.push(problem.at(Some(layers.tree.place.clone()), say::at_whole_file()));
        Document::default()
    });
    let folder = source.folder();
    let mut origins = BTreeMap::new();
    collect_origins(&layers.tree, &Path::default(), &mut origins);
    origins.extend(complete(&mut document, &layers.tree, &folder));
    let mut problems = layers.problems;
    problems.append(&mut shape.problems);
    // What a torn file says together cannot be judged: the missing part would be blamed on the rest.
    if !layers.is_torn {
        let tree = &layers.tree;
        let mut judge =
            Judge { document: &document, tree, broken: &shape.broken, source, folder: &folder, problems: Vec::new() };
        judge.run();
        problems.append(&mut judge.problems);
    }
    Reading { document, origins, problems, files: layers.files }
}

/// Lays every service over `[defaults]`; what a service takes from there keeps its place there.
fn spread_defaults(tree: &mut Node) {
    let Some(table) = tree.table_mut() else { return };
    let Some(mut defaults) = table.get("defaults").cloned() else { return };
    let health = defaults.table_mut().and_then(|table| table.remove("health"));
    for service in table.get_mut("services").and_then(Node::table_mut).into_iter().flat_map(|all| all.values_mut()) {
        service.fill_from(&defaults);
        let own = service.table_mut().and_then(|table| table.get_mut("health"));
        if let (Some(own), Some(health)) = (own, &health) {
            own.fill_from(health);
        }
    }
}

fn collect_origins(node: &Node, path: &Path, origins: &mut BTreeMap<Path, Origin>) {
    let mut is_leaf = true;
    for (name, child) in node.entries() {
        is_leaf = false;
        collect_origins(child, &path.join(name), origins);
    }
    if is_leaf {
        origins.insert(path.clone(), Origin::from(&node.place));
    }
}
