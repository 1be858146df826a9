//! Waiting for one another: an agent that has asked another one something and cannot go on without the answer.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, MessageId, ProjectId, TaskId};
use crate::time::Timestamp;

/// A question that somebody waits for the answer to, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The question.
    pub message: MessageId,
    /// The project it is asked in.
    pub project: ProjectId,
    /// Who waits.
    pub waiter: AgentId,
    /// Whose answer it is.
    pub target: AgentId,
    /// The task that waits with them.
    pub task: TaskId,
    /// Which question about this task it is, from 1.
    pub number: u32,
    /// The workflow to tell.
    pub workflow_id: String,
    /// Since when.
    pub since: Timestamp,
    /// How it ended, once it has.
    pub end: Option<WaitEnd>,
}

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum WaitEnd {
    /// With the answer.
    Answered {
        /// The message that is it.
        reply: MessageId,
    },
    /// Without one from whoever was asked.
    Closed {
        /// What the waiter is told instead.
        told: String,
    },
}

/// One agent waits for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Who waits.
    pub waiter: AgentId,
    /// For whom.
    pub target: AgentId,
}

/// The circle that one more wait would close, from its target back to its waiter: each waits for the next. `None` where
/// it closes none.
///
/// Everybody in a circle would wait for good, so the edge that closes it is refused before it is there; among several
/// circles, a shortest one is named.
pub fn circle(edges: &[Edge], new: &Edge) -> Option<Vec<AgentId>> {
    let mut reached_from: BTreeMap<&AgentId, Option<&AgentId>> = BTreeMap::from([(&new.target, None)]);
    let mut frontier = VecDeque::from([&new.target]);
    while let Some(agent) = frontier.pop_front() {
        if *agent == new.waiter {
            let mut path = vec![agent.clone()];
            let mut at = agent;
            while let Some(Some(before)) = reached_from.get(at) {
                path.push((*before).clone());
                at = before;
            }
            path.reverse();
            return Some(path);
        }
        for edge in edges.iter().filter(|edge| edge.waiter == *agent) {
            if !reached_from.contains_key(&edge.target) {
                reached_from.insert(&edge.target, Some(agent));
                frontier.push_back(&edge.target);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a>b` means that a waits for b.
    fn edge(text: &str) -> Edge {
        let (waiter, target) = text.split_once('>').expect("two agents");
        let agent = |name: &str| AgentId::new(format!("p/{name}")).expect("an id");
        Edge { waiter: agent(waiter), target: agent(target) }
    }

    #[test]
    fn a_wait_that_closes_a_circle_names_it() {
        for (edges, new, expected) in [
            ("", "a>b", None),
            ("", "a>a", Some("a")),
            ("b>a", "a>b", Some("b a")),
            ("b>c c>a", "a>b", Some("b c a")),
            ("b>c c>d", "a>b", None),
            ("a>b", "a>b", None),
            ("a>c", "b>c", None),
            ("b>c c>b", "a>b", None),
            ("b>c b>d c>a d>e e>a", "a>b", Some("b c a")),
            ("b>c c>d d>a c>a", "a>b", Some("b c a")),
        ] {
            let edges: Vec<Edge> = edges.split_whitespace().map(edge).collect();
            let names = |circle: Vec<AgentId>| {
                circle.iter().map(|id| id.as_str().replace("p/", "")).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(circle(&edges, &edge(new)).map(names).as_deref(), expected, "{edges:?} {new}");
        }
    }
}
