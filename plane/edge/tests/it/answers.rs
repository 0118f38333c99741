//! The gateway's own errors, as programs and people read them.

use crate::{headers, text};
use bytes::Bytes;
use homeostat_edge::problem::Language;
use homeostat_edge::{Code, Problem, RequestId};
use http::Response;
use proptest::prelude::*;

const ID: &str = "0af7651916cd43dd8448eb211c80319c";

fn answer(code: Code, fields: &[(&str, &str)]) -> Response<Bytes> {
    Problem::new(code, RequestId::parse(ID.as_bytes()).unwrap()).answer(&headers(fields))
}

fn body(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

#[test]
fn a_program_reads_a_problem() {
    // Would break: clients that look for the type or the code of a problem find another form.
    insta::assert_snapshot!(body(&answer(Code::TooMany, &[])), @r#"{"type":"/docs/errors/H0610","title":"too many requests","status":429,"code":"H0610","detail":"More requests came than were agreed on.","hint":"Wait as long as Retry-After says, then go on more slowly.","request_id":"0af7651916cd43dd8448eb211c80319c"}"#);
    let response = answer(Code::NoRoute, &[("accept-language", "es-MX, en;q=0.8")]);
    assert_eq!(response.status(), 404);
    assert_eq!(text(response.headers(), "content-type"), Some("application/problem+json"));
    assert_eq!(text(response.headers(), "content-language"), Some("es"));
    assert_eq!(text(response.headers(), "cache-control"), Some("no-store"));
    assert_eq!(text(response.headers(), "vary"), Some("Accept, Accept-Language"));
    assert!(body(&response).contains("aquí no hay nada"));
}

#[test]
fn a_person_reads_a_page() {
    // Would break: a visitor sees braces and quotes, or a program gets a page.
    let html = |accept: &str| {
        text(answer(Code::NoRoute, &[("accept", accept)]).headers(), "content-type").unwrap().starts_with("text/html")
    };
    for browser in [
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/html",
        "text/html;q=0.9, application/json;q=0.8",
        "TEXT/HTML",
    ] {
        assert!(html(browser), "{browser}");
    }
    for program in [
        "*/*",
        "application/json",
        "",
        "application/json, text/html",
        "text/html;q=0",
        "application/problem+json, text/html;q=0.9",
        "*/*, text/html;q=0.1",
        "text/plain",
    ] {
        assert!(!html(program), "{program}");
    }
    insta::assert_snapshot!("page", body(&answer(Code::UpstreamFailed, &[("accept", "text/html")])));
    let spanish = answer(Code::UpstreamFailed, &[("accept", "text/html"), ("accept-language", "es")]);
    assert!(body(&spanish).contains("lang=\"es\"") && body(&spanish).contains("Petición"));
    assert!(spanish.body().len() < 4_096 && spanish.headers().contains_key("content-security-policy"));
}

#[test]
fn languages_are_chosen_by_weight() {
    // Would break: a visitor reads the language that it likes least.
    let of = |text: &str| text_of(&answer(Code::NoRoute, &[("accept-language", text)]));
    fn text_of(response: &Response<Bytes>) -> String {
        text(response.headers(), "content-language").unwrap().to_owned()
    }
    for (wish, language) in [
        ("es", "es"),
        ("es-419", "es"),
        ("ES", "es"),
        ("en, es", "en"),
        ("es;q=0.5, en;q=0.4", "es"),
        ("de, fr", "en"),
        ("de, es;q=0.1", "es"),
        ("es;q=0", "en"),
        ("", "en"),
        ("*", "en"),
        ("est", "en"),
    ] {
        assert_eq!(of(wish), language, "{wish:?}");
    }
}

#[test]
fn every_code_has_its_page_its_status_and_its_words() {
    // Would break: the page behind a code speaks of something else, or says nothing in one language.
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/");
    for code in Code::ALL {
        let page = std::fs::read_to_string(format!("{pages}{}.md", code.as_str())).unwrap();
        let english = code.words(Language::English);
        assert!(page.starts_with(&format!("# {}: {}\n", code.as_str(), english.title)), "{code:?}");
        assert!(
            page.contains("## What it means") && page.contains("## Why it happens") && page.contains("## What to do"),
            "{code:?}"
        );
        assert!(code.status().is_client_error() || code.status().is_server_error());
        let spanish = code.words(Language::Spanish);
        for (one, other) in
            [(english.title, spanish.title), (english.detail, spanish.detail), (english.hint, spanish.hint)]
        {
            assert!(!one.is_empty() && !other.is_empty() && one != other, "{code:?}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_for_there_is_an_answer(accept in "[ -~]{0,60}", language in "[ -~]{0,60}") {
        // Would break: an odd header ends a worker, or comes back in the answer.
        let response = answer(Code::Fault, &[("accept", &format!("{accept}<zq>")), ("accept-language", &language)]);
        prop_assert!(!body(&response).contains("<zq>") && response.status() == 500);
    }
}
