//! Who does what next: a function from what is seen to what is wanted. No model, no clock, no chance.

use std::cmp::Reverse;

use syndarix_core::id::AgentId;
use syndarix_core::role::Role;
use syndarix_core::task::TaskState;

use super::view::{AgentView, Directive, SprintView, TaskView};

/// Decides what to do next. An empty answer means: wait for what is under way.
pub fn decide(view: &SprintView) -> Vec<Directive> {
    if view.tasks.iter().all(|task| task.state.is_final()) {
        return vec![Directive::Complete];
    }
    let mut decision = Decision::new(view);
    for task in view.tasks.iter().filter(|task| !task.busy && !task.state.is_final()) {
        decision.consider(task);
    }
    decision.directives
}

struct Decision<'a> {
    view: &'a SprintView,
    taken: Vec<&'a AgentId>,
    free_slots: usize,
    directives: Vec<Directive>,
}

impl<'a> Decision<'a> {
    fn new(view: &'a SprintView) -> Self {
        let under_way = view.agents.iter().filter(|agent| agent.busy).count();
        let free_slots = (view.limits.max_parallel as usize).saturating_sub(under_way);
        Self { view, taken: Vec::new(), free_slots, directives: Vec::new() }
    }

    fn consider(&mut self, task: &'a TaskView) {
        match task.state {
            TaskState::InReview => self.review(task),
            TaskState::Backlog | TaskState::Planned | TaskState::InProgress | TaskState::Approved => {
                self.develop(task);
            }
            TaskState::Blocked => self.escalate(task, "it is blocked and nobody is working on it".to_owned()),
            TaskState::Done | TaskState::Failed | TaskState::Cancelled => {}
        }
    }

    fn develop(&mut self, task: &'a TaskView) {
        if let Some(missing) = task.depends_on.iter().find(|dependency| !self.view.done.contains(dependency)) {
            let comes = self.view.tasks.iter().any(|other| other.id == *missing && !other.state.is_final());
            if !comes {
                let reason = format!("it depends on {}, which is not part of this sprint", missing.key());
                self.directives.push(Directive::Defer { task: task.id.clone(), reason });
            }
            return;
        }
        let allowed = self.view.limits.max_rounds.saturating_mul(task.reprieves.saturating_add(1));
        if task.round > allowed {
            return self.escalate(task, format!("{allowed} rounds of development were not enough"));
        }
        let keeps = |agent: &&AgentView| task.assignee.as_ref() == Some(&agent.id) && !task.declined.contains(&agent.id);
        if let Some(assignee) = self.view.agents.iter().find(keeps) {
            if self.is_free(assignee) {
                self.assign(task, assignee, "it is theirs".to_owned());
            }
            return;
        }
        let able = able(self.view, task);
        let Some(fittest) = able.first() else {
            return self.escalate(task, "nobody in the team can take it".to_owned());
        };
        let overlap = overlap(fittest, task);
        let chosen = able.iter().copied().filter(|agent| self.is_free(agent)).min_by_key(|agent| agent.load);
        if let Some(agent) = chosen {
            let reason = match (overlap, task.needs.len()) {
                (_, 0) => format!("is free and has had {} tasks", agent.load),
                (overlap, needs) => format!("has {overlap} of the {needs} capabilities it needs, and is free"),
            };
            self.assign(task, agent, reason);
        }
    }

    fn review(&mut self, task: &'a TaskView) {
        let author = task.assignee.as_ref();
        let may_judge =
            |agent: &&AgentView| Some(&agent.id) != author && !task.declined.contains(&agent.id) && rank(agent.role) < 9;
        let judges: Vec<&AgentView> = self.view.agents.iter().filter(may_judge).collect();
        let Some(best) = judges.iter().map(|agent| rank(agent.role)).min() else {
            return self.escalate(task, "there is nobody but its author to review it".to_owned());
        };
        let chosen = judges
            .into_iter()
            .filter(|agent| rank(agent.role) == best && self.is_free(agent))
            .min_by_key(|agent| (Reverse(overlap(agent, task)), agent.load));
        if let Some(reviewer) = chosen.filter(|_| self.free_slots > 0) {
            self.taken.push(&reviewer.id);
            self.free_slots -= 1;
            let (task, round) = (task.id.clone(), task.round);
            self.directives.push(Directive::Review { task, reviewer: reviewer.id.clone(), round });
        }
    }

    fn assign(&mut self, task: &TaskView, agent: &'a AgentView, reason: String) {
        if self.free_slots == 0 {
            return;
        }
        self.free_slots -= 1;
        self.taken.push(&agent.id);
        let (task, round) = (task.id.clone(), task.round);
        self.directives.push(Directive::Assign { task, agent: agent.id.clone(), round, reason });
    }

    fn escalate(&mut self, task: &TaskView, reason: String) {
        self.directives.push(Directive::Escalate { task: task.id.clone(), reason });
    }

    fn is_free(&self, agent: &AgentView) -> bool {
        !agent.busy && !self.taken.contains(&&agent.id)
    }
}

/// Those who could take a task: of its role, or engineers where the team has nobody of it, and of these the
/// ones that have most of what it needs.
fn able<'a>(view: &'a SprintView, task: &TaskView) -> Vec<&'a AgentView> {
    let willing = |role: Role| -> Vec<&'a AgentView> {
        view.agents.iter().filter(|agent| agent.role == role && !task.declined.contains(&agent.id)).collect()
    };
    let mut able = willing(task.role);
    if able.is_empty() {
        able = willing(Role::Engineer);
    }
    let most = able.iter().map(|agent| overlap(agent, task)).max().unwrap_or(0);
    able.retain(|agent| overlap(agent, task) == most);
    able
}

fn overlap(agent: &AgentView, task: &TaskView) -> usize {
    task.needs.iter().filter(|need| agent.capabilities.contains(need)).count()
}

/// Whose judgement of a change is asked first; a rank of nine is not asked at all.
fn rank(role: Role) -> u8 {
    match role {
        Role::Engineer => 0,
        Role::Architect => 1,
        Role::DevOps | Role::Qa => 2,
        Role::ProjectManager | Role::ProductOwner | Role::BusinessAnalyst => 9,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};
    use syndarix_core::id::TaskId;

    use super::super::view::Limits;
    use super::*;

    fn id(number: u32) -> TaskId {
        TaskId::new(format!("p/T-{number}")).unwrap()
    }

    fn task(number: u32, state: TaskState) -> TaskView {
        TaskView {
            id: id(number),
            state,
            role: Role::Engineer,
            needs: Vec::new(),
            depends_on: Vec::new(),
            assignee: None,
            round: 1,
            reprieves: 0,
            declined: Vec::new(),
            busy: false,
        }
    }

    fn agent(name: &str, role: Role, capabilities: &[&str]) -> AgentView {
        AgentView {
            id: AgentId::new(format!("p/{name}")).unwrap(),
            role,
            capabilities: capabilities.iter().map(ToString::to_string).collect(),
            busy: false,
            load: 0,
        }
    }

    fn team() -> Vec<AgentView> {
        vec![
            agent("dave", Role::Engineer, &["rust"]),
            agent("ellis", Role::Engineer, &["rust", "cli"]),
            agent("ann", Role::Architect, &[]),
        ]
    }

    fn check(tasks: Vec<TaskView>, agents: Vec<AgentView>, expected: Expect) {
        let done = tasks.iter().filter(|task| task.state == TaskState::Done).map(|task| task.id.clone()).collect();
        let view = SprintView { tasks, agents, done, limits: Limits { max_parallel: 2, max_rounds: 3 } };
        let mut text = String::new();
        for directive in decide(&view) {
            let _ = match directive {
                Directive::Assign { task, agent, round, reason } => {
                    writeln!(text, "assign {task} to {agent}, round {round}: {reason}")
                }
                Directive::Review { task, reviewer, round } => writeln!(text, "review {task} by {reviewer}, round {round}"),
                Directive::Defer { task, reason } => writeln!(text, "defer {task}: {reason}"),
                Directive::Escalate { task, reason } => writeln!(text, "escalate {task}: {reason}"),
                Directive::Complete => writeln!(text, "complete"),
            };
        }
        expected.assert_eq(&text);
    }

    #[test]
    fn work_goes_to_who_can_and_is_free_in_the_order_of_the_plan() {
        let needs_cli = TaskView { needs: vec!["cli".into()], ..task(2, TaskState::Planned) };
        check(vec![task(1, TaskState::Planned), needs_cli, task(3, TaskState::Planned)], team(), expect![[r#"
            assign p/T-1 to p/dave, round 1: is free and has had 0 tasks
            assign p/T-2 to p/ellis, round 1: has 1 of the 1 capabilities it needs, and is free
        "#]]);
    }

    #[test]
    fn a_task_waits_for_what_it_depends_on_and_is_deferred_when_that_will_not_come() {
        let waits = TaskView { depends_on: vec![id(1)], ..task(2, TaskState::Planned) };
        let lost = TaskView { depends_on: vec![id(9)], ..task(3, TaskState::Planned) };
        let ready = TaskView { depends_on: vec![id(4)], ..task(5, TaskState::Planned) };
        let under_way = TaskView { busy: true, ..task(1, TaskState::InProgress) };
        check(vec![under_way, waits, lost, task(4, TaskState::Done), ready], team(), expect![[r#"
            defer p/T-3: it depends on T-9, which is not part of this sprint
            assign p/T-5 to p/dave, round 1: is free and has had 0 tasks
        "#]]);
    }

    #[test]
    fn nobody_reviews_their_own_work_and_engineers_come_first() {
        let by = |name: &str| Some(AgentId::new(format!("p/{name}")).unwrap());
        let reviewed = TaskView { assignee: by("dave"), ..task(1, TaskState::InReview) };
        check(vec![reviewed.clone()], team(), expect![[r#"
            review p/T-1 by p/ellis, round 1
        "#]]);
        let alone = vec![agent("dave", Role::Engineer, &[]), agent("ann", Role::Architect, &[])];
        check(vec![reviewed.clone()], alone, expect![[r#"
            review p/T-1 by p/ann, round 1
        "#]]);
        check(vec![reviewed], vec![agent("dave", Role::Engineer, &[])], expect![[r#"
            escalate p/T-1: there is nobody but its author to review it
        "#]]);
    }

    #[test]
    fn rework_stays_with_its_author_who_is_waited_for() {
        let dave = || Some(AgentId::new("p/dave").unwrap());
        let rework = TaskView { assignee: dave(), round: 2, ..task(1, TaskState::InProgress) };
        let mut busy = team();
        busy[0].busy = true;
        check(vec![rework.clone()], busy, expect![""]);
        check(vec![rework.clone()], team(), expect![[r#"
            assign p/T-1 to p/dave, round 2: it is theirs
        "#]]);
        let endless = TaskView { round: 4, ..rework.clone() };
        check(vec![endless.clone()], team(), expect![[r#"
            escalate p/T-1: 3 rounds of development were not enough
        "#]]);
        check(vec![TaskView { reprieves: 1, ..endless }], team(), expect![[r#"
            assign p/T-1 to p/dave, round 4: it is theirs
        "#]]);
        let passed_on = TaskView { declined: vec![dave().unwrap()], ..rework };
        check(vec![passed_on], team(), expect![[r#"
            assign p/T-1 to p/ellis, round 2: is free and has had 0 tasks
        "#]]);
    }

    #[test]
    fn a_sprint_is_complete_when_every_task_is_over() {
        check(vec![task(1, TaskState::Done), task(2, TaskState::Failed)], team(), expect![[r#"
            complete
        "#]]);
        check(vec![], team(), expect![[r#"
            complete
        "#]]);
    }
}
