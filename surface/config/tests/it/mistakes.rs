//! Every kind of mistake: its page, its example, its remedy, and what is said about it.

use crate::place::Place;
use homeostat_config::{Code, Language, Look, Problem};
use std::path::PathBuf;

/// The page about a code.
fn page(code: Code) -> String {
    let pages = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    std::fs::read_to_string(pages.join(format!("{}.md", code.as_str()))).unwrap()
}

/// The blocks of TOML on a page: the mistake, and the same put right.
fn examples(page: &str) -> Vec<&str> {
    page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_example_on_each_page_is_that_mistake_and_the_remedy_heals_it() {
    // A page whose remedy does not work costs the reader more than no page.
    for code in Code::ALL {
        let page = page(*code);
        let [wrong, right] = examples(&page)[..] else {
            assert!(matches!(code, Code::Unreadable | Code::BadOverride), "{code:?} has no two examples");
            continue;
        };
        let mistake = Place::with(wrong);
        assert!(mistake.codes().contains(&code.as_str()), "{code:?}: {}", mistake.says());
        assert!(
            mistake.codes().iter().all(|found| *found == code.as_str()),
            "{code:?} is not alone: {}",
            mistake.says()
        );
        let remedy = Place::with(right);
        assert!(remedy.problems().is_empty(), "{code:?}: {}", remedy.says());
    }
}

#[test]
fn each_kind_of_mistake_reads_well() {
    // These words are all that somebody has in front of them when a start fails.
    for code in Code::ALL {
        if let Some(wrong) = examples(&page(*code)).first() {
            insta::assert_snapshot!(code.as_str(), Place::with(wrong).says());
        }
    }
    let gone = Place::with("");
    std::fs::remove_file(gone.folder().join("homeostat.toml")).unwrap();
    insta::assert_snapshot!("H0001", gone.says());
    let overrides = Place::with("[services.web]\ncommand = [\"./server\"]").flag("services.web.instances").flag("=1");
    insta::assert_snapshot!(
        "H0009",
        overrides.variable("HOMEOSTAT__", "x").variable("HOMEOSTAT__API____LISTEN", "x").says()
    );
}

/// Many mistakes in one configuration, in several layers.
fn many_mistakes() -> Place {
    Place::with(
        r#"
[engin]
name = "lab"

[api]
listen = "0.0.0.0:5000"
enabled = "yes"

[services.web]
command = "nosuchprogram --port {prot}"
depends_on = ["db", "cach"]
health = { http = "/health", interval = "10 parsecs", timeout = 3 }
environment = { DB_PASSWORD = "hunter2", TOKEN = "env:NOBODY_SET_THIS" }
port = 8080

[services.db]
command = ["./server"]
depends_on = ["web"]
autonomy = "automatic"

[services.cache]
instances = 0
"#,
    )
    .file("conf.d/10-late.toml", "[services.late]\ncommand = [\"./server\"]\nport = 8080\nhealth = {}\n")
    .variable("HOMEOSTAT__SERVICES__WEB__STOP__GRACE", "soon")
    .flag("api.lisen=127.0.0.1:1")
}

#[test]
fn all_mistakes_of_all_layers_are_told_at_once() {
    // One error at a time means one start at a time.
    insta::assert_snapshot!("all_at_once", many_mistakes().says());
}

#[test]
fn every_code_is_told_in_both_languages() {
    // Would break: a person who reads Spanish meets an English sentence exactly when something is wrong.
    let mut told = String::new();
    for code in Code::ALL {
        let page = page(*code);
        let place = match code {
            Code::Unreadable => Place::with("").file("conf.d/a.toml/b", ""),
            Code::BadOverride => Place::with("").flag("=1"),
            _ => Place::with(examples(&page)[0]),
        };
        let problems = place.problems();
        let of_this_code: Vec<_> = problems.iter().filter(|problem| problem.code() == *code).collect();
        assert!(!of_this_code.is_empty(), "{code:?} is told nowhere: {problems}");
        for problem in of_this_code {
            for say in [Problem::message, Problem::help] {
                let [english, spanish] = Language::ALL.map(|language| say(problem, language));
                assert_ne!(english, spanish, "{code:?} is not translated");
                assert_eq!(quoted(&english), quoted(&spanish), "{code:?} names something in one language only");
            }
            let [message, help] = [problem.message(Language::Spanish), problem.help(Language::Spanish)];
            told.push_str(&place.without_folder(&format!("{} {message}\n      {help}\n", code.as_str())));
        }
    }
    insta::assert_snapshot!("every_code_in_spanish", told);
}

/// What stands in backquotes: names of keys and services, which are the same in every language.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn all_is_drawn_in_the_language_asked_for() {
    // Would break: the words around a problem stay English, or a line that was broken no longer stands below the one before.
    let place = many_mistakes();
    let look = Look { width: 100, language: Language::Spanish, ..Look::PLAIN };
    insta::assert_snapshot!("all_at_once_in_spanish", place.without_folder(&place.problems().render(look)));
}

#[test]
fn programs_get_the_same_as_json() {
    // An editor or a deploy script places its marks by these numbers.
    let place = many_mistakes();
    let json = serde_json::to_string_pretty(&place.problems()).unwrap();
    insta::assert_snapshot!("all_at_once_json", place.without_folder(&json));
}

#[test]
fn logs_get_one_line_each() {
    // A rejected reload is told in the log and in the journal, one line a problem.
    let place = many_mistakes();
    let lines = place.problems().one_line_each();
    assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
    insta::assert_snapshot!("one_line_each", place.without_folder(&lines.join("\n")));
}

#[test]
fn drawn_for_a_terminal_it_fits_and_without_one_it_is_plain() {
    // Colours in a file, or lines that break anywhere, make an error unreadable.
    let problems = Place::with("[services.web]\ncommand = [\"./server\"]\nreplicas = 2").problems();
    let plain = problems.render(Look::PLAIN);
    assert!(plain.is_ascii() && !plain.contains('\u{1b}'), "{plain}");
    let drawn = problems.render(Look { colour: true, unicode: true, width: 50, ..Look::PLAIN });
    assert!(drawn.contains('\u{1b}') && drawn.contains('─'), "{drawn}");
    let narrow = problems.render(Look { width: 10, ..Look::PLAIN });
    assert!(narrow.contains("replicas"), "{narrow}");
}

#[test]
fn a_mistake_in_one_service_hides_nothing_of_the_others() {
    // A wrong type in one table once hid the circle in two others until the next start.
    let place = Place::with(
        "[services.a]\ncommand = 7\ninstances = \"x\"\ndepends_on = [1, \"zz\"]\n\
         [services.b]\ncommand = [\"./server\"]\ndepends_on = [\"c\"]\n\
         [services.c]\ncommand = [\"./server\"]\ndepends_on = [\"b\"]\n",
    );
    assert_eq!(place.codes(), ["H0004", "H0004", "H0004", "H0011", "H0012"], "{}", place.says());
}

#[test]
fn one_mistake_brings_one_problem() {
    // Consequences told as problems bury their cause.
    let port = Place::with("[services.web]\ncommand = [\"./server\", \"{port}\"]\nport = \"automatic\"");
    assert_eq!(port.codes(), ["H0006"], "{}", port.says());
    let slip = Place::with("[services.web]\ncommand = [\"./server\", \"{port}\"]\nprot = \"auto\"");
    assert_eq!(slip.codes(), ["H0003"], "{}", slip.says());
    let probe = Place::with("[services.web]\ncommand = [\"./server\"]\nhealth = { http = 1 }");
    assert_eq!(probe.codes(), ["H0004"], "{}", probe.says());
    let table = Place::with("services = 3");
    assert_eq!(table.codes(), ["H0004"], "{}", table.says());
    let torn = Place::with("[services.web\ncommand = [\"./server\"]\nport = 1\n");
    assert_eq!(torn.codes(), ["H0002"], "{}", torn.says());
}

#[test]
fn circles_are_named_in_full_and_once() {
    // "There is a circle somewhere" is no help with thirty services.
    let service = |name: &str, on: &str| format!("[services.{name}]\ncommand = [\"./server\"]\ndepends_on = [{on}]\n");
    let text = [
        service("a", "\"b\""),
        service("b", "\"c\", \"e\""),
        service("c", "\"a\""),
        service("d", "\"d\""),
        service("e", ""),
        service("f", "\"a\", \"d\""),
    ];
    let place = Place::with(text.concat());
    let messages: Vec<String> = place.problems().iter().map(|problem| problem.message(Language::English)).collect();
    let circle = "services depend on each other in a circle: a -> b -> c -> a";
    assert_eq!(messages, [circle, "`d` depends on itself"]);
}
