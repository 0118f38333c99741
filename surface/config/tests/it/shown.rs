//! What is in effect, as people and programs read it.

use crate::place::Place;
use proptest::prelude::*;

const TEXT: &str = r#"
[engine]
name = "shop"
journal_retention = "30d"

[defaults]
autonomy = "propose"
health = { interval = "2s" }

[services.web]
command = "./server --port {port}"
instances = 2
port = "auto"
ports = { admin = "auto" }
environment = { MODE = "production", WORKERS = 4, DB_PASSWORD = "env:DB_PASSWORD", "odd key" = "plain:env:x" }
depends_on = ["db"]
health = { http = "/health", start_grace = "1min" }
objectives = { availability = "99.95%", recovery = "30s" }
stop = { signal = "INT", grace = "5s" }
limits = { memory = "512MiB", open_files = 1024, cpu_time = "1h", file_size = "2GB" }

[services.db]
command = ["./server", "say \"hi\"", "tab\there"]
port = 5432
health = { tcp = "{port}", timeout = "500ms" }
autonomy = "auto"
"#;

fn full() -> Place {
    Place::with(TEXT).variable("HOMEOSTAT__SERVICES__DB__STOP__GRACE", "1min").flag("repair.budget=5")
}

#[test]
fn every_value_says_where_it_came_from() {
    // "Why is this 5?" is the first question when something behaves oddly.
    let place = full();
    let shown = place.load().unwrap_or_else(|problems| panic!("{problems}")).show(true);
    // How far the comments stand to the right hangs on the length of the folder's name.
    let lines = shown.lines().map(|line| match line.rsplit_once(" # ") {
        Some((value, origin)) => format!("{:<48} # {origin}", place.without_folder(value.trim_end())),
        None => line.to_owned(),
    });
    insta::assert_snapshot!("show_origin", place.without_folder(&lines.collect::<Vec<_>>().join("\n")));
}

#[test]
fn programs_get_the_same() {
    // A program reads keys, values and origins without parsing comments.
    let place = full();
    let loaded = place.load().unwrap();
    let nested = serde_json::to_string_pretty(&loaded.show_json(false)["services"]["web"]).unwrap();
    insta::assert_snapshot!("show_json", place.without_folder(&nested));
    let with_origin = loaded.show_json(true);
    let some: Vec<_> =
        with_origin.as_array().unwrap().iter().filter(|one| one["origin"]["from"] != "default").collect();
    insta::assert_snapshot!(
        "show_json_origin",
        place.without_folder(&serde_json::to_string_pretty(&some[..8]).unwrap())
    );
}

#[test]
fn what_is_resolved_is_what_was_written() {
    // The loop sees only this; a field mixed up here is wrong everywhere.
    let place = full();
    let policy = serde_json::to_string_pretty(&place.load().unwrap().policy.services).unwrap();
    insta::assert_snapshot!("policy", place.without_folder(&policy));
}

/// Texts with everything that quoting can get wrong, and no secret or placeholder in them.
fn odd_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just('"'),
            Just('\\'),
            Just('\''),
            Just('\n'),
            Just('\t'),
            Just('\u{7f}'),
            Just('é'),
            Just('#'),
            Just('='),
            proptest::char::range('a', 'f')
        ],
        0..12,
    )
    .prop_map(|letters| letters.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_shown_reads_back_as_the_same(
        arguments in proptest::collection::vec(odd_text(), 0..4),
        value in odd_text(),
        instances in 1_u16..1000,
        interval in 2_000_u64..10_000_000,
        share in 1_u32..=1_000_000,
        bytes in 1_u64..1 << 50,
        autonomy in prop_oneof![Just("observe"), Just("propose"), Just("approve"), Just("auto")],
    ) {
        // Whoever saves `config show` as a file must get the same system.
        let mut command = vec!["./server".to_owned()];
        command.extend(arguments);
        let text = |text: &str| serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f");
        let words: Vec<String> = command.iter().map(|word| text(word)).collect();
        let share = format!("{}.{:04}%", share / 10_000, share % 10_000);
        let place = Place::with(format!(
            "[services.web]\ncommand = [{}]\nenvironment = {{ TEXT = {} }}\ninstances = {instances}\nport = \"auto\"\n\
             health = {{ tcp = \"{{port}}\", interval = \"{interval}ms\" }}\nobjectives = {{ availability = \"{share}\" }}\n\
             limits = {{ memory = \"{bytes}B\" }}\nautonomy = \"{autonomy}\"\n",
            words.join(", "),
            text(&value),
        ));
        let first = place.load().unwrap_or_else(|problems| panic!("{problems}"));
        let place = place.file("homeostat.toml", first.show(true));
        let second = place.load().unwrap_or_else(|problems| panic!("{problems}\n{}", first.show(true)));
        prop_assert_eq!(&first.policy, &second.policy);
        prop_assert_eq!(&first.settings, &second.settings);
        prop_assert_eq!(first.show(false), second.show(false));
        prop_assert_eq!(first.policy.services.values().next().map(|service| service.command.clone()), Some(command));
    }
}
