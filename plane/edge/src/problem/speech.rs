//! The languages that errors are told in.

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, for everybody who asks for none of the others.
    #[default]
    English,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Its tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// The language that weighs most; of equals the one that was named first.
    pub fn of<'a>(wishes: impl Iterator<Item = (&'a str, u16)>) -> Self {
        let mut best = (Self::default(), 0);
        for (tag, weight) in wishes {
            let Some(language) = Self::named(tag) else { continue };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    fn named(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        [Self::English, Self::Spanish].into_iter().find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }
}
