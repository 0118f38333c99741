//! `Accept-Encoding`: a line for each line of the input. The coding that is chosen was offered and not forbidden, and lines mean the same
//! joined.

use homeostat_edge::compress::choose;
use homeostat_routing::settings::Coding;
use http::header::ACCEPT_ENCODING;

use crate::fields::{joined, lines, repeated};

const OFFERED: [(Coding, &[&str]); 3] =
    [(Coding::Zstd, &["zstd"]), (Coding::Brotli, &["br"]), (Coding::Gzip, &["gzip", "x-gzip"])];

/// Checks one input.
pub fn check(input: &[u8]) {
    let fields = repeated(&ACCEPT_ENCODING, lines(input));
    let offered = OFFERED.map(|(coding, _)| coding);
    let chosen = choose(&fields, &offered);
    let line = joined(&fields, &ACCEPT_ENCODING);
    let Ok(text) = std::str::from_utf8(&line) else { return };
    if fields.is_empty() {
        assert_eq!(chosen, None, "who says nothing gets it plain");
        return;
    }
    if line.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        let together = choose(&repeated(&ACCEPT_ENCODING, std::iter::once(line.as_slice())), &offered);
        assert_eq!(chosen, together, "joined the lines say something else");
    }
    let Some(chosen) = chosen else { return };
    assert_eq!(choose(&fields, &[chosen]), Some(chosen), "what is liked best is not liked alone");
    let (_, names) = OFFERED.iter().find(|(coding, _)| *coding == chosen).expect("what is chosen was offered");
    let bare = |member: &str| member.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut said = text.split(',').filter(|member| names.contains(&&*bare(member))).peekable();
    let is_refused = |member: &str| member.replace([' ', '\t'], "").to_ascii_lowercase().ends_with(";q=0");
    assert!(said.peek().is_none() || !said.all(is_refused), "{chosen:?} was forbidden in {text:?}");
}
