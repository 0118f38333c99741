//! The target of a request: what is accepted is read alike when written again, and its normal form is a target that we would accept too,
//! with the same query.

use bytes::Bytes;
use homeostat_routing::normal_path;
use homeostat_wire::head::{check_target, is_valid_host};
use http::Method;

/// Checks one input.
pub fn check(input: &[u8]) {
    let target = Bytes::copy_from_slice(input);
    assert!(check_target(&target, &Method::CONNECT).is_err());
    // Only the answer to it differs.
    let _ = check_target(&target, &Method::OPTIONS);
    let Ok((uri, authority)) = check_target(&target, &Method::GET) else { return };
    assert!(uri.authority().is_none() && uri.scheme().is_none(), "more than path and query is left");
    let written = uri.path_and_query().expect("an accepted target has a path").as_str();
    if authority.is_none() {
        assert_eq!(written.as_bytes(), input, "a target in origin form is changed");
    }
    if let Some(authority) = authority.filter(|authority| is_valid_host(authority)) {
        // Whoever looks for the authority in another way must find the same.
        let text = std::str::from_utf8(input).expect("visible letters");
        let (_, rest) = text.split_once("://").expect("a scheme");
        let simple = rest.split(['/', '?', '#', '\\', '@']).next().unwrap_or_default();
        assert_eq!(authority, simple, "the authority is read differently");
    }
    let (path, query) = written.split_once('?').map_or((written, None), |(path, query)| (path, Some(query)));
    assert_eq!((uri.path(), uri.query()), (path, query), "path and query are parted elsewhere");
    let Ok(normal) = normal_path(path) else { return };
    let passed_on = query.map_or_else(|| normal.to_string(), |query| format!("{normal}?{query}"));
    let (again, none) = check_target(&Bytes::from(passed_on), &Method::GET).expect("what is passed on is a target");
    assert_eq!((again.path(), again.query(), none), (&*normal, query, None));
}
