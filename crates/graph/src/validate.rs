//! What makes a definition a graph.

use std::collections::BTreeSet;
use std::fmt;

use crate::builder::{Edge, GraphBuilder};
use crate::graph::END;

/// A definition that is not a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct GraphError {
    /// The graph's name.
    pub graph: String,
    /// Everything that is wrong with it.
    pub problems: Vec<Problem>,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the graph `{}` cannot be built:", self.graph)?;
        match self.problems.as_slice() {
            [problem] => write!(f, " {problem}"),
            problems => problems.iter().try_for_each(|problem| write!(f, "\n- {problem}")),
        }
    }
}

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is nothing to run.
    #[error("it has no nodes")]
    NoNodes,
    /// A name that edges could not tell from something else.
    #[error("`{node}` cannot be the name of a node: it must not be empty, be `{END}` or contain `#`")]
    InvalidName {
        /// The name.
        node: String,
    },
    /// Two nodes have the same name.
    #[error("there are two nodes `{node}`")]
    DuplicateNode {
        /// The name.
        node: String,
    },
    /// The first node is not named.
    #[error("it has no entry: name the node that runs first")]
    NoEntry,
    /// The first node does not exist.
    #[error("the entry `{entry}` is not a node{}", did_you_mean(nearest.as_ref()))]
    UnknownEntry {
        /// What was named.
        entry: String,
        /// The most similar node.
        nearest: Option<String>,
    },
    /// An edge leaves a node that does not exist.
    #[error("edge `{from}` → `{to}`: there is no node `{from}`{}", did_you_mean(nearest.as_ref()))]
    UnknownSource {
        /// Where the edge begins.
        from: String,
        /// Where it ends.
        to: String,
        /// The most similar node.
        nearest: Option<String>,
    },
    /// An edge leads to a node that does not exist.
    #[error("edge `{from}` → `{to}`: there is no node `{to}`{}", did_you_mean(nearest.as_ref()))]
    UnknownTarget {
        /// Where the edge begins.
        from: String,
        /// Where it ends.
        to: String,
        /// The most similar node, or [`END`].
        nearest: Option<String>,
    },
    /// The same edge is there twice.
    #[error("edge `{from}` → `{to}` is there twice")]
    DuplicateEdge {
        /// Where the edge begins.
        from: String,
        /// Where it ends.
        to: String,
    },
    /// A choice between nothing.
    #[error("the conditional edge of `{from}` has no targets")]
    NoTargets {
        /// The node it leaves.
        from: String,
    },
    /// A join of fewer than two nodes, or one that ends the run.
    #[error("the join into `{to}` {reason}")]
    InvalidJoin {
        /// Where the join leads.
        to: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No edge leaves a node.
    #[error("no edge leaves `{node}`: add one to another node or to `{END}`")]
    NoWayOut {
        /// The node.
        node: String,
    },
    /// A node cannot be reached.
    #[error("`{node}` cannot be reached from the entry `{entry}`")]
    Unreachable {
        /// The node.
        node: String,
        /// Where the graph begins.
        entry: String,
    },
    /// A node never leads to the end.
    #[error("`{node}` never leads to `{END}`: a run that reaches it cannot finish")]
    Endless {
        /// The node.
        node: String,
    },
    /// A run could not take a single step.
    #[error("its step limit is zero: a run could not take a single step")]
    ZeroStepLimit,
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The candidate that is most like `name`, if one is like it at all: at most one edit in three letters.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= name.chars().count().max(candidate.chars().count()).div_ceil(3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

/// Everything that is wrong with a definition, in the order in which a person would mend it.
pub(crate) fn problems<S>(builder: &GraphBuilder<S>) -> Vec<Problem> {
    let names: Vec<&str> = builder.nodes.iter().map(|(name, _)| name.as_str()).collect();
    let edges = flatten(&builder.edges);
    let mut problems = Vec::new();
    name_problems(&names, &mut problems);
    match builder.entry.as_deref() {
        None => problems.push(Problem::NoEntry),
        Some(entry) if !names.contains(&entry) => problems.push(Problem::UnknownEntry {
            entry: entry.to_owned(),
            nearest: nearest(entry, names.iter().copied()),
        }),
        Some(_) => {}
    }
    edge_problems(builder, &names, &edges, &mut problems);
    if builder.step_limit == 0 {
        problems.push(Problem::ZeroStepLimit);
    }
    // Reachability of a graph whose edges lead nowhere would only repeat what has been said.
    if let (Some(entry), true) = (builder.entry.as_deref(), problems.is_empty()) {
        path_problems(entry, &names, &edges, &mut problems);
    }
    problems
}

/// Every way from one place to another.
fn flatten<S>(edges: &[Edge<S>]) -> Vec<(&str, &str)> {
    let mut flat = Vec::new();
    for edge in edges {
        match edge {
            Edge::Static { from, to } => flat.push((from.as_str(), to.as_str())),
            Edge::Conditional { from, conditional } => {
                flat.extend(conditional.targets.iter().map(|to| (from.as_str(), to.as_str())));
            }
            Edge::Join(join) => {
                flat.extend(join.sources.iter().map(|from| (from.as_str(), join.target.as_str())));
            }
        }
    }
    flat
}

fn name_problems(names: &[&str], problems: &mut Vec<Problem>) {
    if names.is_empty() {
        problems.push(Problem::NoNodes);
    }
    for (position, &name) in names.iter().enumerate() {
        if name.is_empty() || name == END || name.contains('#') {
            problems.push(Problem::InvalidName { node: name.to_owned() });
        }
        if names[..position].contains(&name) {
            problems.push(Problem::DuplicateNode { node: name.to_owned() });
        }
    }
}

fn edge_problems<S>(
    builder: &GraphBuilder<S>,
    names: &[&str],
    edges: &[(&str, &str)],
    problems: &mut Vec<Problem>,
) {
    for &(from, to) in edges {
        let (from_name, to_name) = (from.to_owned(), to.to_owned());
        if !names.contains(&from) {
            let nearest = nearest(from, names.iter().copied());
            problems.push(Problem::UnknownSource { from: from_name.clone(), to: to_name.clone(), nearest });
        }
        if to != END && !names.contains(&to) {
            let nearest = nearest(to, names.iter().copied().chain([END]));
            problems.push(Problem::UnknownTarget { from: from_name, to: to_name, nearest });
        }
    }
    let mut seen = BTreeSet::new();
    for edge in &builder.edges {
        match edge {
            Edge::Static { from, to } if !seen.insert((from, to)) => {
                problems.push(Problem::DuplicateEdge { from: from.clone(), to: to.clone() });
            }
            Edge::Conditional { from, conditional } if conditional.targets.is_empty() => {
                problems.push(Problem::NoTargets { from: from.clone() });
            }
            Edge::Join(join) => {
                let distinct: BTreeSet<_> = join.sources.iter().collect();
                let reason = if join.target == END {
                    "is not needed: a run ends when every branch has"
                } else if distinct.len() < 2 || distinct.len() < join.sources.len() {
                    "needs two or more different sources"
                } else {
                    continue;
                };
                problems.push(Problem::InvalidJoin { to: join.target.clone(), reason });
            }
            _ => {}
        }
    }
    for &name in names {
        let leaves = edges.iter().any(|(from, _)| *from == name)
            || builder
                .edges
                .iter()
                .any(|edge| matches!(edge, Edge::Conditional { from, .. } if from == name));
        if !leaves {
            problems.push(Problem::NoWayOut { node: name.to_owned() });
        }
    }
}

fn path_problems(entry: &str, names: &[&str], edges: &[(&str, &str)], problems: &mut Vec<Problem>) {
    let reached = closure(entry, |place| edges.iter().filter(move |edge| edge.0 == place).map(|edge| edge.1));
    let ending = closure(END, |place| edges.iter().filter(move |edge| edge.1 == place).map(|edge| edge.0));
    for &name in names {
        if !reached.contains(name) {
            problems.push(Problem::Unreachable { node: name.to_owned(), entry: entry.to_owned() });
        } else if !ending.contains(name) {
            problems.push(Problem::Endless { node: name.to_owned() });
        }
    }
}

/// Every place that can be reached by these steps.
fn closure<'a, I: Iterator<Item = &'a str>>(
    start: &'a str,
    steps: impl Fn(&'a str) -> I,
) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(place) = open.pop() {
        open.extend(steps(place).filter(|next| found.insert(next)));
    }
    found
}
