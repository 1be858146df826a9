//! Who does what next, as tables: tasks and agents in, directives out.

use expect_test::{Expect, expect};
use syndarix_agents::Stage;
use syndarix_agents::supervisor::{Directive, Running, SprintView, SupervisorLimits, decide};
use syndarix_core::agent::{Agent, AgentState};
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::role::Role;
use syndarix_core::task::{Task, TaskKind, TaskState};
use syndarix_core::time::Timestamp;

fn project() -> ProjectId {
    ProjectId::new("p").expect("valid")
}

fn agent(name: &str, role: Role, capabilities: &[&str]) -> Agent {
    Agent {
        id: project().agent(name).expect("valid"),
        project: project(),
        name: name.to_owned(),
        role,
        agent_type: role.as_str().to_owned(),
        reports_to: None,
        capabilities: capabilities.iter().map(|capability| (*capability).to_owned()).collect(),
        state: AgentState::Idle,
        state_since: Timestamp(0),
    }
}

fn team() -> Vec<Agent> {
    vec![
        agent("Dave", Role::Engineer, &["code", "review"]),
        agent("Ellis", Role::Engineer, &["code", "review"]),
        agent("Kate", Role::Engineer, &["code", "review", "sql"]),
        agent("Omar", Role::DevOps, &["code"]),
    ]
}

/// A task from words: `NUMBER STATE [after N] [by NAME] [needs X] [for ROLE] [rounds N] [defect]`.
fn task(line: &str) -> Task {
    let words: Vec<&str> = line.split_whitespace().collect();
    let value = |key: &str| words.iter().position(|word| *word == key).map(|at| words[at + 1]);
    let number: u32 = words[0].parse().expect("a number");
    let states = [
        TaskState::Backlog,
        TaskState::Planned,
        TaskState::InProgress,
        TaskState::InReview,
        TaskState::Approved,
        TaskState::Blocked,
        TaskState::Done,
        TaskState::Failed,
    ];
    Task {
        id: project().task(number),
        project: project(),
        kind: if words.contains(&"defect") { TaskKind::Defect } else { TaskKind::Development },
        title: "A task".to_owned(),
        description: String::new(),
        slug: format!("task-{number}"),
        role: value("for").map_or(Role::Engineer, |role| role.parse().expect("a role")),
        needs: value("needs").map(str::to_owned).into_iter().collect(),
        depends_on: value("after")
            .map(|other| project().task(other.parse().expect("a number")))
            .into_iter()
            .collect(),
        check: None,
        must_pass: Vec::new(),
        sprint: Some(1),
        assignee: value("by").map(|name| project().agent(name).expect("valid")),
        state: states.into_iter().find(|state| state.as_str() == words[1]).expect("a state"),
        review_rounds: value("rounds").map_or(0, |rounds| rounds.parse().expect("a number")),
        branch: None,
        receipt: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

fn check(tasks: &[&str], running: &[(u32, &str, Stage)], expected: Expect) {
    let view = SprintView {
        tasks: tasks.iter().map(|line| task(line)).collect(),
        sprint: 1,
        agents: team(),
        running: running
            .iter()
            .map(|(number, name, stage)| Running {
                task: project().task(*number),
                agent: project().agent(name).expect("valid"),
                stage: *stage,
            })
            .collect(),
        limits: SupervisorLimits { review_rounds: 2, parallel: 8 },
    };
    let name = |id: &AgentId| id.as_str().trim_start_matches("p/").to_owned();
    let key = |id: &TaskId| id.key().to_owned();
    let lines: Vec<String> = decide(&view)
        .iter()
        .map(|directive| match directive {
            Directive::Assign { task, agent, reason } => {
                format!("{} to {}: {reason}", key(task), name(agent))
            }
            Directive::Review { task, reviewer } => format!("{} reviewed by {}", key(task), name(reviewer)),
            Directive::Escalate { task, reason } => format!("{} escalated: {reason}", key(task)),
            Directive::Complete => "complete".to_owned(),
            Directive::Wait => "wait".to_owned(),
        })
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn work_goes_to_whoever_can_do_it_and_has_least_to_do() {
    check(
        &["1 planned", "2 planned", "3 planned after 1", "4 planned for dev_ops"],
        &[],
        expect![[r#"
        T-1 to dave: Dave is free
        T-2 to ellis: Ellis is free
        T-4 to omar: Omar is free"#]],
    );
    check(
        &["1 planned needs sql", "2 planned"],
        &[],
        expect![[r#"
        T-1 to kate: Kate is free and can do sql
        T-2 to dave: Dave is free"#]],
    );
    check(&["1 planned needs sql"], &[(9, "kate", Stage::Develop)], expect!["wait"]);
    check(&["1 done by dave", "2 planned"], &[], expect!["T-2 to ellis: Ellis is free"]);
    check(&["1 planned needs cobol"], &[], expect!["T-1 to dave: Dave is free; nobody lists cobol"]);
    check(
        &["1 planned needs cobol", "2 planned needs sql"],
        &[(9, "dave", Stage::Develop), (8, "ellis", Stage::Develop)],
        expect!["T-1 to kate: Kate is free; nobody lists cobol"],
    );
    check(
        &["1 planned", "2 planned defect"],
        &[(9, "ellis", Stage::Develop), (8, "kate", Stage::Develop)],
        expect!["T-2 to dave: Dave is free"],
    );
}

#[test]
fn reviews_are_by_others_and_come_first() {
    check(
        &["1 planned", "2 in_review by dave"],
        &[],
        expect![[r#"
        T-2 reviewed by ellis
        T-1 to kate: Kate is free"#]],
    );
    check(
        &["1 in_review by dave"],
        &[(2, "ellis", Stage::Develop), (3, "kate", Stage::Review)],
        expect!["wait"],
    );
    check(&["1 in_progress by dave rounds 1"], &[], expect!["T-1 to dave: Dave wrote it, and it came back"]);
    check(
        &["1 in_progress by dave rounds 2"],
        &[],
        expect!["T-1 escalated: 2 rounds did not bring it to a merge"],
    );
}

#[test]
fn a_sprint_waits_escalates_or_is_complete() {
    check(&["1 done", "2 failed"], &[], expect!["complete"]);
    check(&[], &[], expect!["complete"]);
    check(&["1 in_progress by dave", "2 planned after 1"], &[(1, "dave", Stage::Develop)], expect!["wait"]);
    check(&["1 blocked", "2 planned after 1"], &[], expect!["wait"]);
    check(
        &["1 failed", "2 planned after 1"],
        &[],
        expect!["T-2 escalated: it builds on T-1 (task-1), which is failed"],
    );
    check(&["1 planned for qa"], &[], expect!["T-1 escalated: nobody in the team is QA and could do it"]);
    check(&["1 planned by omar"], &[], expect!["T-1 to omar: it was given to Omar"]);
}

#[tokio::test]
async fn directives_are_carried_out_once_and_the_team_is_told() {
    use crate::world::World;
    use syndarix_agents::supervisor::Supervisor;
    use syndarix_core::id::RunId;
    use syndarix_core::message::MessageKind;

    let world = World::new("").await;
    world.store.set_task_sprint(&world.task, Some(1)).await.expect("planned");
    let view = SprintView {
        tasks: world.store.tasks(&world.project).await.expect("tasks"),
        sprint: 1,
        agents: world.store.agents(&world.project).await.expect("agents"),
        running: Vec::new(),
        limits: SupervisorLimits::default(),
    };
    let supervisor = Supervisor::new(world.store.clone());
    let run = RunId::new("demo-000001/sprint-1/supervise-1").expect("valid");
    let directives = supervisor.supervise(&run, view.clone()).await.expect("decided");
    assert_eq!(directives, decide(&view));
    assert_eq!(supervisor.supervise(&run, view).await.expect("decided"), directives, "again");

    let task = world.store.task(&world.task).await.expect("the task");
    let assignee = task.assignee.expect("somebody has it");
    let inbox = world.store.inbox(&assignee).await.expect("an inbox");
    assert_eq!(inbox.len(), 1);
    assert_eq!(inbox[0].kind, MessageKind::TaskAssignment);
    assert_eq!(inbox[0].sender, Some(world.agent("priya")));
}
