//! A superstep under way: what each of its tasks has come to. A state machine without I/O; the driver tells
//! it what happened and asks what to do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::apply::Write;
use crate::checkpoint::{FormatError, Task};
use crate::node::{Answer, Interrupt, NodeError, NodeOutcome};

/// What a task has come to; the form in which an unfinished superstep is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Standing<U> {
    /// It is to run, with the answers it has got so far.
    Ready {
        /// The oldest first.
        answers: Vec<Answer>,
    },
    /// It waits for an answer.
    Asking {
        /// What it asks.
        interrupt: Interrupt,
        /// The answers it has got so far, the oldest first.
        answers: Vec<Answer>,
    },
    /// It has finished.
    Done {
        /// What it wrote.
        update: U,
        /// The ids of the interrupts that were answered for it.
        answered: Vec<String>,
    },
}

/// A superstep under way.
#[derive(Debug, Clone)]
pub struct Superstep<U> {
    number: u32,
    tasks: Vec<(Task, Standing<U>)>,
}

/// An answer to a question that nobody asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no interrupt `{id}`; {}", asked(pending))]
pub struct UnknownInterrupt {
    /// The id that was answered.
    pub id: String,
    /// The ids that wait for an answer.
    pub pending: Vec<String>,
}

fn asked(pending: &[String]) -> String {
    match pending {
        [] => "the run waits for no answer".to_owned(),
        ids => format!("the run waits for {}", ids.join(", ")),
    }
}

/// A question that was answered before, asked again under the same id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it raised the interrupt `{id}` again after that was answered; read the answer, or ask with a new id"
)]
pub struct RepeatedInterrupt {
    /// The interrupt's id.
    pub id: String,
}

impl<U: Clone> Superstep<U> {
    /// A superstep of which nothing has happened yet.
    pub fn new(number: u32, tasks: Vec<Task>) -> Self {
        let ready = |task| (task, Standing::Ready { answers: Vec::new() });
        Self { number, tasks: tasks.into_iter().map(ready).collect() }
    }

    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Takes up what was stored of a task.
    pub fn restore(&mut self, key: &str, standing: Standing<U>) -> Result<(), FormatError> {
        let Some(slot) = self.tasks.iter_mut().find(|(task, _)| task.key() == key) else {
            return Err(FormatError::StrayWrite { superstep: self.number, task: key.to_owned() });
        };
        slot.1 = standing;
        Ok(())
    }

    /// Gives answers to the tasks that wait for them and returns the positions of those tasks. An answer
    /// that was given before, here or in an earlier superstep (`answered`), changes nothing.
    pub fn answer(
        &mut self,
        answers: Vec<(String, Value)>,
        answered: &BTreeSet<String>,
    ) -> Result<Vec<usize>, UnknownInterrupt> {
        for (id, _) in &answers {
            if !answered.contains(id) && !self.tasks.iter().any(|(_, standing)| standing.knows(id)) {
                let pending = self.interrupts().into_iter().map(|interrupt| interrupt.id).collect();
                return Err(UnknownInterrupt { id: id.clone(), pending });
            }
        }
        let mut changed = BTreeSet::new();
        for (id, value) in answers {
            for (position, (_, standing)) in self.tasks.iter_mut().enumerate() {
                if let Standing::Asking { interrupt, answers } = standing
                    && interrupt.id == id
                {
                    let mut answers = std::mem::take(answers);
                    answers.push(Answer { id: id.clone(), value: value.clone() });
                    *standing = Standing::Ready { answers };
                    changed.insert(position);
                }
            }
        }
        Ok(changed.into_iter().collect())
    }

    /// The positions of the tasks that are to run, in the order of the plan.
    pub fn runnable(&self) -> Vec<usize> {
        let ready = |(position, (_, standing)): (usize, &(Task, Standing<U>))| {
            matches!(standing, Standing::Ready { .. }).then_some(position)
        };
        self.tasks.iter().enumerate().filter_map(ready).collect()
    }

    /// The task at a position and what it has come to.
    pub fn task(&self, position: usize) -> (&Task, &Standing<U>) {
        let (task, standing) = &self.tasks[position];
        (task, standing)
    }

    /// Records how a task ended.
    pub fn finish(
        &mut self,
        position: usize,
        outcome: NodeOutcome<U>,
        answered: &BTreeSet<String>,
    ) -> Result<(), RepeatedInterrupt> {
        let (_, standing) = &mut self.tasks[position];
        let answers = match standing {
            Standing::Ready { answers } | Standing::Asking { answers, .. } => answers,
            Standing::Done { .. } => return Ok(()),
        };
        *standing = match outcome {
            NodeOutcome::Update(update) => {
                Standing::Done { update, answered: answers.drain(..).map(|answer| answer.id).collect() }
            }
            NodeOutcome::Interrupt(Interrupt { id, .. })
                if answered.contains(&id) || answers.iter().any(|answer| answer.id == id) =>
            {
                return Err(RepeatedInterrupt { id });
            }
            NodeOutcome::Interrupt(interrupt) => {
                Standing::Asking { interrupt, answers: std::mem::take(answers) }
            }
        };
        Ok(())
    }

    /// Whether every task has finished. What a task came to is stored on its own only until then: the
    /// checkpoint that follows holds it.
    pub fn is_done(&self) -> bool {
        self.tasks.iter().all(|(_, standing)| matches!(standing, Standing::Done { .. }))
    }

    /// The questions that wait for an answer, in the order of the plan. Tasks that ask with the same id
    /// are one question.
    pub fn interrupts(&self) -> Vec<Interrupt> {
        let mut interrupts: Vec<Interrupt> = Vec::new();
        for (_, standing) in &self.tasks {
            if let Standing::Asking { interrupt, .. } = standing
                && !interrupts.iter().any(|known| known.id == interrupt.id)
            {
                interrupts.push(interrupt.clone());
            }
        }
        interrupts
    }

    /// What its tasks wrote.
    pub fn into_writes(self) -> Vec<Write<U>> {
        let written = |(task, standing)| match standing {
            Standing::Done { update, answered } => Some(Write { task, update, answered }),
            _ => None,
        };
        self.tasks.into_iter().filter_map(written).collect()
    }
}

impl From<RepeatedInterrupt> for NodeError {
    fn from(error: RepeatedInterrupt) -> Self {
        Self::permanent(error.to_string())
    }
}

impl<U> Standing<U> {
    /// Whether it asks this, or was answered it.
    fn knows(&self, id: &str) -> bool {
        match self {
            Self::Ready { answers } => answers.iter().any(|answer| answer.id == id),
            Self::Asking { interrupt, answers } => {
                interrupt.id == id || answers.iter().any(|answer| answer.id == id)
            }
            Self::Done { answered, .. } => answered.iter().any(|known| known == id),
        }
    }
}
