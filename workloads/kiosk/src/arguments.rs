//! The command line of the kiosk.

use std::time::Duration;

/// How it is called.
pub const USAGE: &str = "usage: homeostat-kiosk web|catalog|till [--port PORT] [--catalog HOST:PORT] [--ignore-term]
       [--die-after-ms MS] [--start-slowly-ms MS]";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// Which of the services to be.
    pub role: Role,
    /// Where to listen on this host; zero lets the kernel choose.
    pub port: u16,
    /// Where the catalog is, for the web.
    pub catalog: Option<String>,
    /// Whether SIGTERM is to have no effect.
    pub ignore_term: bool,
    /// When to crash.
    pub die_after: Option<Duration>,
    /// How long to do nothing first.
    pub start_slowly: Option<Duration>,
}

/// The services of the kiosk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// What customers see; asks the catalog.
    Web,
    /// Knows what there is to buy.
    Catalog,
    /// Works away without a port.
    Till,
    /// What `/fork` leaves behind.
    Daemon,
}

impl Arguments {
    /// Reads them, or says what is wrong.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let role = match words.next().as_deref() {
            Some("web") => Role::Web,
            Some("catalog") => Role::Catalog,
            Some("till") => Role::Till,
            Some("daemon") => Role::Daemon,
            other => return Err(format!("there is no service {:?}", other.unwrap_or_default())),
        };
        let mut arguments =
            Self { role, port: 0, catalog: None, ignore_term: false, die_after: None, start_slowly: None };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--port" => arguments.port = number(&value()?)?,
                "--catalog" => arguments.catalog = Some(value()?),
                "--ignore-term" => arguments.ignore_term = true,
                "--die-after-ms" => arguments.die_after = Some(Duration::from_millis(number(&value()?)?)),
                "--start-slowly-ms" => arguments.start_slowly = Some(Duration::from_millis(number(&value()?)?)),
                _ => return Err(format!("there is no option {word}")),
            }
        }
        Ok(arguments)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number that fits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_arguments_are_named() {
        // A mistyped option in an example would pass unseen, and the fault it asks for never come.
        let parse = |line: &str| Arguments::parse(line.split(' ').map(str::to_owned));
        let web = parse("web --port 7000 --die-after-ms 50").expect("a good line");
        assert_eq!((web.port, web.die_after), (7000, Some(Duration::from_millis(50))));
        assert_eq!(parse("web --prot 7000"), Err("there is no option --prot".to_owned()));
        assert_eq!(parse("web --port 70000"), Err("\"70000\" is not a number that fits".to_owned()));
        assert_eq!(parse("web --port"), Err("--port needs a value".to_owned()));
        assert_eq!(parse("wbe"), Err("there is no service \"wbe\"".to_owned()));
    }
}
