//! Requests to the engine, over a network that loses and repeats.

use super::dice::Dice;
use super::life::Life;
use crate::kernel::Timestamp;
use crate::status::Failure;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

pub(super) const SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";

/// Somebody who asks the engine, and their end of the network.
#[derive(Debug)]
pub(super) struct Line {
    pub life: Arc<Life>,
    pub dice: Dice,
    pub name: String,
}

/// What became of a request: the replies that arrived. None if it or its reply was lost, two if it was repeated.
pub(super) type Replies<A> = Vec<Result<A, Failure>>;

impl Line {
    pub(super) fn now(&self) -> Timestamp {
        self.life.now()
    }

    pub(super) fn note(&self, line: &str) {
        self.life.world.trace.note(self.now(), &format!("{}: {line}", self.name));
    }

    /// Whether a worker that should behave does not.
    pub(super) fn mischief(&mut self) -> bool {
        let in_thousand = if self.life.is_calm() { 0 } else { self.life.world.plan.mischief };
        self.dice.chance(in_thousand)
    }

    pub(super) async fn pause(&mut self, most_ms: i64) {
        let wait = self.dice.between(0, most_ms) as u64;
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }

    async fn once<A: Message + Default>(&self, rpc: &str, request: &impl Message) -> Result<A, Failure> {
        let bytes = self.life.service.call(SERVICE, rpc, request.encode_to_vec().into()).await?;
        Ok(A::decode(bytes.as_slice()).expect("the engine's answers decode"))
    }

    /// Asks over a network that does its worst.
    pub(super) async fn ask<A: Message + Default>(
        &mut self,
        rpc: &str,
        request: &impl Message,
    ) -> Replies<A> {
        let trouble = if self.life.is_calm() { 0 } else { self.life.world.plan.network };
        let replies = if self.dice.chance(trouble) {
            if self.dice.chance(150) {
                // Troubles come together: what is on its way now may be lost with the disk's power.
                let groups = self.dice.between(0, 2);
                self.life.fail_power_after(groups);
            }
            match self.dice.between(0, 4) {
                0 => Vec::new(),
                1 => {
                    drop(self.once::<A>(rpc, request).await);
                    Vec::new()
                }
                2 => {
                    // The connection breaks while the request is worked on.
                    let patience = Duration::from_millis(self.dice.between(0, 4) as u64);
                    let answer = tokio::time::timeout(patience, self.once::<A>(rpc, request)).await;
                    answer.into_iter().collect()
                }
                3 => {
                    // It arrives twice, and the reply that is there first counts.
                    let answer = tokio::select! {
                        biased;
                        first = self.once(rpc, request) => first,
                        second = self.once(rpc, request) => second,
                    };
                    vec![answer]
                }
                _ => {
                    let twice = tokio::join!(biased; self.once(rpc, request), self.once(rpc, request));
                    vec![twice.0, twice.1]
                }
            }
        } else {
            vec![self.once(rpc, request).await]
        };
        let told: Vec<String> = replies
            .iter()
            .map(|reply| match reply {
                Ok(_) => "ok".to_owned(),
                Err(failure) => failure.message().to_owned(),
            })
            .collect();
        self.note(&format!("{rpc} → {told:?}"));
        replies
    }

    /// Polls: as any request, but its answer can only be lost, not repeated.
    pub(super) async fn poll<A: Message + Default>(
        &mut self,
        rpc: &str,
        request: &impl Message,
    ) -> Option<A> {
        let trouble = if self.life.is_calm() { 0 } else { self.life.world.plan.network / 2 };
        let breaks = self.dice.chance(trouble);
        let answer = if breaks {
            let patience = Duration::from_millis(self.dice.between(0, 500) as u64);
            tokio::time::timeout(patience, self.once(rpc, request)).await.ok()
        } else {
            Some(self.once(rpc, request).await)
        };
        if breaks && self.dice.chance(500) {
            return None;
        }
        match answer {
            Some(Ok(answer)) => Some(answer),
            Some(Err(failure)) => {
                self.note(&format!("{rpc} → {}", failure.message()));
                None
            }
            None => None,
        }
    }
}
