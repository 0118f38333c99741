//! From events to figures of them: projections, conditions and tuples, and states that outlive the closures they were made with.

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Collect, Count, Distinct, Last, Max, Mean, Percentiles, Recipe, Sum, Trend};

use super::{folded, restored};

#[derive(Debug, Clone)]
struct Request {
    path: &'static str,
    millis: f64,
    bytes: Option<u32>,
}

fn requests() -> Vec<(Moment, Request)> {
    let request = |second, path, millis, bytes| (Moment::from_secs(second), Request { path, millis, bytes });
    vec![
        request(1, "/", 10.0, Some(100)),
        request(2, "/slow", 400.0, None),
        request(3, "/", 20.0, Some(50)),
        request(4, "/slow", 600.0, Some(1)),
    ]
}

#[test]
fn figures_conditions_and_tuples_go_together() {
    // Would break: a recipe that gives one part's event, figure or state to another.
    let recipe = (
        Count::new(),
        Mean::new().of(|request: &Request| request.millis).when(|request: &Request| request.path == "/slow"),
        Sum::new().of_some(|request: &Request| request.bytes.map(f64::from)),
        (Max::new().when(|millis: &f64| *millis < 500.0), Percentiles::new(), Trend::new())
            .of(|request: &Request| request.millis),
    );
    let (count, slow, bytes, (max, percentiles, trend)) = recipe.read(&folded(&recipe, &requests()));
    assert_eq!((count, slow.value, slow.taken), (4, Some(500.0), 2));
    assert_eq!((bytes.value, bytes.taken), (Some(151.0), 3));
    assert_eq!((max.value, percentiles.taken), (Some(400.0), 4));
    assert!((trend.value.unwrap().per_second - 139.0).abs() < 1e-9);
}

#[test]
fn a_state_is_restored_into_a_recipe_made_anew() {
    // Would break: a snapshot that can only go on with the very closures of the program that wrote it.
    let recipe = || {
        (
            Distinct::new().of(|request: &Request| request.path),
            Last::new().of(|request: &Request| request.path.to_owned()),
            Collect::up_to(2).of(|request: &Request| request.millis),
        )
    };
    let events = requests();
    for cut in 0..=events.len() {
        let mut state = restored(&folded(&recipe(), &events[..cut]));
        let (later, recipe) = (&events[cut..], recipe());
        recipe.join(&mut state, &restored(&folded(&recipe, later)));
        let (paths, last, millis) = recipe.read(&state);
        assert_eq!((paths, last.as_deref(), millis.values, millis.missed), (2, Some("/slow"), vec![10.0, 400.0], 2));
    }
}

#[test]
fn a_recipe_is_shared_between_groups() {
    // Would break: a group whose state leaks into another through the recipe.
    let recipe = std::sync::Arc::new(Sum::new().of(|request: &Request| request.millis));
    let events = requests();
    let [fast, slow] =
        ["/", "/slow"].map(|path| folded(&*recipe, events.iter().filter(|(_, request)| request.path == path)));
    assert_eq!((recipe.read(&fast).value, recipe.read(&slow).value), (Some(30.0), Some(1_000.0)));
    assert_eq!(recipe.read(&recipe.start()).value, None);
}
