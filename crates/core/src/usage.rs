//! What a model call used.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Tokens of one or many model calls, as reported by the provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Prompt tokens, including those read from or written to a cache.
    pub input_tokens: u64,
    /// Completion tokens, including reasoning.
    pub output_tokens: u64,
    /// The part of the input that was read from the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_read_tokens: u64,
    /// The part of the input that was written to the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_tokens: u64,
    /// The part of the output spent on reasoning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl TokenUsage {
    /// Input and output together. Like every sum here it saturates: providers report these numbers, and an
    /// absurd one must not stop the program.
    pub fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

impl Add for TokenUsage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(other.cache_read_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
        }
    }
}

impl AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for TokenUsage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usages_add_up_and_never_wrap() {
        let call = TokenUsage {
            input_tokens: 100,
            output_tokens: 20,
            cache_read_tokens: 60,
            ..TokenUsage::default()
        };
        let both: TokenUsage = [call, call].into_iter().sum();
        assert_eq!((both.total(), both.cache_read_tokens, both.cache_write_tokens), (240, 120, 0));
        let absurd = TokenUsage { input_tokens: u64::MAX, output_tokens: 1, ..TokenUsage::default() };
        assert_eq!((absurd + call).total(), u64::MAX);
    }

    #[test]
    fn what_a_provider_does_not_report_is_not_stored() {
        let usage = TokenUsage { input_tokens: 1, output_tokens: 2, ..TokenUsage::default() };
        let stored = serde_json::to_string(&usage).expect("stores");
        assert_eq!(stored, r#"{"input_tokens":1,"output_tokens":2}"#);
        assert_eq!(serde_json::from_str::<TokenUsage>(&stored).expect("reads back"), usage);
    }
}
