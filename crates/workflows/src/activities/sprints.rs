//! Sprints: who does what next, and what becomes of a task after each piece of work on it.

use std::fmt::Write as _;

use syndarix_agents::Stage;
use syndarix_agents::supervisor::{Directive, SprintView, Supervisor, SupervisorLimits};
use syndarix_core::agent::{AgentState, AgentTransition};
use syndarix_core::blob::BlobHash;
use syndarix_core::id::{AgentId, RunId, TaskId};
use syndarix_core::message::MessageKind;
use syndarix_core::ports::Blobs;
use syndarix_core::task::{Task, TaskKind, TaskState};

use super::services::{Answer, Services, passing, permanent, stored};
use super::stages::stuck;
use super::work::ran;
use crate::sprint_memory::SprintMemory;
use crate::types::{
    EscalationRequest, GiveUp, News, Settled, SprintInput, SuperviseRequest, Supervision, TaskOutcome,
    WorkRequest, WorkResult,
};

impl Services {
    pub(super) async fn begin_sprint(&self, sprint: SprintInput) -> Answer<()> {
        // Defects that an earlier sprint left are part of this one whether or not its plan names them.
        self.take_up_defects(sprint).await
    }

    pub(super) async fn take_up_defects(&self, sprint: SprintInput) -> Answer<()> {
        let tasks = self.store().tasks(&sprint.project).await.map_err(stored)?;
        let defects =
            tasks.iter().filter(|task| task.kind == TaskKind::Defect && task.state == TaskState::Backlog);
        for task in defects {
            self.plan_into(task, sprint.sprint).await?;
        }
        Ok(())
    }

    pub(super) async fn plan_into(&self, task: &Task, sprint: u32) -> Answer<()> {
        let store = self.store();
        if task.sprint != Some(sprint) {
            store.set_task_sprint(&task.id, Some(sprint)).await.map_err(stored)?;
        }
        if task.state == TaskState::Backlog {
            store.set_task_state(&task.id, TaskState::Planned, None).await.map_err(stored)?;
        }
        Ok(())
    }

    /// Asks the supervisor, which assigns in the store and tells the team, and hands what it decided to the
    /// workflow. Asked again after a crash it goes on with the view it began with and answers the same.
    pub(super) async fn supervise(&self, request: SuperviseRequest) -> Answer<Supervision> {
        let SuperviseRequest { sprint, look, memory, news } = request;
        let mut memory = self.recall(memory).await?;
        let (mut start, mut escalate, mut complete) = (Vec::new(), Vec::new(), false);
        for (task, problem) in self.hear(&mut memory, news).await? {
            escalate.push(EscalationRequest {
                project: sprint.project.clone(),
                subject: format!("stuck:{task}:{look}"),
                problem,
                task: Some(task),
            });
        }
        let view = self.view(&sprint, &memory).await?;
        let run = RunId::new(format!("{}/sprint-{}/look-{look}", sprint.project, sprint.sprint))
            .map_err(|error| permanent(error.to_string()))?;
        let directives = Supervisor::new(self.store().clone()).supervise(&run, view).await.map_err(ran)?;
        for directive in directives {
            match directive {
                Directive::Assign { task, agent, .. } => {
                    let record = self.store().task(&task).await.map_err(stored)?;
                    self.set_state(&record, TaskState::InProgress, None).await?;
                    let round = memory.round(&task);
                    start.push(work(&sprint, task, agent, Stage::Develop, round));
                }
                Directive::Review { task, reviewer } => {
                    let round = memory.round(&task);
                    start.push(work(&sprint, task, reviewer, Stage::Review, round));
                }
                Directive::Escalate { task, reason } => {
                    let record = self.store().task(&task).await.map_err(stored)?;
                    memory.ask(&task);
                    let reason = format!("{reason}{}", self.counted(&record, &reason).await?);
                    escalate.push(EscalationRequest {
                        project: sprint.project.clone(),
                        subject: format!("escalation:{task}:{}", memory.reprieves(&task)),
                        problem: stuck(&record, &reason),
                        task: Some(task),
                    });
                }
                Directive::Complete => complete = true,
                Directive::Wait => {}
            }
        }
        for work in &start {
            memory.start(work);
        }
        let memory = self.keep(&memory).await?;
        Ok(Supervision { start, escalate, complete, memory })
    }

    /// How the rounds of a task ended, where there were too many: reviews and the machine are told apart.
    async fn counted(&self, task: &Task, reason: &str) -> Answer<String> {
        if !reason.contains("rounds") {
            return Ok(String::new());
        }
        let reviews = self.store().reviews(&task.id).await.map_err(stored)?;
        let refused = reviews.iter().filter(|review| !review.approved).count();
        let mut text = format!(": {refused} times a review sent it back");
        let Some(author) = &task.assignee else { return Ok(text) };
        let told = self.store().feedback_on(&task.id, author).await.map_err(stored)?;
        let count = |kind| told.iter().filter(|message| message.kind == kind).count();
        let (checks, merges) = (count(MessageKind::CheckFailed), count(MessageKind::MergeFailed));
        let _ = write!(text, ", {checks} times its check failed, {merges} times its merge");
        let last = told.iter().rfind(|message| message.kind != MessageKind::Feedback);
        if let Some(last) = last {
            let body = Blobs::get(self.store(), &last.body).await.map_err(passing)?;
            let _ = write!(text, ". The last time:\n\n{}", String::from_utf8_lossy(&body));
        }
        Ok(text)
    }

    /// Takes in what happened, and settles the work that is over. Returns the tasks that need a human, and why.
    async fn hear(&self, memory: &mut SprintMemory, news: Vec<News>) -> Answer<Vec<(TaskId, String)>> {
        let mut problems = Vec::new();
        for one in news {
            let (task, settled) = match one {
                News::Ended { result } => (result.work.task.clone(), self.settle_work(result).await?),
                News::Reprieved { task } => {
                    memory.reprieve(task);
                    continue;
                }
                News::GivenUp { task } => {
                    memory.give_up(&task);
                    continue;
                }
            };
            memory.settle(&task, &settled);
            if let Settled::Stuck { problem } = settled {
                problems.push((task, problem));
            }
        }
        Ok(problems)
    }

    /// What the supervisor remembers, as it was left by [`keep`](Self::keep).
    async fn recall(&self, memory: Option<BlobHash>) -> Answer<SprintMemory> {
        let Some(address) = memory else { return Ok(SprintMemory::default()) };
        let bytes = Blobs::get(self.store(), &address).await.map_err(passing)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| permanent(format!("what the supervisor remembers cannot be read: {error}")))
    }

    /// Stores what the supervisor remembers. Its address follows from its content, so it is the same when this is
    /// done twice.
    async fn keep(&self, memory: &SprintMemory) -> Answer<BlobHash> {
        let bytes = serde_json::to_vec(memory).expect("a memory is plain data with string keys");
        Blobs::put(self.store(), bytes).await.map_err(passing)
    }

    /// The sprint as the supervisor sees it. A round that ended in any other way than a merge counts like a
    /// review that sent the work back; a human's yes forgives as many as were allowed; and a task that a human is
    /// being asked about is blocked until they answer.
    async fn view(&self, sprint: &SprintInput, memory: &SprintMemory) -> Answer<SprintView> {
        let limits = SupervisorLimits {
            review_rounds: self.options.limits.max_rounds,
            parallel: self.options.limits.max_parallel_work,
        };
        let mut tasks = self.store().tasks(&sprint.project).await.map_err(stored)?;
        for task in &mut tasks {
            task.review_rounds = memory.sent_back(&task.id, limits.review_rounds);
            if memory.asked.contains(&task.id) {
                task.state = TaskState::Blocked;
            }
        }
        Ok(SprintView {
            tasks,
            sprint: sprint.sprint,
            agents: self.store().agents(&sprint.project).await.map_err(stored)?,
            running: memory.running.clone(),
            limits,
        })
    }

    /// What becomes of a task. Everything it does is found done when it is done again.
    pub(super) async fn settle_work(&self, result: WorkResult) -> Answer<Settled> {
        let WorkResult { work, outcome } = result;
        let store = self.store();
        let task = store.task(&work.task).await.map_err(stored)?;
        if task.state.is_final() {
            return Ok(Settled::Forward);
        }
        let author_waits = matches!(outcome, TaskOutcome::Submitted { .. });
        self.free(&work.agent, author_waits.then_some(AgentTransition::AwaitReview), &task.id).await?;
        match outcome {
            TaskOutcome::Submitted { .. } => {
                self.set_state(&task, TaskState::InReview, None).await?;
                Ok(Settled::Forward)
            }
            TaskOutcome::Unproven { reason } if self.failed_alike(&work, &reason).await? => {
                let problem = format!("Two rounds in a row failed in the same way.\n\n{reason}");
                self.set_state(&task, TaskState::Blocked, Some("two rounds failed in the same way")).await?;
                Ok(Settled::Stuck { problem: stuck(&task, &problem) })
            }
            TaskOutcome::Unproven { reason } => {
                self.tell(
                    &work,
                    &work.agent,
                    MessageKind::CheckFailed,
                    "The change does not hold yet",
                    &reason,
                )
                .await?;
                Ok(Settled::Back)
            }
            TaskOutcome::Merged { settled } => Ok(settled),
            TaskOutcome::Reviewed { approved: false } => {
                self.set_state(&task, TaskState::InProgress, Some("its review asks for changes")).await?;
                Ok(Settled::Back)
            }
            TaskOutcome::HandedOff { to, summary } if work.stage == Stage::Develop => {
                // Once it is the other's, the other may have been put to work on it.
                if task.assignee.as_ref() != Some(&to) {
                    self.set_state(&task, TaskState::Planned, Some("handed off")).await?;
                    store.assign_task(&task.id, &to, &summary).await.map_err(stored)?;
                }
                Ok(Settled::Back)
            }
            TaskOutcome::Failed { reason } => {
                self.set_state(&task, TaskState::Blocked, Some(&reason)).await?;
                Ok(Settled::Stuck { problem: stuck(&task, &reason) })
            }
            TaskOutcome::HandedOff { .. }
            | TaskOutcome::Reviewed { approved: true }
            | TaskOutcome::Written
            | TaskOutcome::Planned { .. }
            | TaskOutcome::Judged { .. }
            | TaskOutcome::AwaitsSetUp { .. }
            | TaskOutcome::Cancelled => Ok(Settled::Back),
        }
    }

    /// Whether the round before this one failed with the same output, save for numbers: times, counts, addresses. What
    /// fails twice alike will not be mended by paying for a third attempt; a human looks first.
    async fn failed_alike(&self, work: &WorkRequest, reason: &str) -> Answer<bool> {
        let told = self.store().feedback_on(&work.task, &work.agent).await.map_err(stored)?;
        let own = format!("{}.feedback", work.run_id());
        let before = told.iter().rfind(|message| message.id.as_str() != own);
        let Some(before) = before.filter(|message| message.kind == MessageKind::CheckFailed) else {
            return Ok(false);
        };
        let text = Blobs::get(self.store(), &before.body).await.map_err(passing)?;
        Ok(without_numbers(&String::from_utf8_lossy(&text)) == without_numbers(reason))
    }

    /// Merges a change that its review accepted. Everything it does is found done when it is done again.
    pub(super) async fn merge_work(&self, work: WorkRequest) -> Answer<Settled> {
        let task = self.store().task(&work.task).await.map_err(stored)?;
        if task.state.is_final() {
            return Ok(Settled::Forward);
        }
        self.free(&work.agent, None, &task.id).await?;
        let tip = self.tip(&task).await?;
        let settled = Box::pin(self.integrate(&work, &task, &tip)).await?;
        if settled == Settled::Back {
            self.set_state(&task, TaskState::InProgress, Some("it cannot be merged yet")).await?;
        } else if let Some(author) = &task.assignee {
            self.free(author, Some(AgentTransition::Complete), &task.id).await?;
        }
        Ok(settled)
    }

    /// Moves an agent on whose run is over, or whose work was judged: to where its work waits for a reviewer, or back
    /// to the idle ones. An agent that is at work on something else by now is left to it.
    pub(super) async fn free(
        &self,
        agent: &AgentId,
        by: Option<AgentTransition>,
        task: &TaskId,
    ) -> Answer<()> {
        let store = self.store();
        let mut state = store.agent(agent).await.map_err(stored)?.state;
        let applies = match by {
            Some(AgentTransition::AwaitReview) => state == AgentState::Completed,
            Some(_) => state == AgentState::WaitingReview,
            None => false,
        };
        if let Some(transition) = by.filter(|_| applies) {
            state = store.transition_agent(agent, transition, Some(task)).await.map_err(stored)?;
        }
        if matches!(state, AgentState::Completed | AgentState::Error) {
            store.transition_agent(agent, AgentTransition::Release, Some(task)).await.map_err(stored)?;
        }
        Ok(())
    }

    /// The tip of a task's branch as it was proven and reviewed.
    async fn tip(&self, task: &Task) -> Answer<String> {
        let project = self.store().project(&task.project).await.map_err(stored)?;
        let repository = self.repository(&project).await?;
        repository.commit(&crate::names::branch(task)).await.map_err(super::repository::in_git)
    }

    async fn set_state(&self, task: &Task, state: TaskState, reason: Option<&str>) -> Answer<()> {
        if task.state == state {
            return Ok(());
        }
        self.store().set_task_state(&task.id, state, reason.map(str::to_owned)).await.map_err(stored)?;
        Ok(())
    }

    pub(super) async fn give_up_task(&self, verdict: GiveUp) -> Answer<()> {
        let task = self.store().task(&verdict.task).await.map_err(stored)?;
        if task.state.is_final() {
            return Ok(());
        }
        self.set_state(&task, TaskState::Failed, Some(&verdict.reason)).await?;
        // What depends on it can no longer be done as it was meant.
        let tasks = self.store().tasks(&task.project).await.map_err(stored)?;
        let mut lost: Vec<TaskId> = vec![task.id];
        let mut index = 0;
        while let Some(given_up) = lost.get(index).cloned() {
            index += 1;
            for dependent in tasks.iter().filter(|task| task.depends_on.contains(&given_up)) {
                if !dependent.state.is_final() && !lost.contains(&dependent.id) {
                    let reason = format!("{} was given up", given_up.key());
                    self.set_state(dependent, TaskState::Failed, Some(&reason)).await?;
                    lost.push(dependent.id.clone());
                }
            }
        }
        Ok(())
    }

    /// Closes the sprint's books: what is not over goes back to the backlog. Returns how many tasks were proven
    /// done in it.
    pub(super) async fn end_sprint(&self, sprint: SprintInput) -> Answer<u32> {
        let tasks = self.store().tasks(&sprint.project).await.map_err(stored)?;
        let mut done = 0;
        for task in tasks.iter().filter(|task| task.sprint == Some(sprint.sprint) && task.kind.changes_code())
        {
            match task.state {
                TaskState::Done => done += 1,
                state if state.is_final() => {}
                TaskState::Planned => {
                    self.store().set_task_sprint(&task.id, None).await.map_err(stored)?;
                    self.set_state(task, TaskState::Backlog, Some("left over from its sprint")).await?;
                }
                _ => {}
            }
        }
        Ok(done)
    }
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn work(sprint: &SprintInput, task: TaskId, agent: AgentId, stage: Stage, round: u32) -> WorkRequest {
    let (project, sprint) = (sprint.project.clone(), Some(sprint.sprint));
    WorkRequest { project, task, agent, stage, round, attempt: 1, sprint }
}
