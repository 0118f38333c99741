//! The codes of this interface, each with its status and its page: one table.
//!
//! Used by problems, by the OpenAPI document, and by the address that serves the pages. Always holds: each code has its page,
//! compiled in; the title is the page's own.

use homeostat_vocabulary::{Guard, Refusal};

/// What stands behind a code.
struct Row {
    status: u16,
    page: &'static str,
}

macro_rules! row {
    ($code:literal, $status:literal) => {
        Row { status: $status, page: include_str!(concat!("../../../docs/errors/", $code, ".md")) }
    };
}

homeostat_vocabulary::codes! {
    /// Why a request was not granted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Code, columns row as row -> Row {
        Unreadable = "H0420" { 400 },
        NoToken = "H0421" { 401 },
        OtherUser = "H0422" { 403 },
        OtherSite = "H0423" { 403 },
        NothingHere = "H0424" { 404 },
        WrongMethod = "H0425" { 405 },
        TooSlow = "H0426" { 408 },
        WrongState = "H0427" { 409 },
        EventsGone = "H0428" { 410 },
        TooLarge = "H0429" { 413 },
        ConfigurationRefused = "H0430" { 422 },
        TooMany = "H0431" { 429 },
        EngineSilent = "H0432" { 503 },
        JournalUnreadable = "H0433" { 503 },
        ShuttingDown = "H0434" { 503 },
        Fault = "H0435" { 500 },
        KillSwitch = "H0501" { 409 },
        RecoverySwitch = "H0502" { 403 },
        Autonomy = "H0503" { 403 },
        Rate = "H0504" { 409 },
        Backoff = "H0505" { 409 },
        Freshness = "H0506" { 409 },
        OneActor = "H0507" { 409 },
        Journal = "H0508" { 409 },
        Reversible = "H0509" { 409 },
    }
}

impl Code {
    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// Its page.
    #[must_use]
    pub const fn page(self) -> &'static str {
        self.row().page
    }

    /// The title of its page: what went wrong, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        let heading = self.page().lines().next().unwrap_or_default();
        heading.split_once(": ").map_or(heading, |(_, title)| title)
    }

    /// The code called `text`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// The code of a guard's no.
    #[must_use]
    pub const fn of_guard(guard: Guard) -> Self {
        match guard {
            Guard::KillSwitch => Self::KillSwitch,
            Guard::RecoverySwitch => Self::RecoverySwitch,
            Guard::Autonomy => Self::Autonomy,
            Guard::Rate => Self::Rate,
            Guard::Backoff => Self::Backoff,
            Guard::Freshness => Self::Freshness,
            Guard::OneActor => Self::OneActor,
            Guard::Journal => Self::Journal,
            Guard::Reversible => Self::Reversible,
        }
    }

    /// The code of a refused command.
    #[must_use]
    pub const fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NoSuchService { .. } | Refusal::NoSuchAction { .. } => Self::NothingHere,
            Refusal::WrongState { .. } | Refusal::NoSuchInstance { .. } => Self::WrongState,
            Refusal::Guarded { guard, .. } => Self::of_guard(*guard),
            Refusal::ShuttingDown => Self::ShuttingDown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn every_page_is_about_its_code() {
        // A problem's title and the page behind its type would speak of something else.
        for code in Code::ALL {
            assert!(code.page().starts_with(&format!("# {}: ", code.as_str())), "{code:?}");
            assert!(!code.title().is_empty() && code.page().contains("## What to do"), "{code:?}");
            assert_eq!(Code::named(code.as_str()), Some(*code));
        }
        assert_eq!(Code::named("H04"), None);
    }
}
