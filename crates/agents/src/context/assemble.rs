//! Fitting a conversation into a token budget.
//!
//! Nothing is shortened while everything fits. After that, in this order and each only as far as needed: old tool
//! results are shortened, the oldest first; the long arguments of old tool calls are shortened; old tool results
//! are dropped; the oldest steps are dropped whole; and last, the newest tool results are shortened. The system
//! prompt and the opening, which holds the task, are never touched.

use serde_json::Value;
use syndarix_llm::{ToolResult, Turn};

use super::conversation::{Answer, Piece};
use super::shorten::middle_out;
use super::tokens;

/// Bytes that are kept of an old tool result, or of one long argument of an old call.
const KEPT_BYTES: usize = 600;
/// Tokens that a turn costs beside its text: its role and separators.
const TURN_TOKENS: u64 = 8;
/// What stands where a tool result was dropped.
const DROPPED: &str = "[this result was dropped to make room; call the tool again if you need it]";

/// The turns to send: the opening, then as much of the conversation as fits into `budget` tokens.
pub fn assemble(opening: &str, pieces: &[Piece], budget: u64) -> Vec<Turn> {
    let mut fit = Fit { pieces: pieces.to_vec(), dropped: 0, budget: budget.saturating_sub(tokens(opening)) };
    fit.shorten();
    turns(opening, fit.dropped, &fit.pieces)
}

struct Fit {
    pieces: Vec<Piece>,
    /// How many of the oldest pieces are gone.
    dropped: usize,
    budget: u64,
}

impl Fit {
    fn shorten(&mut self) {
        let newest = self.newest_step();
        for index in 0..newest {
            if self.fits() {
                return;
            }
            if let Piece::ToolResult { content, .. } = &mut self.pieces[index] {
                *content = middle_out(content, KEPT_BYTES);
            }
        }
        for index in 0..newest {
            if self.fits() {
                return;
            }
            if let Piece::Answer(answer) = &mut self.pieces[index] {
                shorten_answer(answer);
            }
        }
        for index in 0..newest {
            if self.fits() {
                return;
            }
            if let Piece::ToolResult { content, .. } = &mut self.pieces[index] {
                DROPPED.clone_into(content);
            }
        }
        while !self.fits() && self.drop_oldest_step() {}
        self.shorten_newest();
    }

    fn fits(&self) -> bool {
        self.pieces.iter().map(cost).sum::<u64>() <= self.budget
    }

    /// Where the newest answer stands; it and what follows it is what the model works on right now.
    fn newest_step(&self) -> usize {
        self.pieces.iter().rposition(|piece| matches!(piece, Piece::Answer(_))).unwrap_or(0)
    }

    /// Drops what comes before the second answer, so that no result loses its call. False where only the newest
    /// step is left.
    fn drop_oldest_step(&mut self) -> bool {
        let second = self.pieces.iter().skip(1).position(|piece| matches!(piece, Piece::Answer(_)));
        let Some(second) = second else { return false };
        self.pieces.drain(..=second);
        self.dropped += second + 1;
        true
    }

    /// Shares what room there is among the results of the newest step.
    fn shorten_newest(&mut self) {
        for kept in [60_000, 20_000, 6_000, 2_000, KEPT_BYTES] {
            if self.fits() {
                return;
            }
            for piece in &mut self.pieces {
                match piece {
                    Piece::ToolResult { content, .. } | Piece::Told(content) => {
                        *content = middle_out(content, kept);
                    }
                    Piece::Answer(answer) if kept <= 2_000 => shorten_answer(answer),
                    Piece::Answer(_) => {}
                }
            }
        }
    }
}

fn cost(piece: &Piece) -> u64 {
    let text = match piece {
        Piece::Answer(answer) => {
            let calls: u64 = answer
                .tool_calls
                .iter()
                .map(|call| tokens(&call.name) + tokens(&call.arguments.to_string()))
                .sum();
            tokens(&answer.text) + calls
        }
        Piece::ToolResult { content, .. } | Piece::Told(content) => tokens(content),
    };
    text + TURN_TOKENS
}

fn shorten_answer(answer: &mut Answer) {
    answer.text = middle_out(&answer.text, KEPT_BYTES * 2);
    for call in &mut answer.tool_calls {
        shorten_value(&mut call.arguments);
    }
}

fn shorten_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = middle_out(text, KEPT_BYTES),
        Value::Array(items) => items.iter_mut().for_each(shorten_value),
        Value::Object(fields) => fields.values_mut().for_each(shorten_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn turns(opening: &str, dropped: usize, pieces: &[Piece]) -> Vec<Turn> {
    let mut opening = opening.to_owned();
    if dropped > 0 {
        opening.push_str("\n\n[The oldest steps of your work on this were dropped to make room.]");
    }
    let mut turns = vec![Turn::User { text: opening }];
    for piece in pieces {
        match (piece, turns.last_mut()) {
            (Piece::Answer(answer), _) => {
                let Answer { text, tool_calls, thoughts } = answer.clone();
                turns.push(Turn::Assistant { text, tool_calls, thoughts });
            }
            (Piece::ToolResult { .. }, Some(Turn::ToolResults { results })) => results.push(result(piece)),
            (Piece::ToolResult { .. }, _) => turns.push(Turn::ToolResults { results: vec![result(piece)] }),
            (Piece::Told(told), Some(Turn::User { text })) => {
                text.push_str("\n\n");
                text.push_str(told);
            }
            (Piece::Told(told), _) => turns.push(Turn::user(told)),
        }
    }
    turns
}

fn result(piece: &Piece) -> ToolResult {
    match piece {
        Piece::ToolResult { call_id, tool, is_error, content } => ToolResult {
            call_id: call_id.clone(),
            name: tool.clone(),
            content: content.clone(),
            is_error: *is_error,
        },
        Piece::Answer(_) | Piece::Told(_) => unreachable!("only tool results are asked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use syndarix_core::tool::ToolCall;

    fn answer(id: usize, argument: &str) -> Piece {
        let call = ToolCall {
            id: format!("c{id}"),
            name: "read_file".into(),
            arguments: serde_json::json!({ "path": argument }),
        };
        Piece::Answer(Answer { text: format!("step {id}"), tool_calls: vec![call], thoughts: None })
    }

    fn result(id: usize, bytes: usize) -> Piece {
        Piece::ToolResult {
            call_id: format!("c{id}"),
            tool: "read_file".into(),
            is_error: false,
            content: "x".repeat(bytes),
        }
    }

    fn steps(count: usize, bytes: usize) -> Vec<Piece> {
        (0..count).flat_map(|id| [answer(id, "src/lib.rs"), result(id, bytes)]).collect()
    }

    /// One line per turn: what it is and how long it is.
    fn check(pieces: &[Piece], budget: u64, expected: Expect) {
        let turns = assemble("OPENING", pieces, budget);
        let lines: Vec<String> = turns
            .iter()
            .map(|turn| match turn {
                Turn::User { text } if text.len() < 40 => format!("user {text}"),
                Turn::User { text } => format!("user {} bytes", text.len()),
                Turn::Assistant { text, .. } => format!("assistant {text}"),
                Turn::ToolResults { results } => {
                    let lengths: Vec<_> = results.iter().map(|result| result.content.len()).collect();
                    format!("results {lengths:?}")
                }
            })
            .collect();
        expected.assert_eq(&lines.join("\n"));
        assert_eq!(assemble("OPENING", pieces, budget), turns, "the same input must give the same turns");
    }

    #[test]
    fn what_fits_is_sent_as_it_is() {
        check(
            &steps(2, 300),
            1_000,
            expect![[r#"
            user OPENING
            assistant step 0
            results [300]
            assistant step 1
            results [300]"#]],
        );
    }

    #[test]
    fn old_results_are_shortened_first_and_the_newest_last() {
        check(
            &steps(3, 3_000),
            2_500,
            expect![[r#"
            user OPENING
            assistant step 0
            results [640]
            assistant step 1
            results [3000]
            assistant step 2
            results [3000]"#]],
        );
        check(
            &steps(3, 3_000),
            1_300,
            expect![[r#"
            user OPENING
            assistant step 0
            results [74]
            assistant step 1
            results [74]
            assistant step 2
            results [3000]"#]],
        );
    }

    #[test]
    fn then_old_steps_are_dropped_and_the_opening_stays() {
        check(
            &steps(6, 3_000),
            600,
            expect![[r#"
            user 75 bytes
            assistant step 5
            results [640]"#]],
        );
        check(
            &steps(1, 30_000),
            0,
            expect![[r#"
            user OPENING
            assistant step 0
            results [640]"#]],
        );
    }

    #[test]
    fn results_of_one_step_stay_together_and_reminders_join_the_turn_they_follow() {
        let pieces = [
            Piece::Told("first".into()),
            answer(0, "a"),
            result(0, 3),
            result(1, 4),
            Piece::Told("reminder".into()),
            Piece::Told("again".into()),
        ];
        check(
            &pieces,
            1_000,
            expect![[r#"
            user OPENING

            first
            assistant step 0
            results [3, 4]
            user reminder

            again"#]],
        );
    }
}
