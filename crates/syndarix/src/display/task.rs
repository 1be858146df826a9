//! Everything about one task: what was asked for, how it stands, what proves it, and what its reviewers said.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use syndarix_core::id::{AgentId, TaskId};
use syndarix_core::task::{CheckReceipt, Receipt, Task};
use syndarix_store::ReviewRecord;

use super::documents::short;
use super::text::{agent_name, commit, count, many_lines, one_line, took};

/// What is told about a task.
#[derive(Debug)]
pub(crate) struct TaskSheet<'a> {
    /// The task.
    pub(crate) task: &'a Task,
    /// What its reviewers said, the first review first.
    pub(crate) reviews: &'a [ReviewRecord],
    /// What its check printed when it was proven.
    pub(crate) check_output: Option<&'a str>,
    /// The names of the documents that were written for it.
    pub(crate) documents: &'a [&'a str],
    /// The names of the project's agents.
    pub(crate) names: &'a BTreeMap<AgentId, String>,
    /// How this program is called on these records, up to the command.
    pub(crate) program: &'a str,
}

/// How many lines of a check's output are shown, from its end: that is where test runners say how it went.
const OUTPUT_LINES: usize = 20;

impl TaskSheet<'_> {
    /// The sheet as text, ending in a newline.
    pub(crate) fn render(&self) -> String {
        let task = self.task;
        let mut text = format!("{}  {}\n", task.id, one_line(&task.title, 200));
        for (name, value) in self.facts() {
            let _ = writeln!(text, "  {name:<12} {value}");
        }
        section(&mut text, "Description", &task.description);
        if let Some(receipt) = &task.receipt {
            self.receipt(&mut text, receipt);
        }
        for review in self.reviews {
            let verdict = if review.approved { "approves" } else { "sends it back" };
            let title = format!(
                "Review {} · {} {verdict} · {}",
                review.round,
                self.name(&review.reviewer),
                review.at
            );
            section(&mut text, &title, &review.comment);
        }
        self.further(&mut text);
        text
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let task = self.task;
        let mut facts = vec![
            ("state", task.state.as_str().replace('_', " ")),
            ("kind", task.kind.as_str().replace('_', " ")),
        ];
        if let Some(sprint) = task.sprint {
            facts.push(("sprint", sprint.to_string()));
        }
        if let Some(agent) = &task.assignee {
            facts.push(("by", self.name(agent)));
        }
        if !task.depends_on.is_empty() {
            let keys: Vec<&str> = task.depends_on.iter().map(TaskId::key).collect();
            facts.push(("after", keys.join(", ")));
        }
        if let Some(check) = &task.check {
            facts.push(("check", one_line(&check.to_string(), 200)));
        }
        if !task.must_pass.is_empty() {
            facts.push(("must pass", one_line(&task.must_pass.join(", "), 200)));
        }
        if let Some(branch) = &task.branch {
            facts.push(("branch", branch.clone()));
        }
        if task.review_rounds > 0 {
            facts.push(("sent back", count(task.review_rounds as usize, "time")));
        }
        facts
    }

    fn receipt(&self, text: &mut String, receipt: &Receipt) {
        let _ = writeln!(text, "\nReceipt · {}", receipt.at);
        match &receipt.check {
            Some(CheckReceipt { command, exit_code, duration_ms, .. }) => {
                let took = took(Duration::from_millis(*duration_ms));
                let _ = writeln!(
                    text,
                    "  check        {} → exit code {exit_code} ({took})",
                    one_line(command, 200)
                );
            }
            None => text.push_str("  check        none was run\n"),
        }
        if let Some(id) = &receipt.commit {
            let _ = writeln!(text, "  commit       {}", commit(id));
        }
        if let Some(stat) = receipt.diff_stat.as_deref().filter(|stat| !stat.trim().is_empty()) {
            section(text, "Changes", stat);
        }
        if let Some(output) = self.check_output.filter(|output| !output.trim().is_empty()) {
            let lines: Vec<&str> = output.trim_end().lines().collect();
            let hidden = lines.len().saturating_sub(OUTPUT_LINES);
            let title = match hidden {
                0 => "What the check printed".to_owned(),
                hidden => format!("What the check printed, without its first {}", count(hidden, "line")),
            };
            section(text, &title, &lines[hidden..].join("\n"));
        }
    }

    fn further(&self, text: &mut String) {
        let (program, project, key) = (self.program.trim_end(), &self.task.project, self.task.id.key());
        let mut further: Vec<String> = self
            .documents
            .iter()
            .map(|document| format!("{document}: `{program} show {project} {}`", short(document)))
            .collect();
        let has_change = self.task.branch.is_some()
            || self.task.receipt.as_ref().is_some_and(|receipt| receipt.commit.is_some());
        if has_change {
            further.push(format!("its change: `{program} diff {project} {key}`"));
        }
        if !further.is_empty() {
            let _ = writeln!(text, "\nSee also\n  {}", further.join("\n  "));
        }
    }

    fn name(&self, agent: &AgentId) -> String {
        self.names.get(agent).cloned().unwrap_or_else(|| agent_name(agent))
    }
}

/// A heading and what somebody wrote, set in below it; nothing where nothing was written.
fn section(text: &mut String, title: &str, written: &str) {
    let written = many_lines(written);
    if written.trim().is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in written.trim_matches('\n').lines() {
        let _ = writeln!(text, "{}", format!("  {line}").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sheet_tells_the_task_from_its_description_to_its_reviews() {
        let task: Task = serde_json::from_value(json!({
            "id": "p-1/T-3", "project": "p-1", "kind": "development", "title": "Parse the flag",
            "description": "Read `--json`.\n\nSay \u{1b}[31mno\u{1b}[0m otherwise.", "slug": "parse-flag", "role": "engineer",
            "needs": [], "depends_on": ["p-1/T-1"], "check": { "command": ["sh", "-c", "a && b"] }, "sprint": 1,
            "assignee": "p-1/dave", "state": "done", "review_rounds": 1, "branch": "task/T-3-parse-flag",
            "receipt": {
                "check": { "command": "sh -c 'a && b'", "exit_code": 0, "duration_ms": 3200,
                           "output": "00".repeat(32) },
                "commit": "0123456789abcdef", "diff_stat": " a.rs | 2 +-", "content": null, "at": 0
            },
            "created_at": 0, "updated_at": 0
        }))
        .expect("a task");
        let review = |round: u32, approved: bool, comment: &str| ReviewRecord {
            task: task.id.clone(),
            round,
            reviewer: AgentId::new("p-1/kate").expect("an id"),
            approved,
            comment: comment.to_owned(),
            at: syndarix_core::time::Timestamp(0),
        };
        let names = BTreeMap::from([(AgentId::new("p-1/dave").expect("an id"), "Dave".to_owned())]);
        let sheet = TaskSheet {
            task: &task,
            reviews: &[review(1, false, "No test."), review(2, true, "Good.")],
            check_output: Some("test result: ok\n"),
            documents: &["notes.md"],
            names: &names,
            program: "syndarix ",
        };
        expect![[r#"
            p-1/T-3  Parse the flag
              state        done
              kind         development
              sprint       1
              by           Dave
              after        T-1
              check        sh -c 'a && b'
              branch       task/T-3-parse-flag
              sent back    1 time

            Description
              Read `--json`.

              Say \x1b[31mno\x1b[0m otherwise.

            Receipt · 1970-01-01T00:00:00Z
              check        sh -c 'a && b' → exit code 0 (3.2 s)
              commit       0123456789

            Changes
               a.rs | 2 +-

            What the check printed
              test result: ok

            Review 1 · Kate sends it back · 1970-01-01T00:00:00Z
              No test.

            Review 2 · Kate approves · 1970-01-01T00:00:00Z
              Good.

            See also
              notes.md: `syndarix show p-1 notes`
              its change: `syndarix diff p-1 T-3`
        "#]]
        .assert_eq(&sheet.render());
    }
}
