//! docs/cli.md: the reference of the command line, made from the same declaration that reads it.
//!
//! The committed file is held against this by a test, so that the words a person reads are the ones the program knows.

use crate::arguments::CommandLine;
use clap::{Arg, Command, CommandFactory};

const OPENING: &str = "# Command line

Made from the program's own declaration; `UPDATE_DOCS=1 cargo test -p homeostat-cli` writes it again.

Data goes to standard output, all else to standard error. Without a terminal nothing is coloured, wrapped or cut.

| exit code | meaning |
|---|---|
| 0 | ok |
| 1 | findings, or the answer is no: a service is not ready, the journal is broken, there is no such episode |
| 2 | usage or configuration |
| 3 | no engine answers |
| 4 | refused by a guard |

";

/// The text of docs/cli.md.
#[must_use]
pub fn reference() -> String {
    let mut root = CommandLine::command();
    root.build();
    let mut text = OPENING.to_owned();
    text.push_str("## Everywhere\n\n");
    for argument in root.get_arguments().filter(|argument| argument.is_global_set()) {
        text.push_str(&line_of(argument));
    }
    for verb in root.get_subcommands().filter(|verb| verb.get_name() != "help") {
        describe(verb, "homeostat", &mut text);
    }
    text
}

fn describe(command: &Command, before: &str, text: &mut String) {
    let name = format!("{before} {}", command.get_name());
    let verbs: Vec<&Command> = command.get_subcommands().filter(|verb| verb.get_name() != "help").collect();
    if !verbs.is_empty() {
        for verb in verbs {
            describe(verb, &name, text);
        }
        return;
    }
    let own = || command.get_arguments().filter(|argument| !argument.is_global_set() && is_shown(argument));
    let mut usage = name;
    for argument in own() {
        let shown = shown(argument);
        usage.push_str(&if argument.is_required_set() { format!(" {shown}") } else { format!(" [{shown}]") });
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    text.push_str(&format!("\n## `{usage}`\n\n{about}.\n"));
    if own().next().is_some() {
        text.push('\n');
        own().for_each(|argument| text.push_str(&line_of(argument)));
    }
}

fn is_shown(argument: &Arg) -> bool {
    !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str())
}

fn shown(argument: &Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let value = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = value.filter(|_| takes_value).unwrap_or_default();
    match (argument.get_long(), argument.is_positional()) {
        (Some(long), _) if takes_value => format!("--{long} {value}"),
        (Some(long), _) => format!("--{long}"),
        (None, _) => value,
    }
}

fn line_of(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> =
        argument.get_possible_values().iter().map(|choice| format!("`{}`", choice.get_name())).collect();
    let is_said = argument.is_hide_possible_values_set() || !argument.get_action().takes_values();
    let choices = if choices.is_empty() || is_said { String::new() } else { format!(": {}", choices.join(", ")) };
    let default = argument.get_default_values().first().filter(|_| argument.get_action().takes_values());
    let default = default.map(|value| format!(" (default {})", value.display())).unwrap_or_default();
    format!("- {short}`{}` {help}{choices}{default}.\n", shown(argument))
}
