//! Where a call stands in its chain of models. Pure: a call that is taken up after a crash finds its place from the
//! attempts the ledger knows.

use syndarix_core::budget::{AttemptState, PastAttempt};

use crate::provider::ModelRef;

/// A call's place in its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Which model of the chain is next.
    pub(super) position: usize,
    /// How often it was asked since the chain came to it.
    pub(super) model_attempt: u32,
    /// The number of the next attempt.
    pub(super) attempt: u32,
}

impl Place {
    /// The beginning.
    pub(super) fn start() -> Self {
        Self { position: 0, model_attempt: 0, attempt: 0 }
    }

    /// The place after these attempts. A chain that was exhausted begins again from its first model, with attempt
    /// numbers that continue; an attempt that was interrupted says nothing about its model, which is asked again.
    pub(super) fn after(chain: &[ModelRef], past: &[PastAttempt], max_retries: u32) -> Self {
        let mut place = Self::start();
        for attempt in past {
            let position = chain.iter().position(|model| model.as_str() == attempt.model);
            if let Some(position) = position
                && position != place.position
            {
                place.position = position;
                place.model_attempt = 0;
            }
            match &attempt.state {
                AttemptState::Interrupted | AttemptState::Succeeded => {}
                AttemptState::Failed { retryable, .. } => {
                    // A model that has left the chain since says nothing about those in it.
                    if position.is_some() {
                        if *retryable && place.model_attempt < max_retries {
                            place.model_attempt += 1;
                        } else {
                            place.next_model();
                        }
                        if place.position == chain.len() {
                            place.position = 0;
                        }
                    }
                }
            }
            place.attempt = attempt.attempt + 1;
        }
        place
    }

    /// Goes on to the next model.
    pub(super) fn next_model(&mut self) {
        self.position += 1;
        self.model_attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<ModelRef> {
        ["p/a", "p/b"].iter().map(|name| name.parse().expect("valid")).collect()
    }

    fn past(attempts: &[(&str, AttemptState)]) -> Vec<PastAttempt> {
        (0..)
            .zip(attempts)
            .map(|(attempt, (model, state))| PastAttempt {
                attempt,
                model: (*model).to_owned(),
                state: state.clone(),
            })
            .collect()
    }

    #[test]
    fn a_call_finds_its_place_again() {
        let busy =
            AttemptState::Failed { kind: "overloaded".into(), message: String::new(), retryable: true };
        let wrong =
            AttemptState::Failed { kind: "unauthorized".into(), message: String::new(), retryable: false };
        let lost = AttemptState::Interrupted;
        for (attempts, position, model_attempt, attempt) in [
            (vec![], 0, 0, 0),
            (vec![("p/a", busy.clone())], 0, 1, 1),
            (vec![("p/a", lost.clone())], 0, 0, 1),
            (vec![("p/a", busy.clone()), ("p/a", lost.clone())], 0, 1, 2),
            (vec![("p/a", wrong.clone())], 1, 0, 1),
            (vec![("p/a", busy.clone()), ("p/a", busy.clone())], 1, 0, 2),
            (vec![("p/a", busy.clone()), ("p/b", lost.clone())], 1, 0, 2),
            (vec![("p/a", wrong.clone()), ("p/b", wrong.clone())], 0, 0, 2),
            (vec![("p/a", wrong.clone()), ("p/b", wrong.clone()), ("p/a", lost)], 0, 0, 3),
            (vec![("p/gone", wrong)], 0, 0, 1),
        ] {
            let place = Place::after(&chain(), &past(&attempts), 1);
            assert_eq!(place, Place { position, model_attempt, attempt }, "after {attempts:?}");
        }
    }
}
