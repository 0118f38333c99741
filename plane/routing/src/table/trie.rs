//! Paths as a tree of segments, for one host.
//!
//! A walk goes down text before captures, and comes back when the further conditions of what it found do not hold. A node is
//! visited at most once in a walk, because only one way leads to it: so a walk is never longer than the tree is large, and
//! usually as long as the path has segments.

use super::{Asked, Route};
use crate::pattern::{Captures, PathPattern, Segment, Tail};
use hashbrown::HashMap;

/// Routes by path.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    texts: HashMap<Box<str>, usize>,
    capture: Option<usize>,
    /// Routes whose path ends here.
    end: Vec<usize>,
    /// Routes that take a slash and anything.
    rest: Vec<usize>,
    /// Routes that take nothing, or a slash and anything.
    below: Vec<usize>,
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl Trie {
    /// Adds a route. They must come in the order in which those with the same path are asked.
    pub fn insert(&mut self, pattern: &PathPattern, route: usize) {
        let mut at = 0;
        for segment in &pattern.segments {
            let next = self.nodes.len();
            let node = &mut self.nodes[at];
            at = match segment {
                Segment::Text(text) => *node.texts.entry(text.clone()).or_insert(next),
                Segment::Capture(_) => *node.capture.get_or_insert(next),
            };
            if at == next {
                self.nodes.push(Node::default());
            }
        }
        let node = &mut self.nodes[at];
        match pattern.tail {
            Tail::End => node.end.push(route),
            Tail::Rest(_) => node.rest.push(route),
            Tail::Below => node.below.push(route),
        }
    }

    /// The routes with the same path, in the order in which they are asked.
    pub fn groups(&self) -> impl Iterator<Item = &[usize]> {
        self.nodes.iter().flat_map(|node| [&*node.end, &node.rest, &node.below])
    }

    /// The route that takes a request, with what it catches.
    pub fn find<'p>(&self, routes: &[Route], asked: &Asked<'p, '_>) -> Option<(usize, Captures<'p>)> {
        let mut captures = Captures::default();
        // The slash at the beginning separates nothing; behind it the first segment begins.
        let path = asked.path.strip_prefix('/');
        let walk = Walk { nodes: &self.nodes, routes, asked };
        walk.from(0, path, &mut captures).map(|route| (route, captures))
    }
}

struct Walk<'a, 'p> {
    nodes: &'a [Node],
    routes: &'a [Route],
    asked: &'a Asked<'p, 'a>,
}

impl<'p> Walk<'_, 'p> {
    /// Goes on at a node with what is left of the path: `None` at its end, else what follows a slash. As deep as the deepest pattern.
    fn from(&self, at: usize, left: Option<&'p str>, captures: &mut Captures<'p>) -> Option<usize> {
        let node = &self.nodes[at];
        let Some(left) = left else {
            return self.first(&node.end).or_else(|| {
                let found = self.first(&node.below)?;
                captures.push("");
                Some(found)
            });
        };
        // Where nothing goes on, what is left is not taken apart.
        let split = if node.texts.is_empty() && node.capture.is_none() { None } else { left.split_once('/') };
        let (segment, further) = split.map_or((left, None), |(segment, further)| (segment, Some(further)));
        if let Some(next) = node.texts.get(segment)
            && let Some(found) = self.from(*next, further, captures)
        {
            return Some(found);
        }
        if let Some(next) = node.capture.filter(|_| !segment.is_empty()) {
            captures.push(segment);
            if let Some(found) = self.from(next, further, captures) {
                return Some(found);
            }
            captures.pop();
        }
        let found = self.first(&node.rest).or_else(|| self.first(&node.below))?;
        captures.push(left);
        Some(found)
    }

    fn first(&self, routes: &[usize]) -> Option<usize> {
        routes.iter().copied().find(|route| self.routes[*route].conditions.hold(self.asked))
    }
}
