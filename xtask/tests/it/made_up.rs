//! A small workspace that exists only in memory, lawful until a test breaks it. Called by the tests of the rules.

use xtask::tidy::{Finding, RULES};
use xtask::workspace::{Declared, Edge, EdgeKind, Metadata, Node, Package, Resolve, Tree};

/// A header that says enough.
pub const HEADER: &str = "//! A made-up file that is long enough to say what it is for.\n";

/// A made-up tree under construction.
pub struct MadeUp {
    tree: Tree,
}

impl MadeUp {
    /// A workspace without crates.
    pub fn new() -> Self {
        let metadata =
            Metadata { workspace_root: "/made-up".to_owned(), resolve: Resolve::default(), ..Metadata::default() };
        let mut made_up = Self { tree: Tree { metadata, ..Tree::default() } };
        made_up.write("Cargo.toml", "[workspace.dependencies]\n");
        made_up
    }

    /// Adds one of our crates, lawful in all but what it asks for. Its name is its folder with hyphens.
    pub fn member(mut self, folder: &str, asks_for: &[&str]) -> Self {
        let name = folder.replace('/', "-");
        let mut manifest = format!("[package]\nname = \"{name}\"\ndescription = \"Made up\"\n");
        for field in ["version", "edition", "rust-version", "license", "publish"] {
            manifest.push_str(&format!("{field}.workspace = true\n"));
        }
        manifest.push_str("[lints]\nworkspace = true\n[dependencies]\n");
        let mut source = HEADER.to_owned();
        for asked in asks_for {
            manifest.push_str(&format!("{asked}.workspace = true\n"));
            source.push_str(&format!("use {}::Thing;\n", asked.replace('-', "_")));
        }
        self.write(&format!("{folder}/Cargo.toml"), &manifest);
        self.write(&format!("{folder}/src/lib.rs"), &source);
        self.write(&format!("{folder}/clippy.toml"), "disallowed-methods = [\"std::time::Instant::now\"]\n");
        self.tree.metadata.workspace_members.push(name.clone());
        let mut package = package(&name, asks_for, Some("MIT"));
        package.manifest_path = format!("/made-up/{folder}/Cargo.toml");
        package.source = None;
        self.add(package, asks_for);
        self
    }

    /// Adds a foreign crate under a licence that we allow.
    pub fn foreign(mut self, name: &str, links: &[&str]) -> Self {
        self.add(package(name, links, Some("MIT OR Apache-2.0")), links);
        self
    }

    /// Adds a foreign crate of any version, licence and origin.
    pub fn odd(mut self, name: &str, version: &str, licence: Option<&str>, source: &str) -> Self {
        let mut odd = package(name, &[], licence);
        odd.id = format!("{name}@{version}");
        odd.version = version.to_owned();
        odd.source = Some(source.to_owned());
        self.add(odd, &[]);
        self
    }

    /// Adds or replaces a file.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    /// Changes the text of a file.
    pub fn edit(mut self, path: &str, from: &str, to: &str) -> Self {
        let text = self.tree.text(path).to_owned();
        assert!(text.contains(from), "{path} does not say {from}");
        self.write(path, &text.replace(from, to));
        self
    }

    /// Makes every dependency of one crate of this kind.
    pub fn kind(mut self, name: &str, kind: &str) -> Self {
        for package in self.tree.metadata.packages.iter_mut().filter(|package| package.name == name) {
            package.dependencies.iter_mut().for_each(|declared| declared.kind = Some(kind.to_owned()));
        }
        for node in self.tree.metadata.resolve.nodes.iter_mut().filter(|node| node.id == name) {
            node.deps.iter_mut().for_each(|edge| edge.dep_kinds = vec![EdgeKind { kind: Some(kind.to_owned()) }]);
        }
        self
    }

    /// What one rule says.
    pub fn judge(&self, rule: &str) -> Vec<Finding> {
        let (_, check) = RULES.iter().find(|(name, _)| *name == rule).expect("the rule exists");
        check(&self.tree)
    }

    /// What one rule says, each as `file:line what`.
    pub fn says(&self, rule: &str) -> Vec<String> {
        self.judge(rule).iter().map(|finding| format!("{}:{} {}", finding.file, finding.line, finding.what)).collect()
    }

    fn write(&mut self, path: &str, text: &str) {
        self.tree.files.insert(path.to_owned(), text.to_owned());
    }

    fn add(&mut self, package: Package, links: &[&str]) {
        let edge = |name: &&str| Edge { pkg: (*name).to_owned(), dep_kinds: vec![EdgeKind { kind: None }] };
        let node = Node { id: package.id.clone(), deps: links.iter().map(edge).collect(), features: Vec::new() };
        self.tree.metadata.resolve.nodes.push(node);
        self.tree.metadata.packages.push(package);
    }
}

fn package(name: &str, asks_for: &[&str], licence: Option<&str>) -> Package {
    Package {
        id: name.to_owned(),
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        license: licence.map(str::to_owned),
        source: Some("registry+somewhere".to_owned()),
        manifest_path: format!("/elsewhere/{name}/Cargo.toml"),
        dependencies: asks_for.iter().map(|asked| Declared { name: (*asked).to_owned(), kind: None }).collect(),
    }
}
