//! How many tokens a text has, before a provider says so. Estimates only: the usage a provider reports is the truth.

use syndarix_core::usage::TokenUsage;
use tiktoken_rs::o200k_base_singleton;

use crate::request::{ModelRequest, ThoughtPart, Turn};

/// Texts are counted in pieces of this many bytes: a tokeniser's time grows faster than a piece's length where a
/// text has no spaces, and cutting only ever makes the estimate a little larger.
const PIECE_BYTES: usize = 4_096;

/// Beyond this many bytes a text is not tokenised but measured, at the fewest bytes per token that prose and code
/// have: an estimate must not take seconds.
const MAX_TOKENISED_BYTES: usize = 1 << 20;
const MIN_BYTES_PER_TOKEN: usize = 3;

/// What providers wrap around each turn: role, separators.
const TOKENS_PER_TURN: u64 = 8;
/// What providers add to the prompt when there are tools.
const TOKENS_FOR_TOOL_USE: u64 = 500;

/// How far a vendor's tokeniser may exceed the one that is used to estimate, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margin(pub u64);

impl Margin {
    /// For models that use this very tokeniser.
    pub const OPENAI: Self = Self(10);
    /// For all others: some make a third more of the same text.
    pub const OTHERS: Self = Self(40);
}

/// The number of tokens in a text, by OpenAI's `o200k_base`.
pub fn count(text: &str) -> u64 {
    if text.len() > MAX_TOKENISED_BYTES {
        return (text.len() / MIN_BYTES_PER_TOKEN) as u64;
    }
    let tokeniser = o200k_base_singleton();
    let mut rest = text;
    let mut tokens = 0;
    while !rest.is_empty() {
        let end = rest.floor_char_boundary(PIECE_BYTES.min(rest.len()));
        let (piece, tail) = rest.split_at(end);
        tokens += tokeniser.encode_ordinary(piece).len() as u64;
        rest = tail;
    }
    tokens
}

/// The number of tokens in a text, by its length alone: cheap, and the same everywhere.
pub fn count_by_length(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

/// The prompt's size in tokens, with a margin on the safe side.
pub fn estimate_prompt(request: &ModelRequest, margin: Margin) -> u64 {
    let tokens = prompt_tokens(request, count);
    tokens + tokens * margin.0 / 100
}

/// The prompt's size by length alone.
pub fn estimate_prompt_by_length(request: &ModelRequest) -> u64 {
    prompt_tokens(request, count_by_length)
}

/// A usage estimated from what was sent and what came back, where the provider reports none.
pub fn estimate_usage(prompt_tokens: u64, answer: &str) -> TokenUsage {
    TokenUsage { input_tokens: prompt_tokens, output_tokens: count(answer), ..TokenUsage::default() }
}

fn prompt_tokens(request: &ModelRequest, count: impl Fn(&str) -> u64) -> u64 {
    let json = |value: &serde_json::Value| count(&value.to_string());
    let mut tokens = count(&request.system) + TOKENS_PER_TURN;
    for turn in &request.turns {
        tokens += TOKENS_PER_TURN;
        match turn {
            Turn::User { text } => tokens += count(text),
            Turn::Assistant { text, tool_calls, thoughts } => {
                tokens += count(text);
                for call in tool_calls {
                    tokens += count(&call.name) + json(&call.arguments) + TOKENS_PER_TURN;
                }
                for part in thoughts.iter().flat_map(|thoughts| &thoughts.parts) {
                    tokens += match part {
                        ThoughtPart::Signature(text) | ThoughtPart::Reasoning(text) => count(text),
                        ThoughtPart::Block(block) => json(block),
                    };
                }
            }
            Turn::ToolResults { results } => {
                for result in results {
                    tokens += count(&result.content) + TOKENS_PER_TURN;
                }
            }
        }
    }
    if !request.tools.is_empty() {
        tokens += TOKENS_FOR_TOOL_USE;
    }
    for tool in &request.tools {
        tokens += count(&tool.name) + count(&tool.description) + json(&tool.input_schema) + TOKENS_PER_TURN;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_whatever_they_hold() {
        assert_eq!(count(""), 0);
        assert_eq!(count("hello world"), 2);
        let prose = "The core decides, the shell acts. ".repeat(2_000);
        let tokens = count(&prose);
        assert!((12_000..22_000).contains(&tokens), "{tokens}");
        assert!(count(&"a".repeat(200_000)) > 1_000);
        assert!(count(&"äöü😀".repeat(10_000)) > 1_000);
        assert_eq!(count(&"x".repeat(3 << 20)), 1 << 20);
    }
}
