//! Whether and when to ask the same model again. Pure: chance comes in as a seed.

use std::time::Duration;

use crate::error::ProviderError;

/// How often and after how long a model is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often the same model is asked again before the chain goes on. Two outlast a hiccup; more would keep
    /// an agent waiting while another model could answer.
    pub max_retries: u32,
    /// The wait before the first retry; it doubles with each further one.
    pub base_delay: Duration,
    /// The longest wait, also where the provider asks for more: then the chain goes on at once.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_retries: 2, base_delay: Duration::from_millis(500), max_delay: Duration::from_secs(30) }
    }
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Ask the same model again.
    Retry {
        /// After this long.
        after: Duration,
    },
    /// Go on to the chain's next model.
    NextModel,
}

impl RetryPolicy {
    /// What to do after the failure of a model's attempt number `model_attempt` (from 0).
    ///
    /// The backoff is exponential with "equal jitter": half of it fixed, half drawn from the seed, so that
    /// agents that failed together do not come back together. A wait that the provider asks for is kept to
    /// exactly, with only the drawn half of the base delay on top.
    pub fn decide(&self, model_attempt: u32, error: &ProviderError, seed: u64) -> Decision {
        if !error.retryable() || model_attempt >= self.max_retries {
            return Decision::NextModel;
        }
        let draw = |of: Duration| of.mul_f64(fraction(seed, model_attempt)) / 2;
        let after = match error.kind.retry_after() {
            Some(asked) if asked > self.max_delay => return Decision::NextModel,
            Some(asked) => asked + draw(self.base_delay),
            None => {
                let doubled = self.base_delay.saturating_mul(1 << model_attempt.min(16)).min(self.max_delay);
                doubled / 2 + draw(doubled)
            }
        };
        Decision::Retry { after }
    }
}

/// A number in [0, 1) from a seed and a counter, by SplitMix64's finaliser.
fn fraction(seed: u64, counter: u32) -> f64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(counter) + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;

    fn after(policy: &RetryPolicy, attempt: u32, kind: FailureKind, seed: u64) -> Option<u128> {
        match policy.decide(attempt, &ProviderError::new(kind, ""), seed) {
            Decision::Retry { after } => Some(after.as_millis()),
            Decision::NextModel => None,
        }
    }

    #[test]
    fn waits_double_within_bounds_whatever_the_seed() {
        let policy = RetryPolicy { max_retries: 9, ..RetryPolicy::default() };
        for seed in 0..500 {
            for (attempt, doubled) in [(0, 500), (1, 1_000), (2, 2_000), (5, 16_000), (8, 30_000)] {
                let waited = after(&policy, attempt, FailureKind::Server, seed).expect("retried");
                assert!((doubled / 2..=doubled).contains(&waited), "seed {seed}: {waited} of {doubled}");
            }
        }
        let spread: std::collections::BTreeSet<_> =
            (0..100).filter_map(|seed| after(&policy, 0, FailureKind::Server, seed)).collect();
        assert!(spread.len() > 50, "the jitter does not spread: {spread:?}");
    }

    #[test]
    fn a_wait_the_provider_asks_for_is_honoured_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let limited = |seconds| FailureKind::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
        let waited = after(&policy, 0, limited(7), 1).expect("retried");
        assert!((7_000..=7_250).contains(&waited), "{waited}");
        assert_eq!(after(&policy, 0, limited(31), 1), None);
    }

    #[test]
    fn what_cannot_help_is_not_repeated() {
        let policy = RetryPolicy::default();
        for kind in [FailureKind::Unauthorized, FailureKind::Refused, FailureKind::TooLong] {
            assert_eq!(after(&policy, 0, kind, 1), None);
        }
        assert!(after(&policy, 1, FailureKind::Timeout, 1).is_some());
        assert_eq!(after(&policy, 2, FailureKind::Timeout, 1), None);
    }
}
