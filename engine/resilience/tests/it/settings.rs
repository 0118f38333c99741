//! What is written in a configuration, and what is said of what cannot be.

use homeostat_resilience::stack::{Limit, StackSettings};
use serde::Deserialize;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configuration {
    resilience: StackSettings,
}

fn read(text: &str) -> Result<StackSettings, String> {
    let configuration: Configuration = toml::from_str(text).map_err(|error| error.to_string())?;
    Ok(configuration.resilience)
}

#[test]
fn one_section_is_enough_and_what_is_left_out_is_the_default() {
    // Would break: a configuration that must say everything to say one thing.
    assert_eq!(read(""), Ok(StackSettings::default()));
    assert_eq!(read("[resilience]"), Ok(StackSettings::default()));
    let limited = |limit| Ok(StackSettings { limit, ..StackSettings::default() });
    assert_eq!(read("[resilience]\nlimit = 64"), limited(Limit::AtMost(64)));
    assert_eq!(read("[resilience]\nlimit = \"learned\""), limited(Limit::Learned));
    assert_eq!(read("[resilience]\nlimit = \"off\""), limited(Limit::Off));
    let rated = StackSettings { rate_per_s: Some(5), essential: true, ..StackSettings::default() };
    assert_eq!(read("[resilience]\nrate_per_s = 5\nessential = true"), Ok(rated));
}

#[test]
fn settings_come_back_as_they_were_written() {
    // Would break: a program that shows its settings in a form that it does not take.
    for limit in [Limit::Learned, Limit::Off, Limit::AtMost(3)] {
        let settings = StackSettings { limit, breaker_slow_ms: Some(700), ..StackSettings::default() };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<StackSettings>(&text).unwrap(), settings, "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    // Would break: a misspelt key that is passed over in silence, and a service that runs without what was set.
    insta::assert_snapshot!(read("[resilience]\ndeadline = 5").unwrap_err());
    insta::assert_snapshot!(read("[resilience]\nlimit = \"lerned\"").unwrap_err());
    insta::assert_snapshot!(read("[resilience]\nlimit = -1").unwrap_err());
    insta::assert_snapshot!(read("[resilience]\ndeadline_ms = \"5s\"").unwrap_err());
    let settings = read("[resilience]\nextra_share = 40").unwrap();
    assert_eq!(settings.check().unwrap_err().to_string(), "`extra_share` is 40: 0 to 10 is possible");
}

#[cfg(feature = "schemars")]
#[test]
fn the_schema_lists_every_key_with_its_manual_and_its_default() {
    // Would break: an editor that knows nothing of a key, or a composition that only its author can set.
    let schema = serde_json::to_value(schemars::schema_for!(StackSettings)).unwrap();
    let listed = schema["properties"].as_object().unwrap();
    let written = serde_json::to_value(StackSettings::default()).unwrap();
    let keys = |of: &serde_json::Map<String, serde_json::Value>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(listed), keys(written.as_object().unwrap()));
    assert!(listed.len() <= 22, "{} settings are more than anybody learns", listed.len());
    for (key, property) in listed {
        let manual = property["description"].as_str().unwrap_or_default();
        assert!(manual.ends_with('.') && manual.len() > 40, "`{key}` has no manual: {manual}");
        assert_eq!(property.get("default"), written.get(key), "the default of `{key}`");
    }
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn the_readme_lists_every_key_with_its_default() {
    // Would break: a manual that tells of other settings than there are.
    let readme = include_str!("../../README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows: std::collections::BTreeMap<&str, &str> =
        rows.map(|(key, rest)| (key, rest.split(" |").next().unwrap_or_default().trim_matches('`'))).collect();
    let defaults = serde_json::to_value(StackSettings::default()).unwrap();
    for (key, value) in defaults.as_object().unwrap() {
        let shown = match value {
            serde_json::Value::Null => "none".to_owned(),
            serde_json::Value::Number(number) if number.as_f64() == Some(1.0) => "1".to_owned(),
            value => value.to_string(),
        };
        assert_eq!(rows.get(key.as_str()), Some(&shown.as_str()), "{key}");
    }
}
