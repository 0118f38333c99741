//! What the gateway has to complain of: settings that it refused, a listener that it cannot have, and changed
//! certificates that it cannot use.
//!
//! Noted where either is found out, read by the control. Always holds: a complaint stands until what it is about was put right, or has
//! become another; there are few and they are short, whatever is written in the settings.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// As many problems of refused settings are told; who mends them sees what is left.
const PROBLEMS_MAX: usize = 10;
/// A reason is cut to this.
const WHY_BYTES_MAX: usize = 1_000;

/// One of them.
#[derive(Debug, Clone, Serialize)]
pub struct Complaint {
    /// `settings_refused`, `listener_missing` or `certificates_refused`.
    pub kind: &'static str,
    /// The reason.
    pub why: String,
}

/// All that stand.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    settings: Vec<String>,
    listener: Option<String>,
    certificates: Vec<String>,
}

impl Complaints {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings were read: what is wrong with them, if they are refused.
    pub fn of_settings(&self, problems: &[String]) {
        self.known().settings = problems.iter().take(PROBLEMS_MAX).map(|why| cut(why.clone())).collect();
    }

    /// The listeners were opened: why one of them cannot be had.
    pub fn of_listener(&self, why: Option<String>) {
        self.known().listener = why.map(cut);
    }

    /// The files of certificates were looked at: why changed ones cannot be used, for each listener that shows older ones.
    pub fn of_certificates(&self, whys: Vec<String>) {
        self.known().certificates = whys.into_iter().take(PROBLEMS_MAX).map(cut).collect();
    }

    /// What stands.
    pub fn read(&self) -> Vec<Complaint> {
        let known = self.known();
        let complaint = |kind| move |why: &String| Complaint { kind, why: why.clone() };
        let settings = known.settings.iter().map(complaint("settings_refused"));
        let listener = known.listener.iter().map(complaint("listener_missing"));
        let certificates = known.certificates.iter().map(complaint("certificates_refused"));
        settings.chain(listener).chain(certificates).collect()
    }
}

fn cut(mut why: String) -> String {
    why.truncate(why.floor_char_boundary(WHY_BYTES_MAX));
    why
}
