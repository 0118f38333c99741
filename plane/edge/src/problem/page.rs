//! The page that a person sees: one file, no script, nothing fetched from elsewhere, readable in light and in the dark.

use super::{Language, Problem};
use bytes::Bytes;

const BEFORE_LANGUAGE: &str = "<!doctype html>\n<html lang=\"";
const STYLE: &str = include_str!("page.css");

/// The page. Everything that is filled in is a text of ours or an id, whose letters mean nothing in HTML.
pub(super) fn render(problem: &Problem, language: Language) -> Bytes {
    let words = problem.code.words(language);
    let status = problem.code.status();
    let (number, code, id) = (status.as_str(), problem.code.as_str(), problem.request_id.as_str());
    let (title, detail, hint) = (sentence(words.title), words.detail, words.hint);
    let id_label = match language {
        Language::English => "Request",
        Language::Spanish => "Petición",
    };
    format!(
        "{BEFORE_LANGUAGE}{tag}\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title} ({number})</title>\n<style>{STYLE}</style>\n<main>\n\
         <p class=\"status\" aria-hidden=\"true\">{number}</p>\n<h1>{title}</h1>\n<p>{detail}</p>\n<p class=\"hint\">{hint}</p>\n\
         <footer><span>{code}</span> <span>{id_label} <code>{id}</code></span></footer>\n</main>\n</html>\n",
        tag = language.tag(),
    )
    .into()
}

/// A title as a sentence begins.
fn sentence(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
