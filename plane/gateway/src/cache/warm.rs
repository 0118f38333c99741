//! Warming: pages that are asked for once after a start, so that the first visitors find them.
//!
//! One task beside the requests, which has the gateway's own front asked on the workers' threads at a bounded rate: the connections that it
//! opens are the workers' own. Always holds: the pages of an upstream are asked for when somebody is there to answer, whatever other
//! upstreams do; each page is asked for once, and one that fails is left to the first visitor.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use homeostat_routing::{Action, Asked, normal_path};
use homeostat_wire::{Body, Handler, Peer};
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::front::Front;
use crate::gateway::Gateway;
use crate::plan::Plan;

/// So long it is waited for the first endpoint of an upstream; after that its pages are left to visitors.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// So long a page may take: one that never ends must not keep the place of another.
const PAGE_WITHIN: Duration = Duration::from_secs(60);
/// Pages asked for at once: a slow one must not hold up those of other upstreams.
const AT_ONCE_MAX: usize = 4;

/// Asks for the pages of the settings. Paths alone are asked for under the name `localhost`.
pub async fn warm(gateway: Arc<Gateway>) {
    let plan = gateway.plan();
    let per_s = plan.settings.cache.warm_per_s.max(1);
    let (mut waiting, mut asked) = (JoinSet::new(), JoinSet::new());
    for (upstream, pages) in by_upstream(&plan) {
        let upstream = gateway.upstreams().into_iter().find(|there| Some(&**there.name()) == upstream.as_deref());
        waiting.spawn(async move {
            // What needs no upstream needs nobody to wait for.
            let Some(upstream) = upstream else { return pages };
            let is_there = tokio::time::timeout(READY_WITHIN, upstream.somebody()).await.is_ok();
            if is_there { pages } else { Vec::new() }
        });
    }
    drop(plan);
    let mut ready = VecDeque::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_s);
    let mut worker = 0;
    loop {
        tokio::select! {
            Some(pages) = waiting.join_next() => ready.extend(pages.into_iter().flatten()),
            Some(_) = asked.join_next() => {}
            _ = ticks.tick(), if !ready.is_empty() && asked.len() < AT_ONCE_MAX => {
                worker = (worker + 1) % gateway.workers();
                let page = ready.pop_front().expect("there is one");
                let Some(runtime) = gateway.runtimes().of(worker) else { return };
                let asking = ask(Front::new(Arc::clone(&gateway), worker), page);
                begin(&mut asked, asking, PAGE_WITHIN, runtime);
            }
            else => return,
        }
    }
}

/// Has a page asked for on a worker's thread, for so long at most.
fn begin(
    asked: &mut JoinSet<()>,
    asking: impl Future<Output = ()> + Send + 'static,
    within: Duration,
    runtime: &Handle,
) {
    asked.spawn_on(async move { drop(tokio::time::timeout(within, asking).await) }, runtime);
}

/// The pages, by the upstream of the route that takes them.
fn by_upstream(plan: &Plan) -> BTreeMap<Option<String>, Vec<String>> {
    let mut all: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for page in &plan.settings.cache.warm {
        all.entry(upstream_of(plan, page)).or_default().push(page.clone());
    }
    all
}

fn upstream_of(plan: &Plan, page: &str) -> Option<String> {
    let (host, target) = split(page);
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let path = normal_path(path).ok()?;
    let asked = Asked { method: &Method::GET, host, path: &path, query, headers: &HeaderMap::new() };
    match &plan.table.find(&asked)?.route.action {
        Action::Forward(split) => Some(plan.table.upstream(split.upstreams().next()?).name.to_string()),
        Action::Redirect(_) | Action::Respond(_) => None,
    }
}

async fn ask(front: Front, page: String) {
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let peer = Arc::new(Peer::direct(here, here));
    let (host, path) = split(&page);
    let request = http::Request::builder().uri(path).header(header::HOST, host).body(());
    let Ok(request) = request else {
        tracing::warn!(page, "a page to warm is no address");
        return;
    };
    let response = front.handle(request.map(|()| Body::empty()), &peer).await;
    let mut body = response.into_body();
    while let Some(Ok(_)) = body.frame().await {}
}

/// `//shop.example.org/cart`, or a whole URL, into host and path; a path alone is for `localhost`.
fn split(page: &str) -> (&str, &str) {
    let rest = page.split_once("://").map_or(page, |(_, rest)| rest);
    let rest = if rest.len() == page.len() { page.strip_prefix("//") } else { Some(rest) };
    match rest {
        None => ("localhost", page),
        Some(rest) => match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_that_never_ends_gives_up_its_place() {
        // Would break: four pages that are streams without an end keep all others cold.
        let mut asked = JoinSet::new();
        begin(&mut asked, std::future::pending(), Duration::from_millis(1), &Handle::current());
        let ended = tokio::time::timeout(Duration::from_secs(20), asked.join_next()).await;
        assert!(matches!(ended, Ok(Some(Ok(())))), "{ended:?}");
    }
}
