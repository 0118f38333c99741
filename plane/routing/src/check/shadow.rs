//! Routes that no request can reach.

use super::report;
use crate::problem::{Problem, ProblemKind};
use crate::table::Table;

pub(super) fn check(table: &Table, problems: &mut Vec<Problem>) {
    for (route, by) in table.shadowed() {
        let message = format!("route `{}` gets no request: `{}` takes all of them", route.name, by.name);
        let remedy = "give it another condition, a higher `precedence`, or take it out";
        let at = problems.len();
        report(problems, ProblemKind::ShadowedRoute, &["routes", &route.name], (message, remedy, "never reached"));
        let problem = problems.remove(at);
        problems.push(problem.also(&["routes", &by.name], "this one is asked first, and takes no less"));
    }
}
