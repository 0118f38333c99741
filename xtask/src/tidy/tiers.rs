//! Arrows point down only: the tier law over the edges between our own crates.
//!
//! The order is bin -> surface, proving -> plane, drivers -> loop -> engine. A crate may use any tier below its own. An edge inside
//! a tier must stand in [`LISTED_EDGES`] with its decision record; the loop has stricter rules of its own. Dev-dependencies obey
//! too: a test that reaches up ties the crate to what it must not know.

use crate::workspace::{Member, Tree};

use super::finding::{Finding, line_of_dependency};

const RULE: &str = "tiers";

/// An edge inside one tier that a decision record allows.
#[derive(Debug, Clone, Copy)]
pub struct ListedEdge {
    /// The folder of the crate that uses.
    pub from: &'static str,
    /// The folder of the crate used.
    pub to: &'static str,
    /// The decision record, from the root.
    pub record: &'static str,
}

const fn edge(from: &'static str, to: &'static str, record: &'static str) -> ListedEdge {
    ListedEdge { from, to, record }
}

const ADAPTERS_RECORD: &str = "docs/adr/0008-adapters-stand-beside-the-reactor.md";

const CACHE_RECORD: &str = "docs/adr/0014-the-cache-takes-time-and-chance-from-its-neighbours.md";
const PLANE_RECORD: &str = "docs/adr/0013-the-plane-is-cut-into-wire-routing-edge-and-gateway.md";

const SURFACE_RECORD: &str = "docs/adr/0002-surface-shares-config-and-story.md";

/// Every edge inside a tier. A new one needs a record, and a record whose edge is gone leaves the list.
pub const LISTED_EDGES: [ListedEdge; 16] = [
    edge("surface/api", "surface/story", SURFACE_RECORD),
    edge("surface/cli", "surface/config", SURFACE_RECORD),
    edge("surface/cli", "surface/story", SURFACE_RECORD),
    edge("surface/cli", "surface/api", "docs/adr/0003-cli-shares-the-api-types.md"),
    edge("plane/edge", "plane/routing", PLANE_RECORD),
    edge("plane/gateway", "plane/wire", PLANE_RECORD),
    edge("plane/gateway", "plane/routing", PLANE_RECORD),
    edge("plane/gateway", "plane/edge", PLANE_RECORD),
    edge("engine/saga", "engine/store", "docs/adr/0004-sagas-live-in-the-store.md"),
    edge("engine/store", "engine/reactor", "docs/adr/0007-the-store-is-a-durable-source.md"),
    edge("engine/adapters", "engine/reactor", ADAPTERS_RECORD),
    edge("engine/adapters", "engine/store", ADAPTERS_RECORD),
    edge("engine/adapters", "engine/resilience", "docs/adr/0011-our-own-calls-go-through-the-policies.md"),
    edge("engine/cache", "engine/reactor", CACHE_RECORD),
    edge("engine/cache", "engine/resilience", CACHE_RECORD),
    edge("engine/resilience", "engine/reactor", "docs/adr/0009-resilience-takes-time-from-the-reactor.md"),
];

/// Systems that only drivers may name, exact or as a family (`kube-`).
const OUTSIDE_SYSTEMS: [&str; 12] = [
    "aws-",
    "azure_",
    "bollard",
    "deadpool-postgres",
    "deadpool-redis",
    "fred",
    "google-cloud-",
    "k8s-openapi",
    "kube",
    "kube-",
    "redis",
    "tokio-postgres",
];

/// What a folder is in the order of the tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A tier with its height; higher may use lower.
    Tier(u8),
    /// Chores and benchmarks: may use everything, nobody uses them.
    Tool,
    /// What tests share: a dev-dependency only.
    Testkit,
    /// Reference workloads: use nothing of ours.
    Workload,
}

fn place(folder: &str) -> Option<Place> {
    let (tier, _) = folder.split_once('/').unwrap_or((folder, ""));
    Some(match tier {
        "bin" => Place::Tier(5),
        "surface" | "proving" => Place::Tier(4),
        "plane" | "drivers" => Place::Tier(3),
        "loop" => Place::Tier(2),
        "engine" => Place::Tier(1),
        "bench" | "xtask" => Place::Tool,
        "testkit" => Place::Testkit,
        "workloads" | "examples" => Place::Workload,
        _ => return None,
    })
}

/// Judges every edge between our own crates, and who names an outside system.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let members = tree.members();
    let mut findings = Vec::new();
    for member in &members {
        let text = tree.text(member.manifest);
        if place(member.folder).is_none() {
            findings.push(Finding::refused(
                RULE,
                member.manifest,
                1,
                format!("`{}` lies in no tier of the map", member.folder),
                "move the crate into a tier of ARCHITECTURE.md, or add the tier to xtask/src/tidy/tiers.rs with a decision record",
            ));
        }
        for declared in &member.package.dependencies {
            let line = line_of_dependency(text, &declared.name);
            if let Some(target) = members.iter().find(|other| other.package.name == declared.name) {
                let dev = declared.kind.as_deref() == Some("dev");
                if let Err((what, remedy)) = judge(member, target, dev) {
                    findings.push(Finding::refused(RULE, member.manifest, line, what, remedy));
                }
            } else if names_outside_system(&declared.name) && !member.folder.starts_with("drivers/") {
                findings.push(Finding::refused(
                    RULE,
                    member.manifest,
                    line,
                    format!("`{}` names `{}`; only drivers may name an outside system", member.folder, declared.name),
                    "move the code that speaks to it into drivers/ and meet it through the act or sense types",
                ));
            }
        }
    }
    findings
}

fn names_outside_system(name: &str) -> bool {
    OUTSIDE_SYSTEMS.iter().any(|system| match system.strip_suffix(['-', '_']) {
        Some(_) => name.starts_with(system),
        None => name == *system,
    })
}

/// Whether one crate of ours may use another; else what is wrong and what to do.
fn judge(from: &Member<'_>, to: &Member<'_>, dev: bool) -> Result<(), (String, &'static str)> {
    let (Some(from_place), Some(to_place)) = (place(from.folder), place(to.folder)) else { return Ok(()) };
    let says = |law: &str| format!("`{}` uses `{}`: {law}", from.folder, to.folder);
    match (from_place, to_place) {
        (Place::Tool | Place::Testkit, Place::Tier(_) | Place::Testkit | Place::Workload) => Ok(()),
        (_, Place::Testkit) if dev => Ok(()),
        (_, Place::Testkit) => {
            Err((says("testkit is for tests, never for what ships"), "move the line to [dev-dependencies]"))
        }
        (_, Place::Tool) => {
            Err((says("nothing may build on a tool"), "move the shared code to the crate whose idea it is"))
        }
        (_, Place::Workload) => Err((says("a workload is run, never linked"), "start its binary as a process")),
        (Place::Workload, Place::Tier(_)) => {
            Err((says("a workload uses only what a user could"), "speak to the API or the CLI instead"))
        }
        (Place::Tier(_), Place::Tier(_)) if from.folder.starts_with("loop/") && to.folder.starts_with("loop/") => {
            judge_stages(from, to, says)
        }
        (Place::Tier(high), Place::Tier(low)) if high > low => Ok(()),
        (Place::Tier(high), Place::Tier(low)) if high < low => Err((
            says("arrows point down only, bin -> surface, proving -> plane, drivers -> loop -> engine"),
            "turn the edge round: let the upper crate pass in what the lower one needs, as a type or a trait of the lower one",
        )),
        (Place::Tier(_), Place::Tier(_)) => judge_neighbours(from, to, says),
    }
}

fn judge_stages(
    from: &Member<'_>,
    to: &Member<'_>,
    says: impl Fn(&str) -> String,
) -> Result<(), (String, &'static str)> {
    let from_stage = from.folder.trim_start_matches("loop/");
    let to_stage = to.folder.trim_start_matches("loop/");
    match (from_stage, to_stage) {
        ("vocabulary", _) => Err((
            says("vocabulary depends on nothing of ours"),
            "move the noun into vocabulary, or keep the logic in its stage",
        )),
        // The shell is no stage: it runs the controller, see docs/adr/0005-the-shell-runs-the-controller.md.
        (_, "vocabulary")
        | ("controller", "detect" | "decide" | "learn")
        | ("shell", "controller" | "act" | "sense") => Ok(()),
        ("controller", _) => Err((
            says("the controller composes detect, decide and learn; it reaches the world only through effects"),
            "describe what is wanted as an effect in vocabulary and let the shell carry it out",
        )),
        _ => Err((
            says("stages of the loop never know each other"),
            "let them meet in vocabulary types; only the controller composes stages",
        )),
    }
}

fn judge_neighbours(
    from: &Member<'_>,
    to: &Member<'_>,
    says: impl Fn(&str) -> String,
) -> Result<(), (String, &'static str)> {
    if LISTED_EDGES.iter().any(|edge| edge.from == from.folder && edge.to == to.folder) {
        return Ok(());
    }
    Err((
        says("an edge inside a tier needs a decision record"),
        "avoid the edge, or write a record in docs/adr/ and list the edge in xtask/src/tidy/tiers.rs",
    ))
}

/// Judges the list itself: each edge is in use and its record exists.
pub fn check_listed_edges(tree: &Tree) -> Vec<Finding> {
    const RULE: &str = "listed-edges";
    const LIST: &str = "xtask/src/tidy/tiers.rs";
    let members = tree.members();
    let uses = |edge: &ListedEdge| {
        let target = members.iter().find(|member| member.folder == edge.to)?;
        let from = members.iter().find(|member| member.folder == edge.from)?;
        from.package.dependencies.iter().find(|declared| declared.name == target.package.name)
    };
    let mut findings = Vec::new();
    for edge in &LISTED_EDGES {
        let line = super::finding::line_where(tree.text(LIST), |line| {
            line.contains(&format!("\"{}\", \"{}\"", edge.from, edge.to))
        });
        let name = format!("{} -> {}", edge.from, edge.to);
        if uses(edge).is_none() {
            let remedy = "take the edge out of the list, and mark its record as superseded if no edge is left";
            findings.push(Finding::refused(RULE, LIST, line, format!("no crate has the listed edge {name}"), remedy));
        }
        if !tree.files.contains_key(edge.record) {
            let what = format!("the listed edge {name} names {}, which does not exist", edge.record);
            findings.push(Finding::refused(RULE, LIST, line, what, "write the record, see docs/adr/README.md"));
        }
    }
    findings
}
