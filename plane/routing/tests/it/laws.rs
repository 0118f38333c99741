//! The tree of routes against the plain rule, over tables and requests made by chance.

use homeostat_routing::settings::{Gateway, Respond, Route, Texts};
use homeostat_routing::{Asked, Table, Verdict};
use http::{HeaderMap, Method};
use proptest::prelude::*;

fn routes() -> impl Strategy<Value = Vec<Route>> {
    let host = prop::sample::select(vec!["", "a.b", "*.a.b", "*.b", "c.a.b", "a.b *.b", "*.a.b z *.b"]);
    let segment = || prop::sample::select(vec!["x", "y", "{one}", ""]);
    let path = prop::collection::vec(segment(), 0..3).prop_map(|parts| {
        let named = parts.iter().enumerate().map(|(at, part)| part.replace("one", &format!("one{at}")));
        format!("/{}", named.collect::<Vec<_>>().join("/"))
    });
    let method = prop::sample::select(vec!["", "GET", "PUT"]);
    let route = (host, path, 0_u8..3, method, -1_i32..2).prop_map(|(host, path, form, method, precedence)| {
        let (path, path_prefix) = match form {
            0 => (Some(path), None),
            1 => (Some(format!("{}/{{rest..}}", path.trim_end_matches('/'))), None),
            // Prefixes have no captures: braces would be texts that no path holds.
            _ => (None, Some(path)),
        };
        let texts = |text: &str| Texts(text.split_whitespace().map(str::to_owned).collect());
        Route { host: texts(host), path, path_prefix, methods: texts(method), precedence, ..Route::default() }
    });
    prop::collection::vec(route, 1..12)
}

proptest! {
    #[test]
    fn the_tree_finds_what_the_rule_says(
        routes in routes(),
        host in prop::sample::select(vec!["a.b", "A.B:80", "c.a.b", "d.c.a.b", "b", "z", "z.b"]),
        path in prop::collection::vec(prop::sample::select(vec!["x", "y", "z", ""]), 0..4),
        method in prop::sample::select(vec![Method::GET, Method::PUT]),
    ) {
        // Would break: a route is missed, or one is taken whose conditions do not hold.
        let respond = Some(Respond::default());
        let named = routes.into_iter().enumerate().map(|(at, route)| (format!("r{at:02}"), Route { respond: respond.clone(), ..route }));
        let settings = Gateway { routes: named.collect(), ..Gateway::default() };
        let Ok(table) = Table::compile(&settings) else { return Ok(()) };
        let path = format!("/{}", path.join("/"));
        let headers = HeaderMap::new();
        let asked = Asked { method: &method, host, path: &path, query: None, headers: &headers };
        let found = table.find(&asked);
        let willing: Vec<_> = table.explain(&asked).into_iter()
            .filter(|one| matches!(one.verdict, Verdict::Takes | Verdict::Later)).collect();
        prop_assert_eq!(found.is_some(), !willing.is_empty());
        let Some(found) = found else { return Ok(()) };
        // The list of explanations is in the order of the tree.
        prop_assert_eq!(&willing[0].route.name, &found.route.name);
        prop_assert_eq!(&willing[0].verdict, &Verdict::Takes);
        prop_assert_eq!(found.captures.as_slice().len(), found.route.capture_names().len());
        // No willing route has a host that is more specific.
        let plain = host.split(':').next().unwrap().to_ascii_lowercase();
        let width = |texts: &Texts| texts.0.iter().filter_map(|host| match host.strip_prefix('*') {
            Some(end) => plain.ends_with(end).then_some(host.len()),
            None => (*host == plain).then_some(1_000),
        }).max().unwrap_or(0);
        for one in &willing {
            prop_assert!(width(&one.route.settings.host) <= width(&found.route.settings.host));
            // Of the same host and path, precedence and then conditions decide.
            let key = |route: &Route| (route.host.clone(), route.path.clone(), route.path_prefix.clone());
            if key(&one.route.settings) == key(&found.route.settings) {
                let rank = |route: &Route| (route.precedence, usize::from(!route.methods.is_empty()));
                prop_assert!(rank(&one.route.settings) <= rank(&found.route.settings));
            }
        }
    }
}
