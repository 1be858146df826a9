//! The stored form of every kind of event. A change here changes what is in people's journals: it needs a new
//! `EVENT_VERSION`.

use std::collections::BTreeSet;

use expect_test::expect;
use syndarix_core::agent::{AgentState, AgentTransition};
use syndarix_core::approval::{ApprovalKind, ApprovalState};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::blob::BlobHash;
use syndarix_core::budget::{BudgetRefusal, BudgetScope};
use syndarix_core::event::{EVENT_VERSION, EventKind};
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::message::MessageKind;
use syndarix_core::money::NanoUsd;
use syndarix_core::project::{Phase, ProjectState};
use syndarix_core::role::Role;
use syndarix_core::task::{TaskKind, TaskState};
use syndarix_core::usage::TokenUsage;

fn project() -> ProjectId {
    "demo-000001".parse().expect("a project's id")
}

fn agent() -> AgentId {
    project().agent("Dave").expect("an agent's id")
}

fn task() -> TaskId {
    project().task(3)
}

/// One of every kind, in the order of their declaration.
fn one_of_each() -> Vec<EventKind> {
    let text = String::from;
    let usage = TokenUsage { input_tokens: 10, output_tokens: 2, ..TokenUsage::default() };
    let refusal = BudgetRefusal {
        scope: BudgetScope::Task { task: task() },
        limit: NanoUsd(5),
        spent: NanoUsd(3),
        reserved: NanoUsd(1),
        requested: NanoUsd(2),
    };
    vec![
        EventKind::ProjectCreated { title: text("Demo"), budget: NanoUsd(5_000_000_000) },
        EventKind::ProjectStateChanged {
            from: ProjectState::Created,
            to: ProjectState::Running,
            reason: None,
        },
        EventKind::PhaseEntered { phase: Phase::Sprint(2) },
        EventKind::AgentJoined { name: text("Dave"), role: Role::DevOps, agent_type: text("engineer") },
        EventKind::AgentStateChanged {
            from: AgentState::Thinking,
            transition: AgentTransition::AwaitInput,
            to: AgentState::WaitingInput,
        },
        EventKind::TaskCreated { title: text("Parse"), kind: TaskKind::QualityAssurance },
        EventKind::TaskAssigned { assignee: agent(), reason: text("is free") },
        EventKind::TaskPlanned { sprint: Some(1) },
        EventKind::TaskStateChanged {
            from: TaskState::InProgress,
            to: TaskState::Blocked,
            reason: Some(text("waits")),
        },
        EventKind::TaskDone { exit_code: Some(0), commit: None },
        EventKind::ReviewVerdict { reviewer: agent(), approved: false, comment: text("no test"), round: 1 },
        EventKind::BranchMerged { branch: text("task/T-3"), into: text("main"), commit: text("c0ffee") },
        EventKind::MergeConflict { branch: text("task/T-3"), files: vec![text("src/lib.rs")] },
        EventKind::CheckRun { command: text("cargo test"), exit_code: 101, duration_ms: 12 },
        EventKind::MessageSent {
            message: "demo-000001/M-1".parse().expect("a message's id"),
            kind: MessageKind::TaskHandoff,
            target: None,
            summary: text("yours"),
        },
        EventKind::ArtifactWritten {
            artifact: "demo-000001/vision.md".parse().expect("an artifact's id"),
            name: text("vision.md"),
            content: BlobHash::of(b""),
        },
        EventKind::RunStarted { run: task().run(1), superstep: 0 },
        EventKind::RunStopped { run: task().run(1), outcome: text("finished"), detail: None },
        EventKind::ModelCallSucceeded {
            model: text("scripted/main"),
            usage,
            cost: NanoUsd(7),
            latency_ms: 90,
        },
        EventKind::ModelCallFailed {
            model: text("scripted/main"),
            kind: text("overloaded"),
            message: text("529"),
            retryable: true,
            cost: NanoUsd::ZERO,
        },
        EventKind::ModelFailover {
            from: text("scripted/main"),
            to: text("scripted/fast"),
            reason: text("overloaded"),
        },
        EventKind::MalformedAction { problem: text("no such tool") },
        EventKind::ToolCalled {
            tool: text("run_command"),
            arguments: text("{}"),
            is_error: false,
            exit_code: Some(1),
            duration_ms: 4,
        },
        EventKind::ToolDenied { tool: text("run_command"), reason: text("not allowed") },
        EventKind::BudgetWarning {
            budget: BudgetScope::Sprint { project: project(), sprint: 1 },
            percent: 80,
            limit: NanoUsd(5),
        },
        EventKind::BudgetRefused { refusal },
        EventKind::BudgetChanged {
            budget: BudgetScope::Project { project: project() },
            from: None,
            to: NanoUsd(9),
        },
        EventKind::ApprovalRequested {
            approval: project().approval(2),
            kind: ApprovalKind::ToolCall,
            title: text("May Dave?"),
            checkpoint: Some(Checkpoint::RiskyTool),
        },
        EventKind::ApprovalDecided {
            approval: project().approval(2),
            state: ApprovalState::Approved,
            by: Some(text("ada")),
            comment: None,
        },
        EventKind::PermissionGranted {
            approval: project().approval(2),
            covers: text("every call of `mcp.git.push`"),
            by: text("ada"),
        },
        EventKind::PermissionRevoked { approval: project().approval(2), by: text("ada") },
        EventKind::CallPermitted {
            tool: text("mcp_git_push"),
            approval: project().approval(2),
            covers: text("every call of `mcp.git.push`"),
        },
        EventKind::FeedbackGiven { by: text("ada"), summary: text("faster") },
        EventKind::GuardTripped { guard: text("repeats"), detail: text("thrice") },
        EventKind::Note { text: text("hello") },
    ]
}

#[test]
fn every_kind_has_its_stored_form() {
    assert_eq!(EVENT_VERSION, 1);
    let stored: Vec<_> =
        one_of_each().iter().map(|kind| serde_json::to_string(kind).expect("stores")).collect();
    expect![[r#"
        {"event":"project_created","title":"Demo","budget":5000000000}
        {"event":"project_state_changed","from":"created","to":"running","reason":null}
        {"event":"phase_entered","phase":{"phase":"sprint","number":2}}
        {"event":"agent_joined","name":"Dave","role":"dev_ops","agent_type":"engineer"}
        {"event":"agent_state_changed","from":"thinking","transition":"await_input","to":"waiting_input"}
        {"event":"task_created","title":"Parse","kind":"quality_assurance"}
        {"event":"task_assigned","assignee":"demo-000001/dave","reason":"is free"}
        {"event":"task_planned","sprint":1}
        {"event":"task_state_changed","from":"in_progress","to":"blocked","reason":"waits"}
        {"event":"task_done","exit_code":0,"commit":null}
        {"event":"review_verdict","reviewer":"demo-000001/dave","approved":false,"comment":"no test","round":1}
        {"event":"branch_merged","branch":"task/T-3","into":"main","commit":"c0ffee"}
        {"event":"merge_conflict","branch":"task/T-3","files":["src/lib.rs"]}
        {"event":"check_run","command":"cargo test","exit_code":101,"duration_ms":12}
        {"event":"message_sent","message":"demo-000001/M-1","kind":"TASK_HANDOFF","target":null,"summary":"yours"}
        {"event":"artifact_written","artifact":"demo-000001/vision.md","name":"vision.md","content":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
        {"event":"run_started","run":"demo-000001/T-3/run-1","superstep":0}
        {"event":"run_stopped","run":"demo-000001/T-3/run-1","outcome":"finished","detail":null}
        {"event":"model_call_succeeded","model":"scripted/main","usage":{"input_tokens":10,"output_tokens":2},"cost":7,"latency_ms":90}
        {"event":"model_call_failed","model":"scripted/main","kind":"overloaded","message":"529","retryable":true,"cost":0}
        {"event":"model_failover","from":"scripted/main","to":"scripted/fast","reason":"overloaded"}
        {"event":"malformed_action","problem":"no such tool"}
        {"event":"tool_called","tool":"run_command","arguments":"{}","is_error":false,"exit_code":1,"duration_ms":4}
        {"event":"tool_denied","tool":"run_command","reason":"not allowed"}
        {"event":"budget_warning","budget":{"scope":"sprint","project":"demo-000001","sprint":1},"percent":80,"limit":5}
        {"event":"budget_refused","refusal":{"scope":{"scope":"task","task":"demo-000001/T-3"},"limit":5,"spent":3,"reserved":1,"requested":2}}
        {"event":"budget_changed","budget":{"scope":"project","project":"demo-000001"},"from":null,"to":9}
        {"event":"approval_requested","approval":"demo-000001/A-2","kind":"tool_call","title":"May Dave?","checkpoint":"risky_tool"}
        {"event":"approval_decided","approval":"demo-000001/A-2","state":"approved","by":"ada","comment":null}
        {"event":"permission_granted","approval":"demo-000001/A-2","covers":"every call of `mcp.git.push`","by":"ada"}
        {"event":"permission_revoked","approval":"demo-000001/A-2","by":"ada"}
        {"event":"call_permitted","tool":"mcp_git_push","approval":"demo-000001/A-2","covers":"every call of `mcp.git.push`"}
        {"event":"feedback_given","by":"ada","summary":"faster"}
        {"event":"guard_tripped","guard":"repeats","detail":"thrice"}
        {"event":"note","text":"hello"}"#]].assert_eq(&stored.join("\n"));
}

#[test]
fn every_kind_is_read_back_and_tagged_with_its_name() {
    let kinds = one_of_each();
    let names: BTreeSet<_> = kinds.iter().map(EventKind::name).collect();
    assert_eq!(names.len(), kinds.len(), "two kinds share a name, or one is there twice");
    for kind in kinds {
        let stored = serde_json::to_value(&kind).expect("stores");
        assert_eq!(stored["event"], kind.name());
        assert_eq!(serde_json::from_value::<EventKind>(stored).expect("reads back"), kind);
    }
}
