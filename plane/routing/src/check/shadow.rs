//! Routes that no request can reach.

use crate::problem::{Problem, ProblemKind};
use crate::say;
use crate::table::Table;

pub(super) fn check(table: &Table, problems: &mut Vec<Problem>) {
    for (route, by) in table.shadowed() {
        let (message, remedy) = (say::shadowed(&*route.name, &*by.name), say::give_condition());
        let path = ["routes", &*route.name];
        let problem = Problem::new(ProblemKind::ShadowedRoute, &path, message, remedy, say::at_unreached());
        problems.push(problem.also(&["routes", &by.name], say::at_asked_first()));
    }
}
