//! Deciding who does what next: a pure function of the sprint as it stands.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use syndarix_core::agent::Agent;
use syndarix_core::id::{AgentId, TaskId};
use syndarix_core::role::Role;
use syndarix_core::task::{Task, TaskKind, TaskState};

use crate::stage::Stage;
use crate::team::Needs;

/// The capability that lets an agent judge another's change.
const REVIEW: &str = "review";

/// A sprint as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SprintView {
    /// Every task of the project, in the order in which they should be done.
    pub tasks: Vec<Task>,
    /// The sprint, from 1; its tasks are those of [`tasks`](Self::tasks) that change code and are in it.
    pub sprint: u32,
    /// The team, in the order of the team file.
    pub agents: Vec<Agent>,
    /// The work under way.
    pub running: Vec<Running>,
    /// What bounds the sprint.
    pub limits: SupervisorLimits,
}

/// A piece of work under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// On which task.
    pub task: TaskId,
    /// Who does it.
    pub agent: AgentId,
    /// What kind of work it is.
    pub stage: Stage,
}

/// What bounds a sprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorLimits {
    /// How often a review may send the same task back before a human is asked.
    pub review_rounds: u32,
    /// The most pieces of work under way at once.
    pub parallel: u32,
}

impl Default for SupervisorLimits {
    fn default() -> Self {
        Self { review_rounds: 3, parallel: 64 }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "directive")]
pub enum Directive {
    /// This agent takes up this task, for the first time or again.
    Assign {
        /// Which task.
        task: TaskId,
        /// Who.
        agent: AgentId,
        /// Why this one, for people.
        reason: String,
    },
    /// This agent judges the change of this task.
    Review {
        /// Which task.
        task: TaskId,
        /// Who; never the task's assignee.
        reviewer: AgentId,
    },
    /// A human must decide about this task.
    Escalate {
        /// Which task.
        task: TaskId,
        /// What stands in the way, for people.
        reason: String,
    },
    /// Every task of the sprint is over.
    Complete,
    /// Nothing can be started until something under way ends, or a human decides.
    Wait,
}

/// Decides. The same view gives the same directives; they do not conflict with one another. `Complete` and `Wait`
/// come alone, except that `Wait` is left out where there is something to do.
pub fn decide(view: &SprintView) -> Vec<Directive> {
    Decider {
        view,
        busy: view.running.iter().map(|running| running.agent.clone()).collect(),
        directives: Vec::new(),
    }
    .decide()
}

struct Decider<'v> {
    view: &'v SprintView,
    /// Agents that have something to do, including what was decided just now.
    busy: Vec<AgentId>,
    directives: Vec<Directive>,
}

impl<'v> Decider<'v> {
    fn decide(mut self) -> Vec<Directive> {
        let mut tasks: Vec<&Task> = self
            .view
            .tasks
            .iter()
            .filter(|task| task.kind.changes_code() && task.sprint == Some(self.view.sprint))
            .collect();
        // Reviews first, because they free what waits for them; then defects; then as planned.
        tasks.sort_by_key(|task| {
            (Reverse(task.state == TaskState::InReview), Reverse(task.kind == TaskKind::Defect))
        });
        if tasks.iter().all(|task| task.state.is_final()) {
            return vec![Directive::Complete];
        }
        for task in &tasks {
            self.one(task);
        }
        if self.directives.is_empty() {
            let blocked =
                tasks.iter().any(|task| matches!(task.state, TaskState::Blocked | TaskState::Approved));
            if self.view.running.is_empty() && !blocked {
                return self.stuck(&tasks);
            }
            return vec![Directive::Wait];
        }
        self.directives
    }

    fn one(&mut self, task: &Task) {
        if self.view.running.iter().any(|running| running.task == task.id) {
            return;
        }
        let needs_work = matches!(
            task.state,
            TaskState::Backlog | TaskState::Planned | TaskState::InProgress | TaskState::InReview
        );
        if !needs_work {
            return;
        }
        if task.review_rounds >= self.view.limits.review_rounds && task.state != TaskState::InReview {
            let reason = format!("{} rounds did not bring it to a merge", task.review_rounds);
            self.directives.push(Directive::Escalate { task: task.id.clone(), reason });
            return;
        }
        if let Some(lost) = self
            .dependencies(task)
            .find(|other| matches!(other.state, TaskState::Failed | TaskState::Cancelled))
        {
            let reason = format!("it builds on {} ({}), which is {}", lost.id.key(), lost.slug, lost.state);
            self.directives.push(Directive::Escalate { task: task.id.clone(), reason });
            return;
        }
        if self.view.running.len() + self.started() >= self.view.limits.parallel as usize {
            return;
        }
        match task.state {
            TaskState::InReview => self.review(task),
            TaskState::InProgress | TaskState::Planned if task.assignee.is_some() => self.go_on(task),
            _ => self.assign(task),
        }
    }

    fn started(&self) -> usize {
        self.directives.iter().filter(|directive| !matches!(directive, Directive::Escalate { .. })).count()
    }

    fn dependencies(&self, task: &Task) -> impl Iterator<Item = &'v Task> + use<'v> {
        let wanted = task.depends_on.clone();
        let view = self.view;
        view.tasks.iter().filter(move |other| wanted.contains(&other.id))
    }

    fn is_ready(&self, task: &Task) -> bool {
        self.dependencies(task).all(|other| other.state == TaskState::Done)
    }

    fn is_free(&self, agent: &Agent) -> bool {
        !self.busy.contains(&agent.id)
    }

    /// Unfinished tasks that are this agent's already.
    fn load(&self, agent: &Agent) -> usize {
        let assigned = |task: &&Task| task.assignee.as_ref() == Some(&agent.id) && !task.state.is_final();
        self.view.tasks.iter().filter(assigned).count()
    }

    /// Finished tasks that were this agent's: among equals, whoever did less comes first.
    fn done(&self, agent: &Agent) -> usize {
        let done = |task: &&Task| task.assignee.as_ref() == Some(&agent.id) && task.state == TaskState::Done;
        self.view.tasks.iter().filter(done).count()
    }

    /// Work that somebody has begun, or was given by hand, stays theirs.
    fn go_on(&mut self, task: &Task) {
        let assignee =
            task.assignee.as_ref().and_then(|id| self.view.agents.iter().find(|agent| agent.id == *id));
        let Some(agent) = assignee else { return self.assign(task) };
        if self.is_free(agent) && self.is_ready(task) {
            let reason = match (task.state, task.review_rounds) {
                (TaskState::InProgress, 1..) => {
                    format!("{} wrote it, and it came back", agent.name)
                }
                (TaskState::InProgress, 0) => format!("{} has begun it", agent.name),
                _ => format!("it was given to {}", agent.name),
            };
            self.start(task, agent.id.clone(), reason);
        }
    }

    fn assign(&mut self, task: &Task) {
        if !self.is_ready(task) {
            return;
        }
        let of_role: Vec<(usize, &Agent)> =
            self.view.agents.iter().enumerate().filter(|(_, agent)| agent.role == task.role).collect();
        let needs = Needs::among(&task.needs, of_role.iter().map(|(_, agent)| agent.capabilities.as_slice()));
        let missing = |agent: &Agent| needs.missing(&agent.capabilities);
        // If somebody can do all of it, the task waits for them rather than going to whoever cannot.
        let Some(fewest) = of_role.iter().map(|(_, agent)| missing(agent)).min() else { return };
        let best = of_role
            .iter()
            .filter(|(_, agent)| missing(agent) == fewest && self.is_free(agent))
            .min_by_key(|(place, agent)| {
                // Specialists before generalists, so that generalists stay free for what only they can do.
                (self.load(agent), self.done(agent), agent.capabilities.len(), *place)
            });
        if let Some((_, agent)) = best {
            let mut reason = format!("{} is free", agent.name);
            if !needs.listed.is_empty() && fewest == 0 {
                reason = format!("{reason} and can do {}", needs.listed.join(", "));
            } else if fewest > 0 {
                reason = format!("{reason}; nobody can do all of {}", needs.listed.join(", "));
            }
            if !needs.unlisted.is_empty() {
                reason = format!("{reason}; nobody lists {}", needs.unlisted.join(", "));
            }
            self.start(task, agent.id.clone(), reason);
        }
    }

    fn start(&mut self, task: &Task, agent: AgentId, reason: String) {
        self.busy.push(agent.clone());
        self.directives.push(Directive::Assign { task: task.id.clone(), agent, reason });
    }

    fn can_review(agent: &Agent, task: &Task) -> bool {
        let able = agent.capabilities.iter().any(|capability| capability == REVIEW);
        able && task.assignee.as_ref() != Some(&agent.id)
    }

    fn review(&mut self, task: &Task) {
        let able = self.view.agents.iter().enumerate().filter(|(_, agent)| Self::can_review(agent, task));
        let mut able = able.peekable();
        if able.peek().is_none() {
            let reason = "nobody but its author can review it".to_owned();
            self.directives.push(Directive::Escalate { task: task.id.clone(), reason });
            return;
        }
        let best = able.filter(|(_, agent)| self.is_free(agent)).min_by_key(|(place, agent)| {
            (self.reviewing(agent), self.load(agent), Reverse(agent.role == Role::Engineer), *place)
        });
        if let Some((_, agent)) = best {
            self.busy.push(agent.id.clone());
            self.directives.push(Directive::Review { task: task.id.clone(), reviewer: agent.id.clone() });
        }
    }

    fn reviewing(&self, agent: &Agent) -> usize {
        self.view
            .running
            .iter()
            .filter(|running| running.agent == agent.id && running.stage == Stage::Review)
            .count()
    }

    /// Nothing runs, nothing can be started, and not everything is over: a human must know why.
    fn stuck(&self, tasks: &[&Task]) -> Vec<Directive> {
        tasks
            .iter()
            .filter(|task| !task.state.is_final())
            .map(|task| {
                let waits_for: Vec<&str> = self
                    .dependencies(task)
                    .filter(|other| other.state != TaskState::Done)
                    .map(|other| other.slug.as_str())
                    .collect();
                let reason = if waits_for.is_empty() {
                    format!("nobody in the team is {} and could do it", task.role.title())
                } else {
                    format!("it waits for {}, which nobody works on", waits_for.join(", "))
                };
                Directive::Escalate { task: task.id.clone(), reason }
            })
            .collect()
    }
}
