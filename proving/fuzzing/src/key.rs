//! The cache key: two requests with one key are one request to the origin. The first line of an input names the rule for queries, the
//! second and third are requests as `scheme host target`; each is also held against near neighbours of its own.

use std::collections::BTreeMap;

use homeostat_cache::http::{QueryRule, key, query};

use crate::fields::lines;

/// Checks one input.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines =
        lines(text.as_bytes()).map(|line| std::str::from_utf8(line).expect("a part of a text at line feeds"));
    let rule = rule(lines.next().unwrap_or_default());
    let Some(first) = lines.next().and_then(Asked::read) else { return };
    let Some(own) = first.key(&rule) else { return };
    assert!(own.bytes().all(|byte| byte.is_ascii_graphic()), "a key that could look like a variant's: {own:?}");
    if let Some((path, question)) = first.target.split_once('?') {
        let counted = query(question, &rule).expect("a request with a key has a query that counts");
        assert_eq!(query(&counted, &rule).as_deref(), Some(&*counted), "what is sent on counts differently");
        let sent = Asked { target: format!("{path}?{counted}"), ..first.clone() };
        assert_eq!(sent.key(&rule).as_ref(), Some(&own), "what is sent on has another key");
    }
    for other in lines.next().and_then(Asked::read).into_iter().chain(first.neighbours()) {
        if other.key(&rule).is_some_and(|key| key == own) {
            assert_eq!(first.seen(&rule), other.seen(&rule), "one key for {first:?} and {other:?}");
        }
    }
}

fn rule(line: &str) -> QueryRule {
    let names = |list: &str| list.split(',').map(str::to_owned).collect();
    match line.split_once(' ') {
        Some(("only", list)) => QueryRule::Only(names(list)),
        Some(("without", list)) => QueryRule::Without(names(list)),
        _ if line == "sorted" => QueryRule::Sorted,
        _ => QueryRule::AsIs,
    }
}

/// Parameters by their names.
type Parameters = BTreeMap<String, Vec<String>>;

/// Scheme, host, port, path, and what of the query is sent on.
type Seen = (String, String, u16, String, Option<Parameters>);

#[derive(Clone, Debug)]
struct Asked {
    scheme: String,
    host: String,
    target: String,
}

impl Asked {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        Some(Self { scheme: words.next()?, host: words.next()?, target: words.next()? })
    }

    fn key(&self, rule: &QueryRule) -> Option<String> {
        key(&self.scheme, &self.host, &self.target, rule)
    }

    fn neighbours(&self) -> Vec<Self> {
        let with = |host: String, target: String| Self { host, target, ..self.clone() };
        let (host, target) = (self.host.clone(), self.target.clone());
        let other_scheme = if self.scheme == "http" { "https" } else { "http" };
        vec![
            Self { scheme: other_scheme.to_owned(), ..self.clone() },
            with(format!("{host}."), target.clone()),
            with(format!("{host}:81"), target.clone()),
            with(format!("{host}:443"), target.clone()),
            with(host.clone(), format!("{target}?")),
            with(host.clone(), format!("{target}&a")),
            with(host.clone(), format!("{target}/")),
            with(host.clone(), target.replacen('?', "%3F", 1)),
            with(host.clone(), target.replacen('&', ";", 1)),
            with(host.clone(), target.replacen('=', "%3D", 1)),
            with(host.clone(), target.to_ascii_uppercase()),
            with(host.clone(), target.replacen('/', "//", 1)),
            with(host, target.replacen('+', "%20", 1)),
        ]
    }

    /// What the origin sees, put together in another way than the key: scheme, host and port, path, and the query that is sent on.
    fn seen(&self, rule: &QueryRule) -> Seen {
        let (path, query) =
            self.target.split_once('?').map_or((&*self.target, None), |(path, query)| (path, Some(query)));
        let usual = if self.scheme == "https" { 443 } else { 80 };
        let after_address = self.host.rfind(']').unwrap_or(0);
        let colon = self.host[after_address..].find(':').map(|at| at + after_address);
        let port = colon.and_then(|at| self.host[at + 1..].parse().ok()).unwrap_or(usual);
        let name = self.host[..colon.unwrap_or(self.host.len())].to_ascii_lowercase();
        let query = query.and_then(|query| parameters(query, rule));
        (self.scheme.clone(), name, port, path.to_owned(), query)
    }
}

/// What of a query is sent on: as it is, or its parameters by name, in the order they came.
fn parameters(query: &str, rule: &QueryRule) -> Option<Parameters> {
    let counts = |name: &str| match rule {
        QueryRule::AsIs | QueryRule::Sorted => true,
        QueryRule::Only(names) => names.iter().any(|known| known == name),
        QueryRule::Without(names) => !names.iter().any(|known| known == name),
    };
    if *rule == QueryRule::AsIs {
        return Some(BTreeMap::from([(String::new(), vec![query.to_owned()])]));
    }
    let mut sent = Parameters::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if counts(name) {
            sent.entry(name.to_owned()).or_default().push(parameter.to_owned());
        }
    }
    (!sent.is_empty()).then_some(sent)
}
