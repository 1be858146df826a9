//! What a project came to: its tasks with their receipts, the reviews that sent work back, what it cost and
//! where everything lies.

use serde::Serialize;
use syndarix_core::agent::Agent;
use syndarix_core::money::NanoUsd;
use syndarix_core::project::{Project, ProjectState};
use syndarix_core::role::Role;
use syndarix_core::task::{Receipt, Task};
use syndarix_core::usage::TokenUsage;
use syndarix_store::CostLine;

use super::board::{Board, SentBack};
use super::documents::{excerpt, short};
use super::table::{Align, Table};
use super::text::{self, commit, money, one_line, took};

/// Everything a summary is made of.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// The project.
    pub(crate) project: &'a Project,
    /// Its journal, read to the end.
    pub(crate) board: &'a Board,
    /// Its tasks, in the order of their creation.
    pub(crate) tasks: &'a [Task],
    /// What was spent, by agent, in the team's order.
    pub(crate) costs: &'a [AgentCost],
    /// `git diff --stat` of the result against where the work began, if there is a result.
    pub(crate) diff_stat: Option<&'a str>,
    /// The last check of the whole result, if one was run: its command and exit code.
    pub(crate) final_check: Option<&'a FinalCheck>,
    /// The names of the team's documents.
    pub(crate) documents: &'a [String],
    /// What the document about the delivery says, if there is one.
    pub(crate) delivery: Option<&'a str>,
    /// How this program is called on these records, up to the command.
    pub(crate) program: &'a str,
    /// Where the records are.
    pub(crate) data_dir: &'a str,
}

/// The check of the whole result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FinalCheck {
    /// The command as it was run.
    pub(crate) command: String,
    /// Its exit code.
    pub(crate) exit_code: i32,
}

/// What one agent used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AgentCost {
    /// Its name.
    pub(crate) name: String,
    /// What it is there for.
    pub(crate) role: Role,
    /// Model calls, failed ones included.
    pub(crate) calls: u64,
    /// Those of them that failed.
    pub(crate) failed_calls: u64,
    /// What it used.
    pub(crate) usage: TokenUsage,
    /// What it cost, in nano-dollars.
    pub(crate) cost: NanoUsd,
}

impl Summary<'_> {
    /// The summary as text, ending in a newline.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("\n{}\n\n", self.verdict());
        text.push_str(&self.tasks_section());
        text.push_str(&self.accepted_section());
        text.push_str(&self.reviews_section());
        text.push_str(&self.costs_section());
        text.push_str(&self.result_section());
        text.push_str(&self.documents_section());
        text
    }

    fn verdict(&self) -> String {
        let project = self.project;
        let (done, all) = self.board.progress();
        let took = took(self.board.elapsed_at(self.board.latest));
        let why = self
            .board
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {}", one_line(reason, 200)));
        let state = match project.state {
            ProjectState::Completed => format!("completed in {took}"),
            ProjectState::Failed => format!("failed after {took}{why}"),
            ProjectState::Cancelled => format!("was cancelled after {took}{why}"),
            ProjectState::Waiting => format!("waits for you{why}"),
            ProjectState::Created | ProjectState::Running => "is not finished".to_owned(),
        };
        format!(
            "{} ({}) {state}; {done} of {} done.{}",
            one_line(&project.title, 80),
            project.id,
            text::count(all, "task"),
            self.unverified()
        )
    }

    /// What has to be said first of a result that no check has looked at.
    fn unverified(&self) -> &'static str {
        let mut receipts = self.code_receipts().peekable();
        let is_delivered = self.project.state == ProjectState::Completed && receipts.peek().is_some();
        if is_delivered && receipts.all(|(_, receipt)| receipt.check.is_none()) {
            " Nothing was verified: no check was run."
        } else {
            ""
        }
    }

    /// The receipts of the tasks that change code.
    fn code_receipts(&self) -> impl Iterator<Item = (&Task, &Receipt)> {
        let tasks = self.tasks.iter().filter(|task| task.kind.changes_code());
        tasks.filter_map(|task| Some((task, task.receipt.as_ref()?)))
    }

    /// The checks that failed and were accepted, because what fails did so before anything was changed.
    fn accepted_section(&self) -> String {
        let mut text = String::new();
        for (task, receipt) in self.code_receipts() {
            for check in receipt.others.iter().chain(&receipt.check) {
                let Some(why) = &check.accepted_red else { continue };
                let (key, command) = (task.id.key(), one_line(&check.command, 60));
                text.push_str(&format!(
                    "  {key} {command} → exit code {}. {}\n",
                    check.exit_code,
                    one_line(why, 200)
                ));
            }
        }
        if text.is_empty() {
            text
        } else {
            format!("Checks that failed already before anything was changed\n{text}\n")
        }
    }

    fn tasks_section(&self) -> String {
        if self.tasks.is_empty() {
            return String::new();
        }
        let mut table = Table::new(&[
            ("task", Align::Left),
            ("title", Align::Left),
            ("by", Align::Left),
            ("state", Align::Left),
            ("check", Align::Left),
            ("exit", Align::Right),
            ("commit", Align::Left),
        ]);
        for task in self.tasks {
            let check = task.receipt.as_ref().and_then(|receipt| receipt.check.as_ref());
            let id = task.receipt.as_ref().and_then(|receipt| receipt.commit.as_deref());
            table.row([
                task.id.key().to_owned(),
                one_line(&task.title, 44),
                task.assignee.as_ref().map_or_else(|| "–".to_owned(), |agent| self.board.name(agent)),
                task.state.as_str().replace('_', " "),
                check.map_or_else(|| "–".to_owned(), |check| one_line(&check.command, 36)),
                check.map_or_else(|| "–".to_owned(), |check| check.exit_code.to_string()),
                id.map_or("–", commit).to_owned(),
            ]);
        }
        format!("Tasks\n{}\n", table.render(2))
    }

    fn reviews_section(&self) -> String {
        if self.board.sent_back.is_empty() {
            return String::new();
        }
        let mut text = "Reviews that sent work back\n".to_owned();
        for SentBack { task, reviewer, round, comment } in &self.board.sent_back {
            let task = task.as_ref().map_or_else(|| "work".to_owned(), |task| self.board.task(task));
            let reviewer = self.board.name(reviewer);
            text.push_str(&format!("  {reviewer} on {task} (review {round}): {}\n", one_line(comment, 160)));
        }
        text.push('\n');
        text
    }

    fn costs_section(&self) -> String {
        format!("Tokens and cost\n{}\n", costs_table(self.costs, Some(self.project.budget)).render(2))
    }

    fn result_section(&self) -> String {
        let project = self.project;
        let mut text = "Result\n".to_owned();
        if let Some(check) = self.final_check {
            text.push_str(&format!(
                "  check        {} → exit code {}\n",
                one_line(&check.command, 80),
                check.exit_code
            ));
        }
        match &project.source_repository {
            Some(source) if project.state == ProjectState::Completed => {
                text.push_str(&format!("  repository   {source}\n  branch       syndarix/{}\n", project.id));
            }
            _ => {
                let (repository, branch) = (&project.repository, &project.branch);
                text.push_str(&format!("  repository   {repository}\n  branch       {branch}\n"));
            }
        }
        text.push_str(&format!("  records      {}\n", self.data_dir));
        if let Some(diff_stat) = self.diff_stat.map(str::trim_end).filter(|diff_stat| !diff_stat.is_empty()) {
            let (program, id) = (self.program, &project.id);
            text.push_str(&format!("\nChanges: {program} diff {id}\n"));
            for line in text::many_lines(diff_stat).lines() {
                text.push_str(&format!("  {}\n", line.trim()));
            }
        }
        text
    }

    /// What the team wrote, with the command that prints each, and how the document about the delivery begins.
    fn documents_section(&self) -> String {
        let (program, project) = (self.program, &self.project.id);
        let mut text = String::new();
        let width = self.documents.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(12);
        if !self.documents.is_empty() {
            text.push_str("\nDocuments\n");
        }
        for name in self.documents {
            text.push_str(&format!("  {name:<width$}  {program} show {project} {}\n", short(name)));
        }
        let (lines, more) = self.delivery.map(excerpt).unwrap_or_default();
        if !lines.is_empty() {
            text.push_str("\nDelivery\n");
        }
        for line in lines {
            text.push_str(&format!("{}\n", format!("  {line}").trim_end()));
        }
        if more {
            text.push_str("  …\n");
        }
        text
    }

    /// The summary for a program.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "project": self.project,
            "wall_time_ms": u64::try_from(self.board.elapsed_at(self.board.latest).as_millis()).unwrap_or(u64::MAX),
            "tasks": self.tasks,
            "reviews_that_sent_work_back": self.board.sent_back.iter().map(|review| serde_json::json!({
                "task": review.task, "reviewer": review.reviewer, "round": review.round, "comment": review.comment,
            })).collect::<Vec<_>>(),
            "costs": self.costs,
            "final_check": self.final_check,
            "diff_stat": self.diff_stat,
            "documents": self.documents,
            "data_dir": self.data_dir,
        })
    }
}

/// What each agent used, and together.
pub(crate) fn costs_table(costs: &[AgentCost], budget: Option<NanoUsd>) -> Table {
    let mut table = Table::new(&[
        ("agent", Align::Left),
        ("role", Align::Left),
        ("calls", Align::Right),
        ("failed", Align::Right),
        ("tokens in", Align::Right),
        ("tokens out", Align::Right),
        ("cost", Align::Right),
    ]);
    let cells = |name: String, role: String, calls: u64, failed: u64, usage: TokenUsage, cost: NanoUsd| {
        [
            name,
            role,
            calls.to_string(),
            failed.to_string(),
            usage.input_tokens.to_string(),
            usage.output_tokens.to_string(),
            money(cost),
        ]
    };
    for cost in costs {
        table.row(cells(
            cost.name.clone(),
            cost.role.title().to_owned(),
            cost.calls,
            cost.failed_calls,
            cost.usage,
            cost.cost,
        ));
    }
    let of_budget = budget.map_or_else(String::new, |budget| format!("of {}", money(budget)));
    table.total(cells(
        "total".to_owned(),
        of_budget,
        costs.iter().map(|cost| cost.calls).sum(),
        costs.iter().map(|cost| cost.failed_calls).sum(),
        costs.iter().map(|cost| cost.usage).sum(),
        costs.iter().map(|cost| cost.cost).sum(),
    ));
    table
}

/// Joins what the ledger says per agent, task and model into what each member of the team used.
pub(crate) fn by_agent(team: &[Agent], lines: &[CostLine]) -> Vec<AgentCost> {
    let of = |agent: &Agent| {
        let mut total = AgentCost {
            name: agent.name.clone(),
            role: agent.role,
            calls: 0,
            failed_calls: 0,
            usage: TokenUsage::default(),
            cost: NanoUsd::ZERO,
        };
        for line in lines.iter().filter(|line| line.agent == agent.id) {
            total.calls += line.calls;
            total.failed_calls += line.failed_calls;
            total.usage += line.usage;
            total.cost += line.cost;
        }
        total
    };
    team.iter().map(of).collect()
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
