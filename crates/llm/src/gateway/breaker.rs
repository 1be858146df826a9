//! Circuit breakers: a model that fails again and again is left alone for a while. Pure: the time is an argument.

use std::time::Duration;

use syndarix_core::time::Timestamp;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// How many failures in a row open it. Five are more than one call's own retries, so that it takes several
    /// calls' bad luck.
    pub failures_to_open: u32,
    /// How long it stays open before one call may probe.
    pub open_for: Duration,
    /// How long the others wait for a probe's outcome before one of them may probe too.
    pub probe_patience: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures_to_open: 5,
            open_for: Duration::from_secs(30),
            probe_patience: Duration::from_secs(10),
        }
    }
}

/// One model's breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breaker {
    /// Calls pass.
    Closed {
        /// How many failed in a row.
        failures: u32,
    },
    /// No call passes until then.
    Open {
        /// When a probe may pass.
        until: Timestamp,
    },
    /// One probe is under way; no other call passes until then.
    HalfOpen {
        /// When the probe counts as lost, and another may pass.
        until: Timestamp,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// Whether a call may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Pass,
    /// Not before this moment.
    NotBefore(Timestamp),
}

impl Breaker {
    /// Asks to let a call pass; a call that passes an open breaker is its probe.
    pub fn admit(&mut self, policy: &BreakerPolicy, now: Timestamp) -> Admission {
        match *self {
            Self::Closed { .. } => Admission::Pass,
            Self::Open { until } | Self::HalfOpen { until } if now < until => Admission::NotBefore(until),
            Self::Open { .. } | Self::HalfOpen { .. } => {
                *self = Self::HalfOpen { until: now.plus(policy.probe_patience) };
                Admission::Pass
            }
        }
    }

    /// The provider is well: it answered, or refused for a reason of the request's own.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The provider is not well. Returns whether this failure opened the breaker.
    pub fn failed(&mut self, policy: &BreakerPolicy, now: Timestamp) -> bool {
        let open = Self::Open { until: now.plus(policy.open_for) };
        match *self {
            Self::Closed { failures } if failures + 1 < policy.failures_to_open => {
                *self = Self::Closed { failures: failures + 1 };
                false
            }
            Self::Closed { .. } | Self::HalfOpen { .. } => {
                *self = open;
                true
            }
            // A call that was under way when the breaker opened says nothing new.
            Self::Open { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000;

    #[test]
    fn it_opens_probes_once_and_closes_or_opens_again() {
        let policy = BreakerPolicy::default();
        let at = |seconds: i64| Timestamp(seconds * SECOND);
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            assert!(!breaker.failed(&policy, at(0)));
        }
        assert_eq!(breaker.admit(&policy, at(0)), Admission::Pass);
        assert!(breaker.failed(&policy, at(0)), "the fifth failure in a row opens it");
        assert!(!breaker.failed(&policy, at(1)), "late failures do not prolong it");
        assert_eq!(breaker.admit(&policy, at(29)), Admission::NotBefore(at(30)));
        assert_eq!(breaker.admit(&policy, at(30)), Admission::Pass, "the probe");
        assert_eq!(breaker.admit(&policy, at(31)), Admission::NotBefore(at(40)), "only one");
        assert!(breaker.failed(&policy, at(32)), "a failed probe opens it again");
        assert_eq!(breaker.admit(&policy, at(61)), Admission::NotBefore(at(62)));
        assert_eq!(breaker.admit(&policy, at(62)), Admission::Pass);
        assert_eq!(breaker.admit(&policy, at(72)), Admission::Pass, "a lost probe is replaced");
        breaker.succeeded();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_success_forgives() {
        let policy = BreakerPolicy::default();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            for _ in 0..4 {
                assert!(!breaker.failed(&policy, Timestamp(0)));
            }
            breaker.succeeded();
        }
    }
}
