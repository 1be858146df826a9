//! Fitting a conversation into a token budget.
//!
//! Nothing is shortened while everything fits. When it no longer does, room is made at once for many steps to come,
//! and nothing that came before is touched until that room is used up. So each request begins with the whole of the
//! one before it, save at these few places, and providers charge a fraction for what they have read already.
//!
//! Room is made in this order: old tool results and the long arguments of old calls are shortened, the oldest first;
//! old tool results are dropped; the oldest steps are dropped whole; and last, the newest tool results are shortened.
//! The system prompt and the opening, which holds the task, are never touched.
//!
//! What is shortened depends on nothing but the conversation: it is gone through from its beginning, as it grew. A
//! step that is tried again, in another process, too, sends the same turns.

use std::borrow::Cow;

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
/// How full the budget is, in percent, once room is made. Lower loses more of what the agent has read; higher changes
/// the beginning of its requests more often.
const FULL_PERCENT: u64 = 55;
/// What older steps keep of the room beside the newest one, as a divisor, however large that is: an agent that reads
/// one long file must not forget what it did before.
const OLD_SHARE: u64 = 3;

/// The turns to send: the opening, then as much of the conversation as fits into `budget` tokens.
pub fn assemble(opening: &str, pieces: &[Piece], budget: u64) -> Vec<Turn> {
    let mut fit = Fit {
        shown: Vec::with_capacity(pieces.len()),
        first: 0,
        newest: 0,
        total: 0,
        budget: budget.saturating_sub(tokens(opening)),
    };
    for piece in pieces {
        fit.push(piece);
    }
    turns(opening, fit.first > 0, fit.shown[fit.first..].iter().map(|shown| &*shown.piece))
}

/// A conversation as it is shown, while it grows.
struct Fit<'p> {
    shown: Vec<Shown<'p>>,
    /// The first piece that is not dropped.
    first: usize,
    /// The newest answer; it and what follows it is what the model works on right now.
    newest: usize,
    /// What everything from the first piece on costs.
    total: u64,
    budget: u64,
}

struct Shown<'p> {
    /// The piece in full.
    whole: &'p Piece,
    /// As it is shown.
    piece: Cow<'p, Piece>,
    /// Bytes that are kept of its long texts.
    kept: usize,
    cost: u64,
}

impl<'p> Fit<'p> {
    fn push(&mut self, whole: &'p Piece) {
        if matches!(whole, Piece::Answer(_)) {
            self.newest = self.shown.len();
        }
        let cost = cost(whole);
        self.total += cost;
        self.shown.push(Shown { whole, piece: Cow::Borrowed(whole), kept: usize::MAX, cost });
        if !self.fits() {
            self.make_room();
        }
    }

    fn fits(&self) -> bool {
        self.total <= self.budget
    }

    /// How many tokens there are to be once room is made.
    fn goal(&self) -> u64 {
        let newest: u64 = self.shown[self.newest..].iter().map(|shown| shown.cost).sum();
        let beside = self.budget.saturating_sub(newest);
        (self.budget * FULL_PERCENT / 100).max(newest + beside / OLD_SHARE)
    }

    fn make_room(&mut self) {
        let goal = self.goal();
        for index in self.first..self.newest {
            if self.total <= goal {
                return;
            }
            // What the agent was told by others is short, and stays.
            if !matches!(self.shown[index].whole, Piece::Told(_)) {
                self.keep(index, KEPT_BYTES);
            }
        }
        for index in self.first..self.newest {
            if self.total <= goal {
                return;
            }
            if matches!(self.shown[index].whole, Piece::ToolResult { .. }) {
                self.keep(index, 0);
            }
        }
        while self.total > goal && self.drop_oldest_step() {}
        self.shorten_newest();
    }

    /// Shortens a piece to this many bytes of each long text, unless it is shorter already.
    fn keep(&mut self, index: usize, bytes: usize) {
        let shown = &mut self.shown[index];
        if shown.kept <= bytes {
            return;
        }
        shown.kept = bytes;
        shown.piece = Cow::Owned(shortened(shown.whole, bytes));
        let cost = cost(&shown.piece);
        self.total = self.total - shown.cost + cost;
        shown.cost = cost;
    }

    /// Drops what comes before the second answer, so that no result loses its call. False where only the newest
    /// step is left.
    fn drop_oldest_step(&mut self) -> bool {
        let mut later = self.shown.iter().enumerate().skip(self.first + 1);
        let second = later.find(|(_, shown)| matches!(shown.whole, Piece::Answer(_)));
        let Some((second, _)) = second else { return false };
        self.total -= self.shown[self.first..second].iter().map(|shown| shown.cost).sum::<u64>();
        self.first = second;
        true
    }

    /// Shares what room there is among the results of the newest step.
    fn shorten_newest(&mut self) {
        for kept in [60_000, 20_000, 6_000, 2_000, KEPT_BYTES] {
            for index in self.first..self.shown.len() {
                if self.fits() {
                    return;
                }
                self.keep(index, kept);
            }
        }
    }
}

/// A piece with this many bytes of each long text; of a result without any, only that it was there. Answers are kept
/// whole as long as there is room for a result of some length.
fn shortened(piece: &Piece, bytes: usize) -> Piece {
    let mut piece = piece.clone();
    match &mut piece {
        Piece::ToolResult { content, .. } if bytes == 0 => DROPPED.clone_into(content),
        Piece::ToolResult { content, .. } | Piece::Told(content) => *content = middle_out(content, bytes),
        Piece::Answer(answer) if bytes <= 2_000 => shorten_answer(answer),
        Piece::Answer(_) => {}
    }
    piece
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

fn turns<'p>(opening: &str, dropped: bool, pieces: impl Iterator<Item = &'p Piece>) -> Vec<Turn> {
    let mut opening = opening.to_owned();
    if dropped {
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
                results [640]
                assistant step 2
                results [3000]"#]],
        );
        check(
            &steps(3, 3_000),
            1_300,
            expect![[r#"
                user 75 bytes
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
                results [641]"#]],
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

    /// Whether `later` begins with all of `earlier`. Only its last turn may have been added to.
    fn extends(later: &[Turn], earlier: &[Turn]) -> bool {
        let Some((last, before)) = earlier.split_last() else { return true };
        later.starts_with(before)
            && match (later.get(before.len()), last) {
                (Some(Turn::User { text }), Turn::User { text: begun }) => text.starts_with(begun),
                (same, last) => same == Some(last),
            }
    }

    /// Bytes of the turns' texts.
    fn size(turns: &[Turn]) -> usize {
        turns
            .iter()
            .map(|turn| match turn {
                Turn::User { text } | Turn::Assistant { text, .. } => text.len(),
                Turn::ToolResults { results } => results.iter().map(|result| result.content.len()).sum(),
            })
            .sum()
    }

    /// A run that grows by steps of these sizes, in bytes, over and over: how many requests change what came before.
    fn changes(steps: usize, sizes: &[usize], budget: u64) -> usize {
        let mut pieces = Vec::new();
        let mut earlier: Vec<Turn> = Vec::new();
        let mut changes = 0;
        for step in 0..steps {
            pieces.push(answer(step, "src/lib.rs"));
            pieces.push(result(step, sizes[step % sizes.len()]));
            if step % 7 == 3 {
                pieces.push(Piece::Told(format!("reminder {step}")));
            }
            let turns = assemble("OPENING", &pieces, budget);
            assert_eq!(assemble("OPENING", &pieces, budget), turns, "step {step}, tried again");
            let newest = format!("step {step}");
            assert!(
                turns.iter().any(|turn| matches!(turn, Turn::Assistant { text, .. } if *text == newest)),
                "step {step} is not shown"
            );
            assert!(size(&turns) <= budget as usize * 3, "step {step} is over the budget");
            changes += usize::from(!extends(&turns, &earlier));
            earlier = turns;
        }
        changes
    }

    #[test]
    fn requests_begin_with_the_one_before_save_at_few_places() {
        for (name, steps, sizes, budget, most) in [
            ("all of it fits", 50, &[300][..], 100_000, 0),
            ("small results", 150, &[200], 10_000, 4),
            ("files and commands", 150, &[12_000, 300, 2_000, 40, 30_000, 700], 90_000, 10),
            ("a small model", 150, &[3_000, 100, 900], 8_000, 25),
            ("fewer than four results fit", 60, &[60_000, 100_000], 90_000, 35),
        ] {
            let changes = changes(steps, sizes, budget);
            assert!(changes <= most, "{name}: {changes} of {steps} requests changed what came before");
            assert!(most == 0 || changes > 0, "{name}: nothing was ever shortened");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
        #[test]
        fn runs_of_any_sizes_change_their_beginning_rarely(
            sizes in proptest::collection::vec(0_usize..9_000, 1..12),
        ) {
            // Ten of the largest steps fit into the budget.
            let changes = changes(80, &sizes, 30_000);
            proptest::prop_assert!(changes <= 20, "{changes} of 80 requests changed what came before");
        }
    }
}
