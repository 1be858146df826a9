//! Messages, as agents read them.

use std::fmt::Write as _;

use syndarix_core::message::{Author, MessageKind};

use super::shorten::middle_out;

/// Bytes of a message's content that are read with it.
const BODY_BYTES: usize = 8_000;

/// A message, as an agent reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it is for.
    pub kind: MessageKind,
    /// Who speaks in it; an agent by name.
    pub author: Author<String>,
    /// One line.
    pub summary: String,
    /// The content.
    pub body: String,
    /// What an answer has to name, where the sender waits for one.
    pub reply_to: Option<String>,
}

impl Letter {
    /// The message as the agent reads it. What a machine found is never told as the word of a human or of a
    /// colleague: the one is a fact, the other can be asked about.
    pub fn text(&self) -> String {
        let Self { kind, summary, .. } = self;
        let body = self.body.trim();
        let mut text = match &self.author {
            Author::Agent(name) => format!("{kind} from {name}: {summary}"),
            Author::Check => format!("The check of what you committed: {summary}"),
            Author::Merge => format!("The merge of your branch: {summary}"),
            Author::Project => format!("{kind}: {summary}"),
            // The summary of what a human says is only its beginning.
            Author::Human if body.is_empty() => format!("The human in charge says: {summary}"),
            Author::Human => format!("The human in charge says: {}", middle_out(body, BODY_BYTES)),
        };
        let said = self.author == Author::Human || body.is_empty() || body == summary.trim();
        if !said {
            let _ = write!(text, "\n{}", middle_out(body, BODY_BYTES));
        }
        if let Some(handle) = &self.reply_to {
            let from = match &self.author {
                Author::Agent(name) => name,
                _ => "The sender",
            };
            let _ = write!(
                text,
                "\n{from} waits for your answer: call send_message with \"reply_to\": \"{handle}\"."
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(kind: MessageKind, from: Option<&str>, (summary, body): (&str, &str), expected: Expect) {
        let letter = Letter {
            kind,
            author: Author::of(kind, from.map(str::to_owned)),
            summary: summary.to_owned(),
            body: body.to_owned(),
            reply_to: (kind == MessageKind::Query).then(|| "T-3/develop-1/message-4.0".to_owned()),
        };
        expected.assert_eq(&letter.text());
    }

    #[test]
    fn a_machine_a_colleague_and_a_human_are_told_apart() {
        let output =
            "`pytest -q` exited with 1 on a clean clone of the branch. Its output ends with:\n\n1 failed";
        check(
            MessageKind::CheckFailed,
            None,
            ("The change does not hold yet", output),
            expect![[r#"
            The check of what you committed: The change does not hold yet
            `pytest -q` exited with 1 on a clean clone of the branch. Its output ends with:

            1 failed"#]],
        );
        let conflict = "The branch conflicts with what was merged meanwhile, in: a.py.";
        check(
            MessageKind::MergeFailed,
            None,
            ("The branch cannot be merged yet", conflict),
            expect![[r#"
            The merge of your branch: The branch cannot be merged yet
            The branch conflicts with what was merged meanwhile, in: a.py."#]],
        );
        let verdict = "Review 1 of parse-flag: the change must be changed";
        check(
            MessageKind::Feedback,
            Some("Ellis"),
            (verdict, "a.py:48: …"),
            expect![[r#"
            FEEDBACK from Ellis: Review 1 of parse-flag: the change must be changed
            a.py:48: …"#]],
        );
        let wish = ("Keep the old flag.", "Keep the old flag.\nOur users script it.");
        check(
            MessageKind::Feedback,
            None,
            wish,
            expect![[r#"
            The human in charge says: Keep the old flag.
            Our users script it."#]],
        );
        check(MessageKind::Feedback, None, ("Stop.", ""), expect!["The human in charge says: Stop."]);
        check(
            MessageKind::TaskAssignment,
            None,
            ("T-3 is yours: Parse", "Dave is free"),
            expect![[r#"
            TASK_ASSIGNMENT: T-3 is yours: Parse
            Dave is free"#]],
        );
        check(
            MessageKind::Query,
            Some("Kate"),
            ("UTF-8?", "UTF-8?"),
            expect![[r#"
            QUERY from Kate: UTF-8?
            Kate waits for your answer: call send_message with "reply_to": "T-3/develop-1/message-4.0"."#]],
        );
    }
}
