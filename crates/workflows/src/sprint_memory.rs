//! What a sprint's supervisor has to know that no table of the store says: what is under way, and how often what was
//! tried.
//!
//! The supervisor's activity keeps it in the store and gives the workflow its address; the workflow hands the address
//! back with what happened since. So a history grows with what happens in a sprint, and not with its square.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use syndarix_agents::supervisor::Running;
use syndarix_core::id::TaskId;

use crate::types::{Settled, WorkRequest};

/// What a sprint's supervisor remembers from one look to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SprintMemory {
    /// The work under way; at most one piece for each task.
    pub(crate) running: Vec<Running>,
    /// The next round of development, by task, where it is not the first.
    pub(crate) rounds: BTreeMap<TaskId, u32>,
    /// Tasks that a human allowed more rounds, and how often.
    pub(crate) reprieved: BTreeMap<TaskId, u32>,
    /// Tasks that a human is being asked about.
    pub(crate) asked: Vec<TaskId>,
}

impl SprintMemory {
    /// Takes in what became of a task after a piece of work on it.
    pub(crate) fn settle(&mut self, task: &TaskId, settled: &Settled) {
        self.running.retain(|running| running.task != *task);
        if *settled != Settled::Forward {
            *self.rounds.entry(task.clone()).or_insert(1) += 1;
        }
        if matches!(settled, Settled::Stuck { .. }) {
            self.ask(task);
        }
    }

    /// Takes in that a human allowed a task more rounds.
    pub(crate) fn reprieve(&mut self, task: TaskId) {
        self.asked.retain(|asked| *asked != task);
        *self.reprieved.entry(task).or_default() += 1;
    }

    /// Takes in that a human gave a task up.
    pub(crate) fn give_up(&mut self, task: &TaskId) {
        self.asked.retain(|asked| asked != task);
    }

    /// Takes in that a piece of work is being started.
    pub(crate) fn start(&mut self, work: &WorkRequest) {
        let WorkRequest { task, agent, stage, .. } = work.clone();
        self.running.push(Running { task, agent, stage });
    }

    /// Takes in that a human is being asked about a task.
    pub(crate) fn ask(&mut self, task: &TaskId) {
        self.asked.push(task.clone());
    }

    /// Which round of development a task is in.
    pub(crate) fn round(&self, task: &TaskId) -> u32 {
        self.rounds.get(task).copied().unwrap_or(1)
    }

    /// How often a human allowed a task more rounds.
    pub(crate) fn reprieves(&self, task: &TaskId) -> u32 {
        self.reprieved.get(task).copied().unwrap_or_default()
    }

    /// How often a task was sent back, as the supervisor counts it: a human's yes forgives as many times as were
    /// `allowed`.
    pub(crate) fn sent_back(&self, task: &TaskId, allowed: u32) -> u32 {
        let forgiven = self.reprieves(task).saturating_mul(allowed);
        self.round(task).saturating_sub(1).saturating_sub(forgiven)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;
    use syndarix_agents::Stage;

    use super::*;

    fn work(task: &str, stage: Stage) -> WorkRequest {
        WorkRequest {
            project: "p".parse().expect("an id"),
            task: task.parse().expect("an id"),
            agent: "p/dave".parse().expect("an id"),
            stage,
            round: 1,
            attempt: 1,
            sprint: Some(1),
        }
    }

    fn id(task: &str) -> TaskId {
        task.parse().expect("an id")
    }

    #[test]
    fn what_happened_becomes_what_is_known() {
        let mut memory = SprintMemory::default();
        let mut story = String::new();
        let mut tell = |what: &str, memory: &SprintMemory| {
            let keys = |ids: Vec<&TaskId>| ids.iter().map(|id| id.key()).collect::<Vec<_>>().join(" ");
            let _ = writeln!(
                story,
                "{what}: running [{}], asked [{}], T-1 in round {} and sent back {} times",
                keys(memory.running.iter().map(|running| &running.task).collect()),
                keys(memory.asked.iter().collect()),
                memory.round(&id("p/T-1")),
                memory.sent_back(&id("p/T-1"), 2),
            );
        };
        memory.start(&work("p/T-1", Stage::Develop));
        memory.start(&work("p/T-2", Stage::Develop));
        tell("both begin", &memory);
        memory.settle(&id("p/T-2"), &Settled::Forward);
        memory.settle(&id("p/T-1"), &Settled::Back);
        tell("one is handed in, one does not hold", &memory);
        memory.start(&work("p/T-1", Stage::Develop));
        memory.start(&work("p/T-2", Stage::Review));
        memory.settle(&id("p/T-1"), &Settled::Stuck { problem: "it does not build".to_owned() });
        tell("one fails", &memory);
        memory.reprieve(id("p/T-1"));
        tell("a human lets it go on", &memory);
        memory.ask(&id("p/T-3"));
        memory.give_up(&id("p/T-3"));
        tell("another is given up", &memory);
        expect![[r"
            both begin: running [T-1 T-2], asked [], T-1 in round 1 and sent back 0 times
            one is handed in, one does not hold: running [], asked [], T-1 in round 2 and sent back 1 times
            one fails: running [T-2], asked [T-1], T-1 in round 3 and sent back 2 times
            a human lets it go on: running [T-2], asked [], T-1 in round 3 and sent back 0 times
            another is given up: running [T-2], asked [], T-1 in round 3 and sent back 0 times
        "]]
        .assert_eq(&story);
    }
}
