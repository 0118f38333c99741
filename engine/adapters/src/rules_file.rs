//! Rules of a router read from a file, with errors that show the place.
//!
//! The reactor knows rules as data and says where in the data a problem is; here that becomes a line of the file, underlined.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use homeostat_reactor::route::{Problem, Rules, RulesRefused, Step};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Largest file of rules: it is written by a person.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file of rules as it was read.
///
/// ```
/// use homeostat_adapters::rules_file::RulesFile;
/// use homeostat_reactor::route::{Router, RouterError, Target};
/// # use homeostat_reactor::Event;
/// # #[derive(Clone)]
/// # struct Order;
/// # impl Event for Order {
/// #     fn kind(&self) -> &'static str { "order" }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let file = RulesFile::parse("rules.toml", "default = ['biling']".to_owned())?;
/// let billing = Target::handler("billing", |_: Order| async {});
/// if let Err(RouterError::Rules(refused)) = Router::builder().target(billing).rules(file.rules().clone()).start() {
///     assert_eq!(
///         file.explain(&refused),
///         "rules.toml:1:12: there is no target \"biling\"\n\
///          1 | default = ['biling']\n  |            ^^^^^^^^\n  = did you mean \"billing\"? the targets are \"billing\"\n"
///     );
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RulesFile {
    name: String,
    text: String,
    rules: Rules,
}

/// Why a file of rules cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesFileError {
    /// It cannot be opened.
    #[error("{name}: {reason}")]
    Unreadable {
        /// The file.
        name: String,
        /// What the system said.
        reason: String,
    },
    /// It is no TOML, or not what rules look like. The message shows the place.
    #[error("{name}: {shown}")]
    NotRules {
        /// The file.
        name: String,
        /// What is wrong, with the line.
        shown: String,
    },
}

impl RulesFile {
    /// Reads a file. It blocks, as files do.
    pub fn open(path: &Path) -> Result<Self, RulesFileError> {
        let name = path.display().to_string();
        let unreadable = |reason: String| RulesFileError::Unreadable { name: name.clone(), reason };
        let bytes = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(unreadable(format!("it has {bytes} bytes; rules have at most {FILE_BYTES_MAX}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&name, text)
    }

    /// Reads a text that has this name.
    pub fn parse(name: &str, text: String) -> Result<Self, RulesFileError> {
        let rules = toml::from_str(&text)
            .map_err(|error| RulesFileError::NotRules { name: name.to_owned(), shown: error.to_string() })?;
        Ok(Self { name: name.to_owned(), text, rules })
    }

    /// The rules in it.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Why a router refused them, shown in the file.
    pub fn explain(&self, refused: &RulesRefused) -> String {
        let table = DeTable::parse(&self.text).ok();
        let shown = refused.problems.iter().map(|problem| {
            let span = table.as_ref().and_then(|table| find(table, &problem.path));
            span.map_or_else(|| format!("{}: {problem}\n", self.name), |span| self.show(problem, span))
        });
        shown.collect::<Vec<_>>().join("\n")
    }

    fn show(&self, problem: &Problem, span: Range<usize>) -> String {
        let before = &self.text[..span.start];
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let (number, column) = (before.matches('\n').count() + 1, self.text[begin..span.start].chars().count());
        let line = self.text[begin..].lines().next().unwrap_or_default();
        let end = span.end.min(begin + line.len()).max(span.start);
        let length = self.text[span.start..end].chars().count().max(1);
        let margin = number.to_string().len();
        let mut shown = format!("{}:{number}:{}: {}\n", self.name, column + 1, problem.what);
        // Writing to a String never fails.
        let _ = writeln!(shown, "{number} | {line}");
        let _ = writeln!(shown, "{:margin$} | {:column$}{}", "", "", "^".repeat(length));
        let _ = writeln!(shown, "{:margin$} = {}", "", problem.remedy);
        shown
    }
}

/// Where a place of the data is in the text; of a place that is not there, as much as there is of the way to it.
fn find(table: &Spanned<DeTable<'_>>, path: &[Step]) -> Option<Range<usize>> {
    let mut steps = path.iter();
    let Some(Step::Key(key)) = steps.next() else { return None };
    let mut value = table.get_ref().get(key.as_str())?;
    for step in steps {
        let next = match (value.get_ref(), step) {
            (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str()),
            (DeValue::Array(items), Step::Index(index)) => items.get(*index),
            _ => None,
        };
        let Some(next) = next else { break };
        value = next;
    }
    Some(value.span())
}
