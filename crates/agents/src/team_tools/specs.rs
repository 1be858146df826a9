//! What models are told about the team tools.

use serde_json::{Value, json};
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::{Risk, ToolSpec};

use super::TeamTool;
use crate::stage::Stage;

impl TeamTool {
    /// The tool as models see it.
    pub fn spec(self) -> ToolSpec {
        let (description, properties, required): (&str, Value, &[&str]) = match self {
            Self::WriteArtifact => (
                "Writes a document of the project under a name, in place of an earlier version. Write the whole \
                 document in one call. Example: {\"name\": \"vision.md\", \"content\": \"# Vision\\n…\"}",
                json!({
                    "name": { "type": "string", "description": "A file name such as vision.md" },
                    "content": { "type": "string", "description": "The whole document, in Markdown" }
                }),
                &["name", "content"],
            ),
            Self::ReadArtifact => (
                "Reads a document of the project. Example: {\"name\": \"requirements.md\"}",
                json!({ "name": { "type": "string" } }),
                &["name"],
            ),
            Self::ProposeTasks => (
                "Adds tasks to the backlog. A slug is a stable short name in lower case with hyphens. depends_on \
                 names slugs of this call or of the backlog. check is a command as a list of words, run without a \
                 shell, whose exit code decides; without one, the project's own check decides. must_pass names tests that \
                 must pass when it is done: red ones that it mends, or new ones that the description asks for by these \
                 names. needs chooses between \
                 members by what they list as their capabilities. Example: {\"tasks\": [{\"slug\": \"parse-flag\", \
                 \"title\": \"Accept --json\", \"description\": \"… Acceptance: …\"}]}",
                json!({ "tasks": { "type": "array", "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "slug": { "type": "string" },
                        "title": { "type": "string", "description": "One line" },
                        "description": { "type": "string", "description": "What is to be done, with acceptance criteria" },
                        "role": { "type": "string", "description": "Who does such work; engineer where left out" },
                        "needs": { "type": "array", "items": { "type": "string" }, "description": "Capabilities that its assignee should list; leave it out where anybody of the role can do it" },
                        "depends_on": { "type": "array", "items": { "type": "string" } },
                        "check": { "type": "array", "items": { "type": "string" } },
                        "must_pass": { "type": "array", "items": { "type": "string" }, "description": "Names of tests, or parts of names, such as tests/test_list.py::test_json; * stands for the rest of a word" }
                    },
                    "required": ["slug", "title", "description"]
                } } }),
                &["tasks"],
            ),
            Self::PlanSprint => (
                "Plans the sprint: its goal and its tasks, the most important first. Calling it again replaces the \
                 plan. Example: {\"goal\": \"The list prints JSON.\", \"tasks\": [\"parse-flag\", \"json-output\"]}",
                json!({
                    "goal": { "type": "string", "description": "One sentence that can be checked at the end" },
                    "tasks": { "type": "array", "items": { "type": "string" }, "description": "Slugs" }
                }),
                &["goal", "tasks"],
            ),
            Self::SubmitReview => (
                "Ends the review with a verdict. Send back only for what must change, and say for each point where \
                 it is, what is wrong and what would be right. Example: {\"verdict\": \"send_back\", \"comments\": \
                 \"FILE:48: …\"}",
                json!({
                    "verdict": { "type": "string", "enum": ["approve", "send_back"] },
                    "comments": { "type": "string" }
                }),
                &["verdict", "comments"],
            ),
            Self::ReportQa => (
                "Ends the testing. Each finding becomes a task for an engineer: give the command, what happened and \
                 what should have happened. passed is true only without findings. Example: {\"passed\": false, \
                 \"findings\": [{\"slug\": \"empty-input-crashes\", \"title\": \"Empty input crashes\", \
                 \"description\": \"…\"}]}",
                json!({
                    "passed": { "type": "boolean" },
                    "findings": { "type": "array", "items": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "slug": { "type": "string" },
                            "title": { "type": "string" },
                            "description": { "type": "string" }
                        },
                        "required": ["slug", "title", "description"]
                    } }
                }),
                &["passed", "findings"],
            ),
            Self::Finish => (
                "Ends your work on this task. Call it once everything the stage asks for is there. The summary is \
                 read by people: one or two sentences, 200 characters at the most. Example: {\"summary\": \"--json \
                 is parsed and passed on; 3 tests added; the check exits with 0.\"}",
                json!({ "summary": { "type": "string" } }),
                &["summary"],
            ),
            Self::HandOff => (
                "Gives the task to another member of the team and ends your work on it. Commit or write down what \
                 you have first. Example: {\"to\": \"dev_ops\", \"summary\": \"The script is written; the pipeline \
                 is missing.\", \"reason\": \"What the pipeline runs is DevOps' decision.\"}",
                json!({
                    "to": { "type": "string", "description": "A member's name, or a role such as architect" },
                    "summary": { "type": "string", "description": "What they need to know to go on" },
                    "reason": { "type": "string", "description": "Why they, and not you" }
                }),
                &["to", "summary", "reason"],
            ),
            Self::AskHuman => (
                "Asks the human in charge and waits, possibly for hours. Only for what nobody in the team can \
                 decide. Give the options and the one you would take. Example: {\"question\": \"Keep the old flag \
                 working (A), or break it (B)? I would keep it.\"}",
                json!({ "question": { "type": "string" } }),
                &["question"],
            ),
            Self::SendMessage => (
                "Sends a message to a member of the team, or to everyone when `to` is left out. They read it with \
                 their next work. With await_reply, the answer to your query is this call's result: only where you \
                 cannot go on without it, because your work stops until then. To answer a question, give its \
                 reply_to. Example: {\"to\": \"Arthur\", \"kind\": \"query\", \"summary\": \"Which encoding?\", \
                 \"body\": \"R2 and the file format disagree: UTF-8 or Latin-1?\", \"await_reply\": true}",
                json!({
                    "to": { "type": "string", "description": "A member's name or a role" },
                    "kind": { "type": "string", "enum": ["context_share", "query", "feedback"] },
                    "summary": { "type": "string", "description": "One line" },
                    "body": { "type": "string" },
                    "await_reply": { "type": "boolean", "description": "Wait for the answer; for a query to one member" },
                    "reply_to": { "type": "string", "description": "The question that this answers, as it was given with it" }
                }),
                &["kind", "summary", "body"],
            ),
            Self::Remember => (
                "Keeps a value under a key for your own later work in this project, in place of an earlier value. \
                 Example: {\"key\": \"slow test\", \"value\": \"The test of large files takes three minutes.\", \"ttl_minutes\": 1440}",
                json!({
                    "key": { "type": "string" },
                    "value": { "type": "string" },
                    "ttl_minutes": { "type": "integer", "description": "Forget it after this many minutes" }
                }),
                &["key", "value"],
            ),
        };
        ToolSpec {
            name: self.name().to_owned(),
            description: description.to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false
            }),
            repeatability: if self == Self::ReadArtifact {
                Repeatability::ReadOnly
            } else {
                Repeatability::Idempotent
            },
            risk: Risk::Low,
        }
    }

    /// The team tools of a stage, as models see them.
    pub fn specs_at(stage: Stage) -> Vec<ToolSpec> {
        Self::ALL.into_iter().filter(|tool| tool.available_at(stage)).map(Self::spec).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_the_tools_its_instructions_name() {
        for stage in Stage::ALL {
            let instructions = stage.instructions();
            for tool in TeamTool::ALL {
                if instructions.contains(tool.name()) {
                    assert!(tool.available_at(stage), "{stage} names {}", tool.name());
                }
            }
            assert!(
                instructions.contains(TeamTool::ending_of(stage).name()),
                "{stage} does not say how it ends"
            );
            if let Some(artifact) = stage.required_artifact() {
                assert!(instructions.contains(artifact), "{stage} does not ask for {artifact}");
            }
        }
    }
}
