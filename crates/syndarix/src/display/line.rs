//! An event as a line: when, who, what. The same events give the same lines on every surface.

use std::time::Duration;

use syndarix_core::agent::AgentState;
use syndarix_core::approval::{ApprovalKind, ApprovalState};
use syndarix_core::budget::BudgetScope;
use syndarix_core::event::{Event, EventKind};
use syndarix_core::message::MessageKind;
use syndarix_core::project::ProjectState;
use syndarix_core::task::TaskState;

use super::action::{Action, action};
use super::board::Board;
use super::text::{commit, money, one_line, took};
use super::wrap::{columns, padded, wrap};

/// How much of the journal to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What a person who watches wants to know.
    Story,
    /// Every event.
    Everything,
}

/// How a line feels; decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// One of many.
    Plain,
    /// A new part of the story.
    Heading,
    /// Something was achieved.
    Good,
    /// Something needs attention, or will.
    Warning,
    /// Something failed.
    Bad,
    /// For those who want to know everything.
    Faint,
}

/// One line of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Time since the project began.
    pub(crate) elapsed: Duration,
    /// Who, or which part of the project, it is about.
    pub(crate) who: String,
    /// What happened.
    pub(crate) what: String,
    /// How it feels.
    pub(crate) tone: Tone,
}

/// How many columns the name of whom a line is about takes at least, so that what happened begins below one another.
const WHO_COLUMNS: usize = 10;

/// How far the second and later lines go in where there is no room to begin them below the first one's words.
const NARROW_INDENT: usize = 4;

impl Line {
    /// The line as text, without its newline. With a width it is broken at words, and what follows is indented to
    /// where the words begin; in a pipe, which has no width, it stays one line.
    pub(crate) fn render(&self, color: bool, width: Option<usize>) -> String {
        let elapsed = super::text::elapsed(self.elapsed);
        let who = padded(&self.who, WHO_COLUMNS);
        let paint = match self.tone {
            Tone::Plain => "",
            Tone::Heading => "\u{1b}[1m",
            Tone::Good => "\u{1b}[32m",
            Tone::Warning => "\u{1b}[33m",
            Tone::Bad => "\u{1b}[31m",
            Tone::Faint => "\u{1b}[2m",
        };
        let painted = |text: &str| {
            if color { format!("{paint}{text}\u{1b}[0m") } else { text.to_owned() }
        };
        let head = if color {
            format!("\u{1b}[2m{elapsed}\u{1b}[0m  \u{1b}[1m{who}\u{1b}[0m ")
        } else {
            format!("{elapsed}  {who} ")
        };
        let Some(width) = width else { return head + &painted(&self.what) };

        let begin = columns(&elapsed) + 2 + columns(&who) + 1;
        // A long name leaves its first line little room; the others need not suffer from it.
        let indent = if begin * 2 <= width { begin } else { NARROW_INDENT };
        let lines = wrap(&self.what, width.saturating_sub(begin), width.saturating_sub(indent));
        let margin = format!("\n{}", " ".repeat(indent));
        let lines: Vec<String> = lines.iter().map(|line| painted(line)).collect();
        head + &lines.join(&margin)
    }
}

/// How long a comment may be in a line; the full one is in the records.
const COMMENT_LIMIT: usize = 140;

/// The line for an event, given the board *after* it; `None` where this much detail leaves it out.
pub(crate) fn line(event: &Event, board: &Board, detail: Detail) -> Option<Line> {
    let (tone, what) = match tell(event, board) {
        Telling::Story(tone, what) => (tone, what),
        Telling::Aside(what) if detail == Detail::Everything => (Tone::Faint, what),
        Telling::Aside(_) => return None,
    };
    Some(Line { elapsed: board.elapsed_at(event.at), who: who(event, board), what, tone })
}

/// An event as words, and whether it belongs to the story.
enum Telling {
    Story(Tone, String),
    Aside(String),
}

fn who(event: &Event, board: &Board) -> String {
    let part = match &event.kind {
        EventKind::ReviewVerdict { reviewer, .. } => return board.name(reviewer),
        EventKind::PhaseEntered { .. } => "phase",
        EventKind::CheckRun { .. } => "check",
        EventKind::SetUpRun { .. } => "set-up",
        EventKind::TaskCreated { .. } => "new task",
        EventKind::TaskAssigned { assignee, .. } => return board.name(assignee),
        EventKind::BudgetWarning { .. }
        | EventKind::BudgetRefused { .. }
        | EventKind::BudgetChanged { .. } => "budget",
        EventKind::ApprovalRequested { .. }
        | EventKind::ApprovalDecided { .. }
        | EventKind::PermissionGranted { .. }
        | EventKind::PermissionRevoked { .. } => "approval",
        EventKind::BranchMerged { .. } | EventKind::MergeConflict { .. } => "git",
        EventKind::FeedbackGiven { .. } => "you",
        EventKind::ProjectCreated { .. } | EventKind::ProjectStateChanged { .. } => "project",
        _ => match (&event.agent, &event.task) {
            (Some(agent), _) => return board.name(agent),
            (None, Some(_)) => "task",
            (None, None) => "project",
        },
    };
    part.to_owned()
}

fn tell(event: &Event, board: &Board) -> Telling {
    use Telling::{Aside, Story};
    let task = || event.task.as_ref().map_or_else(|| "its work".to_owned(), |task| board.task(task));
    let key = || event.task.as_ref().map_or("its work", |task| task.key());
    let because = |reason: &Option<String>| {
        reason.as_deref().map_or_else(String::new, |reason| format!(": {}", one_line(reason, COMMENT_LIMIT)))
    };
    match &event.kind {
        EventKind::ProjectCreated { title, budget } => Story(
            Tone::Heading,
            format!("{}: {}, budget {}", event.project, one_line(title, 80), money(*budget)),
        ),
        EventKind::ProjectStateChanged { to, reason, .. } => match to {
            ProjectState::Created => Aside("created".to_owned()),
            ProjectState::Running => Aside(format!("running{}", because(reason))),
            ProjectState::Waiting => Story(Tone::Warning, format!("waits for you{}", because(reason))),
            ProjectState::Completed => Story(Tone::Good, format!("completed{}", because(reason))),
            ProjectState::Failed => Story(Tone::Bad, format!("failed{}", because(reason))),
            ProjectState::Cancelled => Story(Tone::Bad, format!("cancelled{}", because(reason))),
        },
        EventKind::PhaseEntered { phase } => Story(Tone::Heading, format!("{phase} · {}", board.so_far())),
        EventKind::AgentJoined { role, .. } => Story(Tone::Plain, format!("joins as {}", role.title())),
        EventKind::AgentStateChanged { to: AgentState::Error, .. } => {
            Story(Tone::Bad, format!("ran into an error on {}", task()))
        }
        EventKind::AgentStateChanged { from, to, .. } => Aside(format!("{from} → {to}")),
        EventKind::TaskCreated { title, kind } => {
            let kind = kind.as_str().replace('_', " ");
            Story(Tone::Plain, format!("{} {} ({kind})", key(), one_line(title, 80)))
        }
        EventKind::TaskAssigned { reason, .. } => {
            // Reasons name agents by their ids; people know them without the project in front.
            let reason = reason.replace(&format!("{}/", event.project), "");
            Story(Tone::Plain, format!("takes {} ({})", task(), one_line(&reason, COMMENT_LIMIT)))
        }
        EventKind::TaskPlanned { sprint: Some(sprint) } => {
            Aside(format!("{} is planned into sprint {sprint}", key()))
        }
        EventKind::TaskPlanned { sprint: None } => Aside(format!("{} is back in the backlog", key())),
        EventKind::TaskStateChanged { to, reason, .. } => match to {
            TaskState::Failed => Story(Tone::Bad, format!("{} failed{}", task(), because(reason))),
            TaskState::Blocked => Story(Tone::Warning, format!("{} is blocked{}", task(), because(reason))),
            TaskState::Cancelled => {
                Story(Tone::Warning, format!("{} was cancelled{}", task(), because(reason)))
            }
            TaskState::InReview => Story(Tone::Plain, format!("{} is up for review", task())),
            other => Aside(format!("{} is {}{}", key(), other.as_str().replace('_', " "), because(reason))),
        },
        EventKind::TaskDone { exit_code, commit: id } => {
            let check = exit_code.map_or_else(String::new, |code| format!(", check exit code {code}"));
            let at = id.as_ref().map_or_else(String::new, |id| format!(", commit {}", commit(id)));
            Story(Tone::Good, format!("{} is done{check}{at} · {}", task(), board.so_far()))
        }
        EventKind::ReviewVerdict { approved: true, comment, .. } => {
            Story(Tone::Good, format!("approves {}: {}", key(), one_line(comment, COMMENT_LIMIT)))
        }
        EventKind::ReviewVerdict { comment, round, .. } => Story(
            Tone::Warning,
            format!("sends {} back (review {round}): {}", key(), one_line(comment, COMMENT_LIMIT)),
        ),
        EventKind::BranchMerged { branch, into, commit: id } => {
            Story(Tone::Good, format!("{branch} merged into {into} as {}", commit(id)))
        }
        EventKind::MergeConflict { branch, files } => Story(
            Tone::Warning,
            format!("{branch} conflicts in {}", one_line(&files.join(", "), COMMENT_LIMIT)),
        ),
        EventKind::CheckRun { command, exit_code, duration_ms }
        | EventKind::SetUpRun { command, exit_code, duration_ms } => {
            let tone = if *exit_code == 0 { Tone::Plain } else { Tone::Warning };
            let of = event.task.as_ref().map_or_else(String::new, |task| format!("{}: ", task.key()));
            Story(
                tone,
                format!("{of}`{}` → exit code {exit_code} ({})", one_line(command, 80), ms(*duration_ms)),
            )
        }
        EventKind::MessageSent { kind, target, summary, .. } => {
            let to = target.as_ref().map_or_else(|| "everyone".to_owned(), |agent| board.name(agent));
            let summary = one_line(summary, COMMENT_LIMIT);
            match kind {
                MessageKind::TaskHandoff => Story(Tone::Plain, format!("hands {} to {to}: {summary}", key())),
                MessageKind::Query => Story(Tone::Plain, format!("asks {to}: {summary}")),
                other => Aside(format!("{other} to {to}: {summary}")),
            }
        }
        EventKind::ArtifactWritten { name, .. } => {
            Story(Tone::Plain, format!("writes {}", one_line(name, 80)))
        }
        EventKind::RunStarted { run, superstep: 0 } => Aside(format!("{run} begins")),
        EventKind::RunStarted { run, superstep } => {
            Aside(format!("{run} continues after superstep {superstep}"))
        }
        EventKind::RunStopped { run, outcome, detail } if outcome == "failed" => {
            Story(Tone::Bad, format!("{run} failed{}", because(detail)))
        }
        EventKind::RunStopped { run, outcome, detail } => {
            Aside(format!("{run} {}{}", one_line(outcome, 40), because(detail)))
        }
        EventKind::ModelCallSucceeded { model, usage, cost, latency_ms } => Aside(format!(
            "{model} answered: {} tokens in, {} out, {} ({})",
            usage.input_tokens,
            usage.output_tokens,
            money(*cost),
            ms(*latency_ms)
        )),
        // A model that is asked again fails again the same way; once is enough for the story.
        EventKind::ModelCallFailed { model, kind, .. } if board.failed_before(event) => {
            Aside(format!("{model} failed again ({})", words(kind)))
        }
        EventKind::ModelCallFailed { model, kind, message, .. } => Story(
            Tone::Warning,
            format!("{model} failed ({}): {}", words(kind), one_line(message, COMMENT_LIMIT)),
        ),
        EventKind::ModelFailover { from, to, reason } => {
            Story(Tone::Warning, format!("goes on with {to} instead of {from} ({})", words(reason)))
        }
        EventKind::MalformedAction { problem } => {
            Story(Tone::Warning, format!("is told to try again: {}", one_line(problem, COMMENT_LIMIT)))
        }
        EventKind::ToolCalled { tool, arguments, is_error, exit_code, duration_ms } => {
            let exit = exit_code
                .map_or_else(String::new, |code| format!(" → exit code {code} ({})", ms(*duration_ms)));
            let failed = if *is_error && exit_code.is_none() { " → refused" } else { "" };
            let tone = if *is_error || exit_code.is_some_and(|code| code != 0) {
                Tone::Warning
            } else {
                Tone::Plain
            };
            match action(tool, arguments) {
                Action::Deed(deed) => Story(tone, format!("{deed}{exit}{failed}")),
                Action::Word(word) => Story(tone, format!("{word}{failed}")),
                Action::Aside(aside) => Aside(format!("{aside}{failed}")),
            }
        }
        EventKind::ToolDenied { tool, reason } => {
            Story(Tone::Warning, format!("may not use {tool}: {}", one_line(reason, COMMENT_LIMIT)))
        }
        EventKind::BudgetWarning { budget, percent, limit } => Story(
            Tone::Warning,
            format!("{percent} % of the {} of {} is spent or reserved", money(*limit), scope(budget, board)),
        ),
        EventKind::BudgetRefused { refusal } if !refusal.scope.adds_up() => Story(
            Tone::Bad,
            format!(
                "refused a call of up to {}: the limit for {} is {}",
                money(refusal.requested),
                scope(&refusal.scope, board),
                money(refusal.limit),
            ),
        ),
        EventKind::BudgetRefused { refusal } => Story(
            Tone::Bad,
            format!(
                "refused a call of up to {}: {} of {} is spent and {} reserved for {}",
                money(refusal.requested),
                money(refusal.spent),
                money(refusal.limit),
                money(refusal.reserved),
                scope(&refusal.scope, board)
            ),
        ),
        EventKind::BudgetChanged { budget, from, to } => {
            let from = from.map_or_else(String::new, |from| format!(" from {}", money(from)));
            Story(Tone::Plain, format!("of {} changed{from} to {}", scope(budget, board), money(*to)))
        }
        EventKind::ApprovalRequested { approval, kind, title, .. } => Story(
            Tone::Warning,
            format!(
                "{} needs your {}: {} — `syndarix approve {approval}`",
                approval.key(),
                ask(*kind),
                one_line(title, COMMENT_LIMIT)
            ),
        ),
        EventKind::ApprovalDecided { approval, state, by, comment } => {
            let by = by.as_ref().map_or_else(String::new, |by| format!(" by {}", one_line(by, 40)));
            let tone = if *state == ApprovalState::Approved { Tone::Good } else { Tone::Warning };
            Story(tone, format!("{} {}{by}{}", approval.key(), state.as_str(), because(comment)))
        }
        EventKind::PermissionGranted { approval, covers, by } => Story(
            Tone::Good,
            format!(
                "{} allows from now on: {} ({})",
                approval.key(),
                one_line(covers, COMMENT_LIMIT),
                one_line(by, 40)
            ),
        ),
        EventKind::PermissionRevoked { approval, by } => Story(
            Tone::Plain,
            format!("what {} allows is taken back by {}", approval.key(), one_line(by, 40)),
        ),
        EventKind::CallPermitted { tool, approval, .. } => {
            Aside(format!("may call {} without a question: {} allows it", words(tool), approval.key()))
        }
        EventKind::FeedbackGiven { by, summary } => Story(
            Tone::Plain,
            format!("({}) tell the team: {}", one_line(by, 40), one_line(summary, COMMENT_LIMIT)),
        ),
        EventKind::GuardTripped { guard, detail } => Story(
            Tone::Warning,
            format!("stopped by the {} guard: {}", words(guard), one_line(detail, COMMENT_LIMIT)),
        ),
        EventKind::Note { text } => Story(Tone::Plain, one_line(text, COMMENT_LIMIT)),
    }
}

fn ms(duration_ms: u64) -> String {
    took(Duration::from_millis(duration_ms))
}

fn words(name: &str) -> String {
    one_line(&name.replace('_', " "), 60)
}

fn scope(budget: &BudgetScope, board: &Board) -> String {
    match budget {
        BudgetScope::Call { agent } => format!("one call of {}", board.name(agent)),
        BudgetScope::Project { .. } => "the project".to_owned(),
        BudgetScope::Sprint { sprint, .. } => format!("sprint {sprint}"),
        BudgetScope::Agent { agent } => board.name(agent),
        BudgetScope::Task { task } => board.task(task),
    }
}

fn ask(kind: ApprovalKind) -> &'static str {
    match kind {
        ApprovalKind::Checkpoint => "approval",
        ApprovalKind::ToolCall => "permission",
        ApprovalKind::Budget => "word on money",
        ApprovalKind::Question => "answer",
        ApprovalKind::UnknownEffect | ApprovalKind::Escalation => "decision",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    /// Tells these events of project `p-1`, each given as (milliseconds, agent, task, kind).
    fn check(events: &[(i64, &str, &str, serde_json::Value)], detail: Detail, expected: &Expect) {
        let mut board = Board::default();
        let mut said = String::new();
        for (seq, (at, agent, task, kind)) in events.iter().enumerate() {
            let id = |name: &str| (!name.is_empty()).then(|| format!("p-1/{name}"));
            let event: Event = serde_json::from_value(json!({
                "seq": seq + 1, "at": at, "project": "p-1", "agent": id(agent), "task": id(task), "version": 1, "kind": kind,
            }))
            .expect("an event");
            board.apply(&event);
            if let Some(line) = line(&event, &board, detail) {
                said.push_str(&format!("{}\n", line.render(false, None)));
            }
        }
        expected.assert_eq(&said);
    }

    fn story() -> Vec<(i64, &'static str, &'static str, serde_json::Value)> {
        vec![
            (
                0,
                "",
                "",
                json!({"event": "project_created", "title": "Slug \u{1b}[31mline", "budget": 5_000_000_000_u64}),
            ),
            (
                1,
                "dave",
                "",
                json!({"event": "agent_joined", "name": "Dave", "role": "engineer", "agent_type": "engineer"}),
            ),
            (
                2,
                "kate",
                "",
                json!({"event": "agent_joined", "name": "Kate", "role": "engineer", "agent_type": "engineer"}),
            ),
            (900, "", "", json!({"event": "phase_entered", "phase": {"phase": "sprint", "number": 1}})),
            (
                1_000,
                "",
                "T-3",
                json!({"event": "task_created", "title": "Parse the flag", "kind": "development"}),
            ),
            (
                1_100,
                "",
                "T-3",
                json!({"event": "task_assigned", "assignee": "p-1/dave", "reason": "p-1/dave is free"}),
            ),
            (
                1_200,
                "dave",
                "T-3",
                json!({"event": "agent_state_changed", "from": "idle", "transition": "think", "to": "thinking"}),
            ),
            (2_000, "dave", "T-3", failed()),
            (2_500, "dave", "T-3", failed()),
            (
                2_600,
                "dave",
                "T-3",
                json!({"event": "model_failover", "from": "a/x", "to": "b/y", "reason": "rate_limited"}),
            ),
            (3_000, "dave", "T-3", tool("read_file", r#"{"path":"src/a.rs"}"#, None)),
            (3_100, "dave", "T-3", tool("run_command", r#"{"command":["cargo","test"]}"#, Some(101))),
            (
                61_000,
                "kate",
                "T-3",
                json!({"event": "review_verdict", "reviewer": "p-1/kate", "approved": false, "comment": "No\ntest.", "round": 1}),
            ),
            (62_000, "", "T-3", json!({"event": "task_done", "exit_code": 0, "commit": "0123456789abcdef"})),
            (
                63_000,
                "",
                "",
                json!({"event": "approval_requested", "approval": "p-1/A-1", "kind": "checkpoint", "title": "Go on?", "checkpoint": "architecture"}),
            ),
            (
                64_000,
                "",
                "",
                json!({"event": "approval_decided", "approval": "p-1/A-1", "state": "approved", "by": "ann", "comment": null}),
            ),
            (
                65_000,
                "",
                "",
                json!({"event": "project_state_changed", "from": "running", "to": "completed", "reason": null}),
            ),
        ]
    }

    fn failed() -> serde_json::Value {
        json!({"event": "model_call_failed", "model": "a/x", "kind": "rate_limited", "message": "429", "retryable": true, "cost": 0})
    }

    fn tool(tool: &str, arguments: &str, exit_code: Option<i32>) -> serde_json::Value {
        json!({"event": "tool_called", "tool": tool, "arguments": arguments, "is_error": false, "exit_code": exit_code, "duration_ms": 1500})
    }

    #[test]
    fn the_story_leaves_out_what_is_not_worth_telling() {
        check(
            &story(),
            Detail::Story,
            &expect![[r#"
                00:00  project    p-1: Slug \x1b[31mline, budget $5.00
                00:00  Dave       joins as Engineer
                00:00  Kate       joins as Engineer
                00:00  phase      sprint 1 · no task yet · $0.00 of $5.00 · 0 tokens
                00:01  new task   T-3 Parse the flag (development)
                00:01  Dave       takes T-3 Parse the flag (dave is free)
                00:02  Dave       a/x failed (rate limited): 429
                00:02  Dave       goes on with b/y instead of a/x (rate limited)
                00:03  Dave       runs `cargo test` → exit code 101 (1.5 s)
                01:01  Kate       sends T-3 back (review 1): No test.
                01:02  task       T-3 Parse the flag is done, check exit code 0, commit 0123456789 · 1 of 1 task done · $0.00 of $5.00 · 0 tokens
                01:03  approval   A-1 needs your approval: Go on? — `syndarix approve p-1/A-1`
                01:04  approval   A-1 approved by ann
                01:05  project    completed
            "#]],
        );
    }

    #[test]
    fn everything_is_told_to_those_who_ask() {
        check(
            &story()[6..11],
            Detail::Everything,
            &expect![[r#"
            00:00  Dave       idle → thinking
            00:00  Dave       a/x failed (rate limited): 429
            00:01  Dave       a/x failed (rate limited): 429
            00:01  Dave       goes on with b/y instead of a/x (rate limited)
            00:01  Dave       reads src/a.rs
        "#]],
        );
    }

    fn at_width(who: &str, what: &str, width: usize) -> String {
        let (who, what) = (who.to_owned(), what.to_owned());
        let line = Line { elapsed: Duration::from_secs(75), who, what, tone: Tone::Plain };
        line.render(false, Some(width))
    }

    const LONG: &str = "T-3 Parse the flag is done, check exit code 0, commit 0123456789 · 1 of 15 tasks done · $0.00 \
                        of $5.00 · 12.3k tokens";

    #[test]
    fn long_lines_hang_below_their_words() {
        expect![[r#"
            01:15  task       T-3 Parse the flag is done, check exit
                              code 0, commit 0123456789 · 1 of 15 tasks
                              done · $0.00 of $5.00 · 12.3k tokens
            01:15  task       T-3 Parse the flag is done, check exit code 0, commit
                              0123456789 · 1 of 15 tasks done · $0.00 of $5.00 · 12.3k
                              tokens
            01:15  task       T-3 Parse the flag is done, check exit code 0, commit 0123456789 · 1 of 15 tasks
                              done · $0.00 of $5.00 · 12.3k tokens"#]]
        .assert_eq(&[60, 80, 100].map(|width| at_width("task", LONG, width)).join("\n"));
    }

    #[test]
    fn no_line_is_too_wide_whoever_it_is_about() {
        for who in ["task", "Engineer-with-a-long-name-17", "田中さん"] {
            for width in [40, 60, 80, 100, 200] {
                let text = at_width(who, LONG, width);
                assert!(text.lines().all(|line| columns(line) <= width), "{width}: {text}");
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                assert_eq!(words(&text)[2..], words(LONG), "{width}: {text}");
            }
        }
    }

    #[test]
    fn every_line_of_a_coloured_one_is_coloured() {
        let (who, what) = ("task".to_owned(), LONG.to_owned());
        let line = Line { elapsed: Duration::ZERO, who, what, tone: Tone::Good };
        let text = line.render(true, Some(60));
        assert!(
            text.lines().all(|line| line.contains("\u{1b}[32m") && line.ends_with("\u{1b}[0m")),
            "{text}"
        );
    }
}
