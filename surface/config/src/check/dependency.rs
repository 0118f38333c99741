//! Dependencies: on services that do not exist, and in circles.

use super::Judge;
use super::suggest::nearest;
use crate::code::Code;
use crate::place::Place;
use crate::problem::Problem;
use crate::say;
use crate::tree::Path;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub fn check(judge: &mut Judge<'_>) {
    check_known(judge);
    check_circles(judge);
}

fn check_known(judge: &mut Judge<'_>) {
    let document = judge.document;
    let names = || document.services.keys().map(String::as_str);
    for (name, service) in &document.services {
        for dependency in &service.depends_on {
            // A service whose table had to be taken out is declared all the same.
            let declared =
                document.services.contains_key(dependency) || judge.is_broken(&Path::of_service(dependency, &[]));
            if declared {
                continue;
            }
            let help = match nearest(dependency, names()) {
                Some(near) => say::did_you_mean(near),
                None => say::declare_dependency(dependency),
            };
            let message = say::unknown_dependency(name, dependency);
            let place = entry_place(judge, name, dependency);
            let problem = Problem::new(Code::UnknownDependency, message, help).at(place, say::at_no_service());
            judge.report(Path::of_service(name, &["depends_on"]), problem);
        }
    }
}

/// Each circle is reported once, at its alphabetically first service, in full.
fn check_circles(judge: &mut Judge<'_>) {
    let document = judge.document;
    let mut edges: BTreeMap<&str, Vec<&str>> = document
        .services
        .iter()
        .map(|(name, service)| {
            let known = service.depends_on.iter().filter(|name| document.services.contains_key(*name));
            (name.as_str(), known.map(String::as_str).collect())
        })
        .collect();
    take_startable(&mut edges);
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in edges.keys() {
        if told.contains(start) {
            continue;
        }
        let Some(circle) = shortest_circle(start, &edges) else { continue };
        told.extend(&circle);
        report_circle(judge, &circle);
    }
}

/// Takes out what could start, wave by wave: what is left is in a circle, or waits for one. Searching only there keeps a
/// large configuration without circles, the usual one, linear.
fn take_startable<'a>(edges: &mut BTreeMap<&'a str, Vec<&'a str>>) {
    let mut dependants: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut waits_for: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, dependencies) in &*edges {
        waits_for.insert(name, dependencies.len());
        for dependency in dependencies {
            dependants.entry(dependency).or_default().push(name);
        }
    }
    let mut ready: Vec<&str> = waits_for.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(name) = ready.pop() {
        edges.remove(name);
        for dependant in dependants.get(name).into_iter().flatten() {
            if let Some(count) = waits_for.get_mut(dependant) {
                *count -= 1;
                if *count == 0 {
                    ready.push(dependant);
                }
            }
        }
    }
}

/// The shortest way from a service back to itself, by breadth-first search.
fn shortest_circle<'a>(start: &'a str, edges: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(name) = queue.pop_front() {
        for next in edges.get(name).into_iter().flatten() {
            if *next == start {
                let mut circle = vec![name];
                while let Some(before) =
                    circle.last().filter(|name| **name != start).and_then(|name| came_from.get(name))
                {
                    circle.push(before);
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, name);
                queue.push_back(next);
            }
        }
    }
    None
}

fn report_circle(judge: &mut Judge<'_>, circle: &[&str]) {
    let closed: Vec<&str> = circle.iter().chain(circle.first()).copied().collect();
    let message = match circle {
        [alone] => say::depends_on_itself(*alone),
        _ => say::circle(closed.join(" -> ")),
    };
    let mut problem = Problem::new(Code::DependencyCycle, message, say::take_dependency_out());
    for (index, pair) in closed.windows(2).enumerate() {
        let [from, to] = pair else { continue };
        let label = say::at_waits(*from, *to);
        let place = entry_place(judge, from, to);
        problem = if index == 0 { problem.at(place, label) } else { problem.also(place, label) };
    }
    judge.report(Path::of_service(circle[0], &["depends_on"]), problem);
}

/// The place of one entry of `depends_on`.
fn entry_place(judge: &Judge<'_>, service: &str, dependency: &str) -> Option<Place> {
    let path = Path::of_service(service, &["depends_on"]);
    let node = judge.tree.at(&path)?;
    let crate::tree::Value::List(list) = &node.value else { return Some(node.place.clone()) };
    list.iter().find(|item| item.text() == Some(dependency)).map(|item| item.place.clone())
}
