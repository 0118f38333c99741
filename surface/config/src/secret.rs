//! What looks like a secret, and how a text is shown without it.
//!
//! Used by the check that refuses secrets in the open, and by every snippet that is shown of a file, a variable or a flag.
//! The redaction reads plain text, not TOML, so that it also holds in a file that cannot be parsed; it would rather hide
//! too much than too little.

use std::ops::Range;

/// What stands in a shown text instead of a secret.
const HIDDEN: &str = "***";

/// Words that make a key a secret's key wherever they stand in it.
const SECRET_WORDS: [&str; 9] =
    ["password", "passwd", "passphrase", "secret", "secrets", "apikey", "credential", "credentials", "token"];
/// Words that make a key a secret's key when they stand last: `API_KEY`, but not `KEY_COUNT`.
const SECRET_LAST_WORDS: [&str; 5] = ["key", "pwd", "pass", "tokens", "pat"];
/// Words that say the value is about a secret and not the secret itself, when they stand last.
const HARMLESS_LAST_WORDS: [&str; 17] = [
    "file",
    "path",
    "folder",
    "dir",
    "directory",
    "name",
    "id",
    "url",
    "uri",
    "endpoint",
    "issuer",
    "header",
    "length",
    "ttl",
    "expiry",
    "seconds",
    "type",
];

/// Whether a variable or a flag of this name holds a secret, going by its words.
pub fn looks_secret(name: &str) -> bool {
    let words = words_of(name);
    let Some(last) = words.last().map(String::as_str) else { return false };
    if HARMLESS_LAST_WORDS.contains(&last) || words == ["pwd"] {
        return false;
    }
    SECRET_LAST_WORDS.contains(&last) || words.iter().any(|word| SECRET_WORDS.contains(&word.as_str()))
}

/// Whether a value under a secret's key can be the secret: switches, numbers and paths cannot.
pub fn can_be_secret(value: &str) -> bool {
    let harmless = value.is_empty()
        || value.parse::<bool>().is_ok()
        || value.starts_with('/')
        || value.starts_with("./")
        || value.starts_with("../")
        || is_placeholder(value);
    !harmless
}

/// The password of an address such as `postgres://user:password@host/`, as a place in the text.
pub fn password_in_address(text: &str) -> Option<Range<usize>> {
    passwords_in_addresses(text).into_iter().next()
}

/// The flag of a command that is given a secret as its value: `--password=x` or `--token x`.
pub fn secret_flag(words: &[String]) -> Option<&str> {
    words.iter().enumerate().find_map(|(index, word)| {
        let flag = word.strip_prefix("--")?;
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value),
            None => (flag, words.get(index + 1).filter(|next| !next.starts_with('-'))?.as_str()),
        };
        // A key on a command line is nearly always a file's name.
        let strong = words_of(name).iter().any(|word| SECRET_WORDS.contains(&word.as_str()));
        (strong && looks_secret(name) && can_be_secret(value)).then_some(name)
    })
}

fn is_placeholder(value: &str) -> bool {
    value.starts_with('{') && value.ends_with('}')
}

/// `dbPassword`, `DB_PASSWORD` and `db-password` are the same two words.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut after_lower = false;
    let mut open = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() {
            open = false;
            after_lower = false;
            continue;
        }
        if !open || (letter.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        open = true;
        after_lower = letter.is_lowercase() || letter.is_ascii_digit();
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// A text as it may be shown, and where its places went.
#[derive(Debug)]
pub struct Redacted {
    text: String,
    /// What was taken out, in order, with the length of what was put in.
    cuts: Vec<(Range<usize>, usize)>,
}

impl Redacted {
    /// Takes everything out of `text` that looks like a secret. Line breaks stay, so line numbers hold.
    pub fn new(text: &str) -> Self {
        let hidden = secret_values(text).into_iter().chain(passwords_in_addresses(text)).map(|range| (range, HIDDEN));
        let mut ranges: Vec<(Range<usize>, &str)> = hidden.chain(control_letters(text)).collect();
        ranges.sort_by_key(|(range, _)| range.start);
        let mut shown = String::with_capacity(text.len());
        let mut cuts = Vec::new();
        let mut at = 0;
        for (range, instead) in ranges {
            let start = range.start.max(at);
            if start >= range.end {
                continue;
            }
            shown.push_str(&text[at..start]);
            let before = shown.len();
            shown.push_str(instead);
            shown.extend(text[start..range.end].chars().filter(|letter| *letter == '\n'));
            cuts.push((start..range.end, shown.len() - before));
            at = range.end;
        }
        shown.push_str(&text[at..]);
        Self { text: shown, cuts }
    }

    /// The text without its secrets.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a place of the original is in the shown text.
    pub fn place(&self, original: &Range<usize>) -> Range<usize> {
        let start = self.position(original.start, false);
        let end = self.position(original.end, true);
        start..end.max(start)
    }

    fn position(&self, original: usize, is_end: bool) -> usize {
        let mut shift_in = 0;
        let mut shift_out = 0;
        for (cut, put_in) in &self.cuts {
            if original >= cut.end {
                shift_out += cut.len();
                shift_in += put_in;
            } else if original > cut.start {
                let inside = cut.start - shift_out + shift_in;
                return if is_end { inside + put_in } else { inside };
            }
        }
        original - shift_out + shift_in
    }
}

/// Letters that would move the cursor or change colours if they were printed.
fn control_letters(text: &str) -> impl Iterator<Item = (Range<usize>, &'static str)> {
    let ends_line = |at: usize| text[at..].starts_with("\r\n");
    let prints = move |at: usize, letter: char| !letter.is_control() || matches!(letter, '\n' | '\t') || ends_line(at);
    let controls = text.char_indices().filter(move |(at, letter)| !prints(*at, *letter));
    controls.map(|(at, letter)| (at..at + letter.len_utf8(), "?"))
}

/// The values of all `key = value` pairs whose key looks like a secret's, and of flags such as `--token`.
fn secret_values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('=') {
        if looks_secret(key_before(&text[..at])) {
            found.extend(value_after(text, at + 1));
        }
    }
    for (at, _) in text.match_indices("--") {
        let name_end = text[at + 2..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        let name_end = name_end.map_or(text.len(), |length| at + 2 + length);
        if looks_secret(&text[at + 2..name_end]) {
            found.push(name_end..line_end(text, name_end));
        }
    }
    found
}

/// The bare or quoted word that ends just before an equals sign.
fn key_before(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '\t', '"', '\'']);
    let start = text.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_else(|| text.get(start + 1..).unwrap_or_default())
}

/// The part of a value that must not be shown; references are shown.
fn value_after(text: &str, from: usize) -> Option<Range<usize>> {
    let start = from + text[from..].len() - text[from..].trim_start_matches([' ', '\t']).len();
    let value = &text[start..];
    for fence in ["\"\"\"", "'''"] {
        if let Some(inner) = value.strip_prefix(fence) {
            let length = inner.find(fence).unwrap_or(inner.len());
            return Some(start + fence.len()..start + fence.len() + length);
        }
    }
    if let Some(open) = value.chars().next().filter(|letter| matches!(letter, '[' | '{')) {
        let close = if open == '[' { ']' } else { '}' };
        return Some(start..start + value.find(close).unwrap_or(value.len()));
    }
    let Some(quote) = value.chars().next().filter(|letter| matches!(letter, '"' | '\'')) else {
        return Some(start..line_end(text, start));
    };
    let inner = &value[1..];
    let end = closing_quote(inner, quote);
    let ends_cleanly = end.is_some_and(|end| {
        let rest = inner[end + 1..].trim_start_matches([' ', '\t']);
        rest.is_empty() || rest.starts_with(['\n', '\r', ',', '}', ']', '#'])
    });
    match end {
        Some(end) if ends_cleanly && is_reference(&inner[..end]) => None,
        Some(end) if ends_cleanly => Some(start + 1..start + 1 + end),
        _ => Some(start + 1..line_end(text, start + 1)),
    }
}

fn is_reference(value: &str) -> bool {
    value.starts_with("env:") || value.starts_with("file:")
}

fn closing_quote(inner: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in inner.char_indices() {
        match letter {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if letter == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn line_end(text: &str, from: usize) -> usize {
    text[from..].find('\n').map_or(text.len(), |length| from + length)
}

fn passwords_in_addresses(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, scheme) in text.match_indices("://") {
        let start = at + scheme.len();
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | ',')).unwrap_or(rest.len());
        // A password may hold an unescaped @; the host begins after the last one.
        let Some(host) = rest[..end].rfind('@') else { continue };
        if let Some(colon) = rest[..host].find(':')
            && colon + 1 < host
            && !is_placeholder(&rest[colon + 1..host])
        {
            found.push(start + colon + 1..start + host);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_about_secrets() {
        // A missed name would let a password stand in a file; a false alarm would refuse a good one.
        for secret in
            ["DB_PASSWORD", "API_KEY", "githubToken", "SECRET", "SECRET_KEY_BASE", "aws-secret-access-key", "MYSQL_PWD"]
        {
            assert!(looks_secret(secret), "{secret} was missed");
        }
        for plain in ["PWD", "KEYBOARD", "TOKEN_URL", "PASSWORD_FILE", "MONKEY", "PORT", "KEY_COUNT", "AUTHOR", ""] {
            assert!(!looks_secret(plain), "{plain} is none");
        }
    }

    #[test]
    fn nothing_secret_is_left_in_a_shown_text() {
        // A snippet under an error message is the likeliest place for a secret to leak.
        let cases = [
            "PASSWORD = \"hunter2\"\nport = 1",
            "environment = { TOKEN = 'hunter2', PORT = \"1\" }",
            "PASSWORD = \"hunter2\nport = 1",
            "API_KEY = \"\"\"\nhunter2\n\"\"\"",
            "PASSWORD = hunter2",
            "\"MY_SECRET\"=\"hun\\\"hunter2\"",
            "url = \"postgres://me:hunter2@db/x\"",
            "HOMEOSTAT__SERVICES__WEB__ENVIRONMENT__TOKEN=hunter2",
            "command = [\"a\", \"--token\", \"hunter2\"]",
            "tokens = [\n\"hunter2\"]",
        ];
        for text in cases {
            let shown = Redacted::new(text);
            assert!(!shown.text().contains("hunter2"), "{}", shown.text());
            assert_eq!(shown.text().lines().count(), text.lines().count(), "{text}");
        }
        let kept = "PASSWORD = \"env:DB_PASSWORD\"";
        assert_eq!(Redacted::new(kept).text(), kept);
    }

    #[test]
    fn places_move_with_the_text() {
        // The underline would point at the wrong word after a redaction on the same line.
        let text = "e = { TOKEN = \"hunter2hunter2\", port = 1 }";
        let shown = Redacted::new(text);
        let port = text.find("port").expect("it is there");
        assert_eq!(&shown.text()[shown.place(&(port..port + 4))], "port");
        let value = text.find("\"hunter2").expect("it is there");
        assert_eq!(&shown.text()[shown.place(&(value..value + 16))], "\"***\"");
    }
}
