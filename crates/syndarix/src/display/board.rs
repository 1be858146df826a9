//! The state of one project as its journal tells it: a fold over events.

use std::collections::BTreeMap;
use std::time::Duration;

use syndarix_core::agent::AgentState;
use syndarix_core::approval::ApprovalState;
use syndarix_core::budget::BudgetScope;
use syndarix_core::event::{Event, EventKind};
use syndarix_core::id::{AgentId, ApprovalId, TaskId};
use syndarix_core::money::NanoUsd;
use syndarix_core::project::{Phase, ProjectState};
use syndarix_core::role::Role;
use syndarix_core::task::TaskState;
use syndarix_core::time::Timestamp;
use syndarix_core::usage::TokenUsage;

use super::action::{Action, action};
use super::text;

/// One project, as far as its events have been read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board {
    /// One line about the project.
    pub(crate) title: String,
    /// How it stands.
    pub(crate) state: ProjectState,
    /// Why it stands so, where the journal says.
    pub(crate) reason: Option<String>,
    /// Where in its life it is; `None` before its first phase.
    pub(crate) phase: Option<Phase>,
    /// The most it may spend.
    pub(crate) budget: NanoUsd,
    /// What it has spent.
    pub(crate) spent: NanoUsd,
    /// What its models have used.
    pub(crate) usage: TokenUsage,
    /// Its team, in the order in which they joined.
    pub(crate) members: Vec<Member>,
    /// Its tasks.
    pub(crate) tasks: BTreeMap<TaskId, Card>,
    /// The reviews that sent work back.
    pub(crate) sent_back: Vec<SentBack>,
    /// What waits for a human.
    pub(crate) waiting: BTreeMap<ApprovalId, String>,
    /// When the journal's first event about it happened.
    pub(crate) began: Option<Timestamp>,
    /// When the last event that was read happened.
    pub(crate) latest: Timestamp,
}

/// A member of the team.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: AgentId,
    /// Its name.
    pub(crate) name: String,
    /// What it is there for.
    pub(crate) role: Role,
    /// What it is doing.
    pub(crate) state: AgentState,
    /// The task it is on.
    pub(crate) task: Option<TaskId>,
    /// The last thing it did, shortened.
    pub(crate) last: Option<String>,
    /// The model and kind of the failure its last call ended in, if it did, and how often in a row.
    failure: Option<(String, String, u32)>,
}

impl Member {
    /// Whether it is doing something worth a line of its own.
    pub(crate) fn is_active(&self) -> bool {
        !matches!(self.state, AgentState::Idle | AgentState::Completed)
    }
}

/// A task.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    /// One line about it.
    pub(crate) title: String,
    /// Where it stands.
    pub(crate) state: TaskState,
}

/// A review that sent work back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentBack {
    /// Which task's work.
    pub(crate) task: Option<TaskId>,
    /// Who judged.
    pub(crate) reviewer: AgentId,
    /// Which review of the task, from 1.
    pub(crate) round: u32,
    /// What was said.
    pub(crate) comment: String,
}

impl Board {
    /// The board after these events, which are one project's and in order.
    pub(crate) fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut board = Self::default();
        for event in events {
            board.apply(event);
        }
        board
    }

    /// Takes one more event in.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.began.get_or_insert(event.at);
        self.latest = self.latest.max(event.at);
        match &event.kind {
            EventKind::ProjectCreated { title, budget } => {
                self.title.clone_from(title);
                self.budget = *budget;
            }
            EventKind::ProjectStateChanged { to, reason, .. } => {
                self.state = *to;
                self.reason.clone_from(reason);
            }
            EventKind::PhaseEntered { phase } => self.phase = Some(*phase),
            EventKind::BudgetChanged { budget: BudgetScope::Project { .. }, to, .. } => self.budget = *to,
            EventKind::ModelCallSucceeded { usage, cost, .. } => {
                self.usage += *usage;
                self.spent += *cost;
            }
            EventKind::ModelCallFailed { cost, .. } => self.spent += *cost,
            EventKind::ReviewVerdict { reviewer, approved: false, comment, round } => {
                self.sent_back.push(SentBack {
                    task: event.task.clone(),
                    reviewer: reviewer.clone(),
                    round: *round,
                    comment: comment.clone(),
                });
            }
            EventKind::ApprovalRequested { approval, title, .. } => {
                self.waiting.insert(approval.clone(), title.clone());
            }
            EventKind::ApprovalDecided { approval, state, .. } if *state != ApprovalState::Pending => {
                self.waiting.remove(approval);
            }
            _ => {}
        }
        self.apply_to_tasks(event);
        self.apply_to_members(event);
    }

    fn apply_to_tasks(&mut self, event: &Event) {
        let Some(task) = &event.task else { return };
        match &event.kind {
            EventKind::TaskCreated { title, .. } => {
                self.tasks.insert(task.clone(), Card { title: title.clone(), state: TaskState::Backlog });
            }
            EventKind::TaskStateChanged { to, .. } => self.set_task(task, *to),
            EventKind::TaskDone { .. } => self.set_task(task, TaskState::Done),
            _ => {}
        }
    }

    fn set_task(&mut self, task: &TaskId, state: TaskState) {
        if let Some(card) = self.tasks.get_mut(task) {
            card.state = state;
        }
    }

    fn apply_to_members(&mut self, event: &Event) {
        let Some(agent) = &event.agent else { return };
        if let EventKind::AgentJoined { name, role, .. } = &event.kind {
            if self.members.iter().all(|member| member.id != *agent) {
                self.members.push(Member {
                    id: agent.clone(),
                    name: name.clone(),
                    role: *role,
                    state: AgentState::Idle,
                    task: None,
                    last: None,
                    failure: None,
                });
            }
            return;
        }
        let Some(member) = self.members.iter_mut().find(|member| member.id == *agent) else { return };
        match &event.kind {
            EventKind::AgentStateChanged { to, .. } => {
                member.state = *to;
                if *to == AgentState::Idle {
                    (member.task, member.last) = (None, None);
                } else if event.task.is_some() && member.task != event.task {
                    (member.task, member.last) = (event.task.clone(), None);
                }
            }
            EventKind::ToolCalled { tool, arguments, .. } => {
                let (Action::Deed(last) | Action::Word(last) | Action::Aside(last)) = action(tool, arguments);
                member.last = Some(text::truncate(&last, 60));
            }
            EventKind::ModelCallSucceeded { .. } => member.failure = None,
            EventKind::ModelCallFailed { model, kind, .. } => {
                let times = match &member.failure {
                    Some((its_model, its_kind, times)) if (its_model, its_kind) == (model, kind) => times + 1,
                    _ => 1,
                };
                member.failure = Some((model.clone(), kind.clone(), times));
            }
            _ => {}
        }
    }

    /// Whether the call that has just failed had failed the same way when it was last tried.
    pub(crate) fn failed_before(&self, event: &Event) -> bool {
        let member = self.members.iter().find(|member| Some(&member.id) == event.agent.as_ref());
        member.and_then(|member| member.failure.as_ref()).is_some_and(|(_, _, times)| *times > 1)
    }

    /// The name of an agent; its id where it never joined.
    pub(crate) fn name(&self, agent: &AgentId) -> String {
        let member = self.members.iter().find(|member| member.id == *agent);
        member.map_or_else(|| text::agent_name(agent), |member| member.name.clone())
    }

    /// A task for people: `T-3 Parse the flag`.
    pub(crate) fn task(&self, task: &TaskId) -> String {
        match self.tasks.get(task) {
            Some(card) => format!("{} {}", task.key(), text::one_line(&card.title, 60)),
            None => task.key().to_owned(),
        }
    }

    /// How many tasks are done, and how many there are that were not given up.
    pub(crate) fn progress(&self) -> (usize, usize) {
        let done = self.tasks.values().filter(|card| card.state == TaskState::Done).count();
        let all = self.tasks.values().filter(|card| card.state != TaskState::Cancelled).count();
        (done, all)
    }

    /// Time from the first event to `moment`.
    pub(crate) fn elapsed_at(&self, moment: Timestamp) -> Duration {
        moment.since(self.began.unwrap_or(moment))
    }

    /// How far it has come: tasks, money, tokens.
    pub(crate) fn so_far(&self) -> String {
        let tasks = match self.progress() {
            (_, 0) => "no task yet".to_owned(),
            (done, all) => format!("{done} of {} done", text::count(all, "task")),
        };
        format!(
            "{tasks} · {} of {} · {} tokens",
            text::money(self.spent),
            text::money(self.budget),
            text::tokens(self.usage.total()),
        )
    }

    /// One line about everything: phase, tasks, money, tokens, time.
    pub(crate) fn headline(&self, now: Timestamp) -> String {
        let phase = self.phase.map_or_else(|| self.state.to_string(), |phase| phase.to_string());
        format!("{phase} · {} · {}", self.so_far(), text::elapsed(self.elapsed_at(now)))
    }

    /// One line about each agent that is doing something.
    pub(crate) fn active_lines(&self) -> Vec<(AgentId, String)> {
        let width = self.members.iter().map(|member| member.name.chars().count()).max().unwrap_or(0);
        let active = self.members.iter().filter(|member| member.is_active());
        active
            .map(|member| {
                let state = member.state.as_str().replace('_', " ");
                let task =
                    member.task.as_ref().map_or_else(String::new, |task| format!(" · {}", self.task(task)));
                let last = member.last.as_ref().map_or_else(String::new, |last| format!(" · {last}"));
                let line =
                    format!("{:<width$}  {:<15} {state}{task}{last}", member.name, member.role.title());
                (member.id.clone(), line)
            })
            .collect()
    }
}
