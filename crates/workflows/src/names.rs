//! Workflow ids, derived from what the workflow is about, so that starting it twice starts it once.

use syndarix_core::id::ProjectId;
use syndarix_core::task::Task;

use crate::types::WorkRequest;

/// The task queue that every workflow and activity of a project runs on.
pub const TASK_QUEUE: &str = "syndarix";

/// The workflow of a project.
pub fn project_workflow(project: &ProjectId) -> String {
    format!("project:{project}")
}

/// The workflow of one sprint of a project.
pub fn sprint_workflow(project: &ProjectId, sprint: u32) -> String {
    format!("sprint:{project}:{sprint}")
}

/// The workflow of one piece of work by one agent.
pub fn task_workflow(work: &WorkRequest) -> String {
    format!("task:{}", work.run_id())
}

/// The branch that a task's work is on.
pub(crate) fn branch(task: &Task) -> String {
    task.branch.clone().unwrap_or_else(|| format!("task/{}-{}", task.id.key(), task.slug))
}
