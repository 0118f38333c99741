//! Every other rule refuses a made-up tree that breaks it, at the right file and line, and passes one that does not.

use xtask::tidy::{Finding, RULES, Weight, judge, refusals};
use xtask::workspace::Tree;

use crate::made_up::{HEADER, MadeUp};

const NOTHING: Vec<String> = Vec::new();

/// If this fails, a lawful tree is refused by some rule, and no other test here means anything.
#[test]
fn a_lawful_tree_passes_every_rule() {
    let tree = MadeUp::new()
        .file("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"\n")
        .file("docs/dependencies.md", "| `serde` | data | by hand | its makers |\n")
        .file("docs/errors/H0101.md", "# H0101: a made-up error\n")
        .foreign("serde", &[])
        .member("loop/vocabulary", &["serde"])
        .edit("loop/vocabulary/src/lib.rs", "use", "/// Raised as H0101.\nuse");
    // The list of edges speaks of the real workspace only.
    for (rule, _) in RULES.iter().filter(|(rule, _)| *rule != "listed-edges") {
        assert_eq!(tree.says(rule), NOTHING, "{rule}");
    }
}

/// If this fails, a pure crate can read the clock, the disk or a hash map's order.
#[test]
fn impure_source_is_refused() {
    let pure = |code: &str| {
        MadeUp::new()
            .member("loop/decide", &[])
            .file("loop/decide/src/lib.rs", &format!("{HEADER}{code}\n"))
            .says("purity")
    };
    for code in [
        "fn f() { std::time::Instant::now(); }",
        "fn f() { SystemTime::now(); }",
        "use std::collections::HashMap;",
        "type T = std::collections::HashSet<u8>;",
        "use std::fs::File;",
        "use std::{collections::BTreeMap, fs};",
        "use std::{\n    fmt,\n    net::{self, TcpStream},\n};",
        "fn f() { rand::random::<u8>(); }",
        "fn f() { std::thread::spawn(|| ()); }",
        "fn f() { println!(\"{}\", 1); }",
    ] {
        assert_eq!(pure(code).len(), 1, "{code}");
    }
    assert_eq!(pure("fn f() {}\nuse std::fs;"), ["loop/decide/src/lib.rs:3 pure source says `std::fs`"]);
    for code in [
        "// HashMap would give another order in each run.",
        "/* std::fs /* HashSet */ Instant::now */ fn f() {}",
        "const WHY: &str = \"no SystemTime::now here\";",
        "const WHY: &str = r#\"no \"HashMap\" here\"#;",
        "fn operand(brand: u8) {}",
    ] {
        assert_eq!(pure(code), NOTHING, "{code}");
    }
}

/// If this fails, a pure crate can link a runtime by way of another crate.
#[test]
fn impure_links_are_refused_through_every_layer() {
    let tree = |links: &[&str]| {
        MadeUp::new()
            .foreign("tokio", &[])
            .foreign("between", &["tokio"])
            .foreign("harmless", links)
            .member("loop/learn", &["harmless"])
    };
    let what =
        "loop/learn/Cargo.toml:12 pure crate `loop/learn` links `tokio` through `harmless`, which brings in a runtime";
    assert_eq!(tree(&["between"]).says("purity"), [what]);
    assert_eq!(tree(&[]).says("purity"), NOTHING);
    assert_eq!(tree(&["between"]).kind("loop-learn", "dev").says("purity"), NOTHING, "tests may");
}

/// If this fails, a pure crate can lose the clippy bans that see through renamed imports.
#[test]
fn a_pure_crate_keeps_its_clippy_bans() {
    let says = MadeUp::new().member("loop/detect", &[]).file("loop/detect/clippy.toml", "").says("purity");
    assert_eq!(says, ["loop/detect/Cargo.toml:1 pure crate `loop/detect` has no clippy.toml that bans the clock"]);
}

/// If this fails, a file can leave its reader guessing what it is for.
#[test]
fn a_file_without_a_header_is_refused() {
    let says = |text: &str| MadeUp::new().file("engine/store/src/lib.rs", text).says("sources");
    assert_eq!(says("fn f() {}\n"), ["engine/store/src/lib.rs:1 the file does not open with `//!`"]);
    assert_eq!(says("//! Soon.\n"), ["engine/store/src/lib.rs:1 the header is too short to say what the file is for"]);
    assert_eq!(says(HEADER), NOTHING);
}

/// If this fails, files grow until nobody reads them.
#[test]
fn a_long_file_is_noted_then_refused() {
    let weigh = |lines: usize| -> Vec<Weight> {
        let text = format!("{HEADER}{}", "\n".repeat(lines - 1));
        MadeUp::new()
            .file("engine/store/src/lib.rs", &text)
            .judge("sources")
            .iter()
            .map(|finding| finding.weight)
            .collect()
    };
    assert_eq!(weigh(500), []);
    assert_eq!(weigh(501), [Weight::Note]);
    assert_eq!(weigh(600), [Weight::Note]);
    assert_eq!(weigh(601), [Weight::Refused]);
}

/// If this fails, decisions can creep into the binary that only connects.
#[test]
fn wiring_that_grows_is_refused() {
    let half = format!("{HEADER}{}", "\n".repeat(249));
    let tree = |more: &str| {
        MadeUp::new().file("bin/homeostat/src/main.rs", &half).file("bin/homeostat/src/parts.rs", more).says("sources")
    };
    assert_eq!(tree(&half).len(), 1);
    assert_eq!(tree(HEADER), NOTHING);
}

/// If this fails, there is a drawer for everything again.
#[test]
fn a_name_that_says_nothing_is_refused() {
    let says = |path: &str, code: &str| MadeUp::new().file(path, &format!("{HEADER}{code}\n")).says("sources");
    assert_eq!(
        says("engine/store/src/utils.rs", ""),
        ["engine/store/src/utils.rs:1 `utils` says nothing about what is inside"]
    );
    assert_eq!(says("engine/store/tests/it/common/mod.rs", "").len(), 1);
    assert_eq!(
        says("engine/store/src/lib.rs", "pub(crate) mod helpers;"),
        ["engine/store/src/lib.rs:2 `mod helpers` says nothing about what is inside"]
    );
    assert_eq!(says("engine/store/src/lib.rs", "// mod utils\nmod chain;"), NOTHING);
}

/// If this fails, tests are linked many times over and a build takes minutes longer.
#[test]
fn a_second_test_binary_is_refused() {
    let says = |path: &str| MadeUp::new().member("engine/store", &[]).file(path, HEADER).says("sources");
    assert_eq!(
        says("engine/store/tests/more.rs"),
        ["engine/store/tests/more.rs:1 a second test binary: each one links the whole crate again"]
    );
    assert_eq!(says("engine/store/tests/it/more.rs"), NOTHING);
}

/// If this fails, two decisions share a number, or nobody knows whether one still holds.
#[test]
fn a_record_out_of_form_is_refused() {
    let record = "docs/adr/0007-so-it-is.md";
    let says = |path: &str, text: &str| {
        MadeUp::new().file(record, "# 0007: So it is\n\nStatus: accepted\n").file(path, text).says("records")
    };
    assert_eq!(says("docs/adr/README.md", ""), NOTHING);
    assert_eq!(says("docs/adr/0008-b.md", "# 0008: B\n\nStatus: superseded by 0009\n"), NOTHING);
    assert_eq!(says("docs/adr/ideas.md", ""), ["docs/adr/ideas.md:1 the file is not named as a record"]);
    assert_eq!(says("docs/adr/0008-b.md", "# 0008: B\n"), ["docs/adr/0008-b.md:1 the record has no status"]);
    assert_eq!(
        says("docs/adr/0008-b.md", "# B\nStatus: accepted\n"),
        ["docs/adr/0008-b.md:1 the record does not open with its number and title"]
    );
    assert_eq!(
        says("docs/adr/0007-a-twin.md", "# 0007: A twin\nStatus: accepted\n"),
        [format!("{record}:1 0007 is the number of 0007-a-twin.md too")]
    );
}

/// If this fails, a crate can leave the house: other lints, another edition, a dependency of its own.
#[test]
fn a_manifest_that_does_not_inherit_is_refused() {
    let says = |from: &str, to: &str| {
        MadeUp::new().member("engine/store", &["serde"]).edit("engine/store/Cargo.toml", from, to).says("manifests")
    };
    assert_eq!(
        says("[lints]\nworkspace = true", ""),
        ["engine/store/Cargo.toml:1 the crate does not inherit the lints of the workspace"]
    );
    assert_eq!(
        says("edition.workspace = true", "edition = \"2021\""),
        ["engine/store/Cargo.toml:5 `edition` is not taken from the workspace"]
    );
    assert_eq!(
        says("serde.workspace = true", "serde = \"1\""),
        ["engine/store/Cargo.toml:12 `serde` is not taken from the workspace"]
    );
    let target = "[target.'cfg(unix)'.dev-dependencies]\nserde = { version = \"1\" }";
    assert_eq!(
        says("[dependencies]\nserde.workspace = true", target),
        ["engine/store/Cargo.toml:12 `serde` is not taken from the workspace"]
    );
    assert_eq!(says("description = \"Made up\"\n", "").len(), 1);
    assert_eq!(says("[package]", "[package").len(), 1, "unreadable");
    assert_eq!(says("serde.workspace = true", "serde = { workspace = true, features = [] }"), NOTHING);
}

/// If this fails, a dependency can come in unexplained, or stay when nobody needs it.
#[test]
fn a_dependency_is_explained_and_used() {
    let tree = |root: &str, page: &str| {
        MadeUp::new()
            .file("Cargo.toml", &format!("[workspace.dependencies]\nown = {{ path = \"own\" }}\n{root}"))
            .file("docs/dependencies.md", page)
            .foreign("serde", &[])
            .member("engine/store", &["serde"])
    };
    let row = "| crate | why |\n| `serde` | data |\n";
    assert_eq!(
        tree("serde = \"1\"\n", "").says("dependencies"),
        ["Cargo.toml:3 `serde` has no row in docs/dependencies.md"]
    );
    assert_eq!(
        tree("serde = \"1\"\nsled = \"1\"\n", &format!("{row}| `sled` | no |\n")).says("dependencies"),
        ["Cargo.toml:4 no crate of ours uses `sled`"]
    );
    assert_eq!(
        tree("", row).says("dependencies"),
        ["docs/dependencies.md:2 the row for `serde` explains a crate that the root manifest does not name"]
    );
    let unnamed = tree("serde = \"1\"\n", row).edit("engine/store/src/lib.rs", "use serde", "// use serde");
    assert_eq!(
        unnamed.says("dependencies"),
        ["engine/store/Cargo.toml:12 `engine/store` asks for `serde` and never names it"]
    );
    assert_eq!(tree("serde = \"1\"\n", row).says("dependencies"), NOTHING);
}

/// If this fails, a user meets a code that nothing explains.
#[test]
fn a_code_has_a_page_and_a_page_has_a_code() {
    let tree = |code: &str| MadeUp::new().file("engine/store/src/lib.rs", &format!("{HEADER}{code}\n"));
    let page = "docs/errors/H0101.md";
    assert_eq!(tree("const C: &str = \"H0101\";").says("error-codes"), ["engine/store/src/lib.rs:2 H0101 has no page"]);
    assert_eq!(
        tree("").file(page, "# H0101: torn\n").says("error-codes"),
        ["docs/errors/H0101.md:1 no source names H0101"]
    );
    let untitled = tree("// H0101").file(page, "# Torn\n").says("error-codes");
    assert_eq!(untitled, ["docs/errors/H0101.md:1 the page does not open with its code and a title"]);
    assert_eq!(
        tree("").file("docs/errors/notes.md", "").says("error-codes"),
        ["docs/errors/notes.md:1 the file is not the page of a code"]
    );
    assert_eq!(
        tree("// H0101").file(page, "# H0101: torn\n").file("docs/errors/README.md", "").says("error-codes"),
        NOTHING
    );
    assert_eq!(tree("// H01010 AH0101 H0x H09xx").says("error-codes"), NOTHING, "no codes at all");
    assert_eq!(tree("#[cfg(test)]\nmod tests { /* H0000 */ }").says("error-codes"), NOTHING, "a test may make one up");
}

/// If this fails, a crate that we may not ship can get in.
#[test]
fn a_licence_outside_the_list_is_refused() {
    let says =
        |licence: Option<&str>, source: &str| MadeUp::new().odd("strange", "1.2.3", licence, source).says("licences");
    let registry = "registry+somewhere";
    for licence in ["GPL-3.0-only", "MIT AND GPL-2.0-only", "AGPL-3.0-or-later", "MIT-ish"] {
        assert_eq!(says(Some(licence), registry).len(), 1, "{licence}");
    }
    assert_eq!(says(None, registry), ["Cargo.lock:1 strange 1.2.3 declares no licence"]);
    for licence in [
        "MIT/Apache-2.0",
        "GPL-3.0-only OR MIT",
        "Apache-2.0 WITH LLVM-exception",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
    ] {
        assert_eq!(says(Some(licence), registry), NOTHING, "{licence}");
    }
    assert_eq!(
        says(Some("MIT"), "git+https://example.org/strange"),
        ["Cargo.lock:1 strange 1.2.3 is not taken from the registry"]
    );
}

/// If this fails, a crate that we decided against comes back by way of another.
#[test]
fn a_banned_crate_is_refused_and_its_user_named() {
    let tree = MadeUp::new()
        .foreign("openssl", &[])
        .foreign("fetcher", &["openssl"])
        .file("Cargo.lock", "[[package]]\nname = \"fetcher\"\n\n[[package]]\nname = \"openssl\"\n");
    let says = tree.says("banned");
    assert_eq!(says.len(), 1);
    assert!(says[0].starts_with("Cargo.lock:5 `openssl` is in the graph, by way of fetcher: "), "{says:?}");
}

/// If this fails, two versions of a heavy crate are built and their types never meet.
#[test]
fn a_heavy_crate_has_one_version() {
    let twice = |name: &str| {
        let tree =
            MadeUp::new().odd(name, "1.0.0", Some("MIT"), "registry+x").odd(name, "2.0.0", Some("MIT"), "registry+x");
        tree.says("banned")
    };
    assert_eq!(twice("hyper"), ["Cargo.lock:1 `hyper` is in the graph 2 times: 1.0.0, 2.0.0"]);
    assert_eq!(twice("small"), NOTHING);
}

/// If this fails, the journal can run on whatever SQLite the machine has.
#[test]
fn sqlite_is_built_in() {
    let says = MadeUp::new().foreign("libsqlite3-sys", &[]).says("banned");
    assert_eq!(says, ["Cargo.toml:1 SQLite is not built in: the journal would run on whatever the machine has"]);
}

/// If this fails, somebody's machine is told to everybody.
#[test]
fn a_foreign_word_is_refused() {
    let says = |line: &str| MadeUp::new().file("docs/page.md", &format!("# Page\n{line}\n")).says("own-words");
    for (first, second) in [
        ("see /wo", "rk/main"),
        ("cache in /ro", "ot/.cache"),
        ("from https://static.", "crates.io/x"),
        ("Co-Authored", "-By: x"),
    ] {
        assert_eq!(says(&format!("{first}{second}")).len(), 1, "{first}{second}");
    }
    assert_eq!(says(&format!("GET /v1/wo{}", "rk/1")), NOTHING, "an address of ours");
}

/// If this fails, a note fails the check, or a refusal does not; or the worst is told last.
#[test]
fn refusals_come_first_and_only_they_count() {
    let mut tree = Tree::default();
    tree.files.insert("a/src/long.rs".to_owned(), format!("{HEADER}{}", "\n".repeat(550)));
    tree.files.insert("b/src/bare.rs".to_owned(), String::new());
    let findings: Vec<Finding> = judge(&tree).into_iter().filter(|finding| finding.rule != "listed-edges").collect();
    let files: Vec<&str> = findings.iter().map(|finding| finding.file.as_str()).collect();
    assert_eq!(files, ["b/src/bare.rs", "a/src/long.rs"]);
    assert_eq!(refusals(&findings), 1);
    let told = findings[0].to_string();
    assert!(told.starts_with("b/src/bare.rs:1: refused [header] "), "{told}");
    assert!(told.contains("\n    remedy: open the file with"), "{told}");
}
