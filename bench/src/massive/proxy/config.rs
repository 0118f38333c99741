//! Fills in a configuration: `@NAME@` becomes what is given for it, and a line with `@BACKEND@` is repeated for each backend.

use std::fmt::Write as _;

/// The configuration for these backends, with these names filled in.
pub fn fill(template: &str, names: &[(&str, String)], backends: &[u16]) -> String {
    let mut text = String::new();
    for line in template.lines() {
        if line.contains("@BACKEND@") && !line.trim_start().starts_with('#') {
            for (number, port) in backends.iter().enumerate() {
                let line = line.replace("@BACKEND@", &port.to_string()).replace("@NUMBER@", &number.to_string());
                let _ = writeln!(text, "{line}");
            }
        } else {
            let _ = writeln!(text, "{line}");
        }
    }
    for (name, value) in names {
        text = text.replace(&format!("@{name}@"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: a proxy that is measured with fewer endpoints than the others.
    #[test]
    fn lines_of_backends_are_repeated() {
        let template = "# @BACKEND@ is filled in\nlisten @PORT@\nserver s@NUMBER@ @BACKEND@\n";
        let text = fill(template, &[("PORT", "8000".to_owned())], &[1, 2]);
        assert_eq!(text, "# @BACKEND@ is filled in\nlisten 8000\nserver s0 1\nserver s1 2\n");
    }
}
