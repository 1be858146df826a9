//! Chance, all of it from the seed.

use crate::kernel::Entropy;

/// Throws dice whose whole future follows from the seed.
#[derive(Debug, Clone)]
pub(super) struct Dice(Entropy);

impl Dice {
    pub(super) fn new(entropy: Entropy) -> Self {
        Self(entropy)
    }

    /// Dice of its own for a part of the simulation.
    pub(super) fn split(&mut self) -> Self {
        Self(self.0.split())
    }

    pub(super) fn entropy(&mut self) -> Entropy {
        self.0.split()
    }

    /// True so many times in a thousand.
    pub(super) fn chance(&mut self, in_thousand: i64) -> bool {
        self.0.below(1_000) < in_thousand
    }

    /// A number from `least` to `most`.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.0.below(most - least + 1)
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.0.below(from.len() as i64) as usize) }
    }

    /// One of several choices, each as likely as its weight says.
    pub(super) fn weighted<T: Copy>(&mut self, choices: &[(i64, T)]) -> T {
        let mut left = self.0.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        choices[choices.len() - 1].1
    }
}
