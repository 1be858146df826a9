//! Planning a sprint: which tasks, in which order. The plan is the run's result; the sprint's workflow acts on it.

use std::collections::BTreeSet;

use serde::Deserialize;
use syndarix_core::task::{Task, TaskState};
use syndarix_core::tool::ToolCall;
use syndarix_graph::NodeError;

use super::{Judged, Performed, arguments};
use crate::run::context::{RunContext, stored};
use crate::run::state::SprintPlan;
use crate::team::suggest;

#[derive(Deserialize)]
struct Plan {
    goal: String,
    tasks: Vec<String>,
}

pub(super) async fn plan(run: &RunContext, call: &ToolCall) -> Result<Judged<Performed>, NodeError> {
    let plan: Plan = match arguments(call) {
        Ok(plan) => plan,
        Err(problem) => return Ok(Err(problem)),
    };
    let tasks = run.store().tasks(&run.request.project).await.map_err(stored)?;
    Ok(check(&tasks, &plan, run.request.sprint).map(|chosen| {
        let mut done = Performed::saying(format!("The sprint has {} tasks.", chosen.len()));
        done.plan = Some(SprintPlan {
            goal: plan.goal.trim().to_owned(),
            tasks: chosen.iter().map(|task| task.id.clone()).collect(),
        });
        done
    }))
}

fn check<'t>(tasks: &'t [Task], plan: &Plan, sprint: Option<u32>) -> Result<Vec<&'t Task>, String> {
    if plan.goal.trim().is_empty() {
        return Err("the goal is empty; say in one sentence what the sprint achieves".to_owned());
    }
    if plan.tasks.is_empty() {
        return Err("the sprint has no tasks".to_owned());
    }
    let mut chosen: Vec<&Task> = Vec::new();
    let mut slugs = BTreeSet::new();
    for slug in &plan.tasks {
        let code = || tasks.iter().filter(|task| task.kind.changes_code());
        let Some(task) = code().find(|task| task.slug == *slug || task.id.key() == slug) else {
            let open = code().filter(|task| !task.state.is_final()).map(|task| task.slug.as_str());
            let hint = suggest(slug, open).map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(format!("there is no task `{slug}`{hint}"));
        };
        if !slugs.insert(&task.slug) {
            return Err(format!("`{slug}` is named twice"));
        }
        if task.state.is_final() {
            return Err(format!("`{slug}` is {} and needs no planning", task.state));
        }
        if task.state != TaskState::Backlog && task.sprint != sprint {
            return Err(format!("`{slug}` is {} in another sprint", task.state));
        }
        chosen.push(task);
    }
    for task in &chosen {
        for dependency in tasks.iter().filter(|other| task.depends_on.contains(&other.id)) {
            if dependency.state != TaskState::Done && !slugs.contains(&dependency.slug) {
                return Err(format!(
                    "`{}` cannot be done before `{}`, which is {} and not in the plan; add it, or leave `{}` for later",
                    task.slug, dependency.slug, dependency.state, task.slug
                ));
            }
        }
    }
    Ok(chosen)
}
