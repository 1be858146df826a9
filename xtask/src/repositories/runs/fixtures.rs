//! What the mock server answers: each stage of the team, for one work.

use serde_json::{Value, json};

use super::work::{Change, Round, Work};

/// How the prompt of a stage is known: by the role that speaks and by what the stage is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    pub(super) role: &'static str,
    pub(super) task: &'static str,
}

const VISION: Stage = Stage { role: "Product Owner", task: "turn the brief into a vision" };
const REQUIREMENTS: Stage = Stage { role: "Business Analyst", task: "turn the vision into requirements" };
const ARCHITECTURE: Stage = Stage { role: "Architect", task: "decide the shape" };
const PLAN: Stage = Stage { role: "Project Manager", task: "plan the next sprint" };
pub(super) const DEVELOP: Stage = Stage { role: "Engineer", task: "do the work of the task" };
const REVIEW: Stage = Stage { role: "Engineer", task: "judge another agent's change" };
const QA: Stage = Stage { role: "QA", task: "test the sprint's result" };
const DELIVER: Stage = Stage { role: "DevOps", task: "prepare the delivery" };

/// What the prompt says when a task comes again.
pub(super) const AGAIN: &str = "round 2";

/// The task's name in the backlog.
const SLUG: &str = "the-change";

/// The tool by which an agent has dependencies installed.
const SET_UP: &str = "set_up_environment";

/// How long a command of an agent may take, in seconds; the slowest compiles Go's standard library, which is two minutes
/// on two busy cores.
const TIMEOUT_S: u32 = 600;

/// The fixtures for a work, as the server reads them.
pub(super) fn of(work: &Work) -> Value {
    let mut script = Script::default();
    let Work { goal, title, .. } = work;
    let [first, second] = &work.round;
    let finish = |summary: &str| vec![call("finish", &json!({ "summary": summary }))];
    let document = |name: &str, heading: &str| {
        let content = format!("# {heading}\n\n{goal}\n");
        call("write_artifact", &json!({ "name": name, "content": content }))
    };
    let run = call("run_command", &json!({ "command": work.command, "timeout_s": TIMEOUT_S }));
    let read = work.read.iter().map(|path| call("read_file", &json!({ "path": path })));
    let look = call("list_files", &json!({}));
    let diff = call("git_diff", &json!({ "base": "main" }));
    // The first round has the first of the tests already.
    let must_pass: Vec<&String> = work.tests.iter().take(1).collect();
    let task = json!({ "slug": SLUG, "title": title, "description": goal, "must_pass": must_pass });

    script.stage(VISION, None, vec![vec![look, document("vision.md", "Vision")], finish(goal)]);
    let backlog = call("propose_tasks", &json!({ "tasks": [task] }));
    let requirements = document("requirements.md", "Requirements");
    script.stage(REQUIREMENTS, None, vec![vec![requirements, backlog], finish("One task.")]);
    let shape: Vec<Value> = read.clone().chain([document("architecture.md", "Architecture")]).collect();
    script.stage(ARCHITECTURE, None, vec![shape, finish("No new modules.")]);
    let plan = call("plan_sprint", &json!({ "goal": goal, "tasks": [SLUG] }));
    script.stage(PLAN, None, vec![vec![plan], finish("One sprint with one task.")]);

    // Of two fixtures that fit, the server takes the first, so the second round comes first.
    let mended: Vec<Value> = changes(second).chain([run.clone()]).collect();
    script.stage(DEVELOP, Some(AGAIN), vec![mended, commit(second), finish(&second.summary)]);
    // Nothing is run in the first round, for what the change needs is installed only when it is committed; unless the
    // developer has it installed.
    let added = (!first.add.is_empty()).then(|| call(SET_UP, &json!({ "command": first.add })));
    let made: Vec<Value> = changes(first).chain(added.clone()).collect();
    let mut committed = commit(first);
    committed.extend(added.map(|_| [call(SET_UP, &json!({})), run.clone()]).into_iter().flatten());
    script.stage(DEVELOP, None, vec![read.collect(), made, committed, finish(&first.summary)]);
    script.stage(REVIEW, Some(AGAIN), vec![vec![diff.clone()], review("approve", second)]);
    script.stage(REVIEW, None, vec![vec![diff], review("send_back", first)]);

    let passed = call("report_qa", &json!({ "passed": true, "findings": [] }));
    script.stage(QA, None, vec![vec![run], vec![passed]]);
    script.stage(DELIVER, None, vec![vec![document("delivery.md", "Delivery")], finish(goal)]);
    json!({ "fixtures": script.fixtures })
}

#[derive(Debug, Default)]
struct Script {
    fixtures: Vec<Value>,
}

impl Script {
    /// The turns of one agent at one stage: the tools that it calls in each. Every answer has its own number of tokens, so
    /// that one which is booked in another's place is noticed.
    fn stage(&mut self, stage: Stage, user_message: Option<&str>, turns: Vec<Vec<Value>>) {
        for (turn, calls) in turns.into_iter().enumerate() {
            let mut matched = json!({
                "systemMessage": [
                    format!(", the {} of a team", stage.role),
                    format!("Your task at this stage: {}", stage.task),
                ],
                "turnIndex": turn,
            });
            if let Some(user_message) = user_message {
                matched["userMessage"] = json!(user_message);
            }
            let input = 1000 + self.fixtures.len();
            let usage =
                json!({ "prompt_tokens": input, "completion_tokens": 100, "total_tokens": input + 100 });
            self.fixtures
                .push(json!({ "match": matched, "response": { "toolCalls": calls, "usage": usage } }));
        }
    }
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({ "name": name, "arguments": arguments })
}

fn changes(round: &Round) -> impl Iterator<Item = Value> + '_ {
    round.change.iter().map(|Change { path, old, new }| match old {
        Some(old) => call("edit_file", &json!({ "path": path, "old": old, "new": new })),
        None => call("write_file", &json!({ "path": path, "content": new })),
    })
}

fn commit(round: &Round) -> Vec<Value> {
    vec![call("git_commit", &json!({ "message": round.commit }))]
}

fn review(verdict: &str, round: &Round) -> Vec<Value> {
    vec![call("submit_review", &json!({ "verdict": verdict, "comments": round.review }))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_round_comes_before_the_first() {
        for work in Work::all().unwrap() {
            let all = of(&work);
            let of_tool = |tool: &str, argument: &str| {
                let mut found = Vec::new();
                for fixture in all["fixtures"].as_array().unwrap() {
                    for call in fixture["response"]["toolCalls"].as_array().unwrap() {
                        if call["name"] == tool {
                            let said = call["arguments"][argument].as_str().unwrap_or_default().to_owned();
                            found.push((fixture["match"]["userMessage"] == AGAIN, said));
                        }
                    }
                }
                found
            };
            let [first, second] = &work.round;
            let commits = [(true, second.commit.clone()), (false, first.commit.clone())];
            assert_eq!(of_tool("git_commit", "message"), commits);
            let verdicts = [(true, "approve".to_owned()), (false, "send_back".to_owned())];
            assert_eq!(of_tool("submit_review", "verdict"), verdicts);
        }
    }
}
