//! The gateway: one model call, made once, charged to the nano-dollar, through a chain of models.
//!
//! [`Gateway::call`] is the shell. What it decides is in the pure parts beside it: where a call stands in its chain
//! (`chain`), whether to ask again ([`retry`]), and which model to leave alone ([`breaker`]). Who waits for money that is set
//! aside for others waits in `lines`.

pub mod breaker;
mod call;
mod chain;
pub mod error;
mod lines;
mod record;
pub mod retry;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use syndarix_core::blob::BlobHash;
use syndarix_core::budget::{AttemptState, Attribution, CallSettlement, PastAttempt};
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey, Repeatability};
use syndarix_core::event::NewEvent;
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::{Effects, Ledger, PortError};
use syndarix_core::time::Clock;

pub use self::breaker::BreakerPolicy;
pub use self::error::{Error, FailedAttempt};
pub use self::retry::RetryPolicy;

use self::breaker::{Admission, Breaker};
use self::call::Call;
use self::chain::Place;
use self::lines::Lines;
use self::record::Record;
use crate::error::FailureKind;
use crate::prices::Prices;
use crate::provider::{DeltaSink, ModelRef};
use crate::providers::Providers;
use crate::reply::ModelReply;
use crate::request::ModelRequest;

/// How often an answer that was paid for is offered to storage that says "try again".
const SETTLE_TRIES: u32 = 3;

/// What a gateway is made of.
pub struct GatewayOptions {
    /// The providers, by name.
    pub providers: Providers,
    /// What models cost.
    pub prices: Prices,
    /// When a model is asked again.
    pub retry: RetryPolicy,
    /// When a model is left alone.
    pub breaker: BreakerPolicy,
    /// Where money is reserved and settled.
    pub ledger: Arc<dyn Ledger>,
    /// Where calls are recorded.
    pub effects: Arc<dyn Effects>,
    /// The time, for prices and circuit breakers.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for GatewayOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayOptions").field("providers", &self.providers).finish_non_exhaustive()
    }
}

/// What a call is part of, and who pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallContext {
    /// The call's identity: the same step, tried again, has the same key.
    pub effect: EffectKey,
    /// Who it is for.
    pub attribution: Attribution,
    /// The models to try, in order.
    pub chain: Vec<ModelRef>,
}

/// A reply, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayReply {
    /// What the model answered.
    pub reply: ModelReply,
    /// The provider-qualified model that answered.
    pub model: String,
    /// What this answer cost; failed attempts before it are in the ledger.
    pub cost: NanoUsd,
    /// Whether it was recorded before, and no model was asked.
    pub replayed: bool,
}

/// The door to all models. Cheap to share; holds the circuit breakers.
pub struct Gateway {
    options: GatewayOptions,
    breakers: Mutex<HashMap<ModelRef, Breaker>>,
    lines: Lines,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("providers", &self.options.providers).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway whose circuit breakers are closed.
    pub fn new(options: GatewayOptions) -> Self {
        Self { options, breakers: Mutex::default(), lines: Lines::default() }
    }

    /// Makes a model call happen once.
    ///
    /// A call that is recorded is returned without asking a model. Otherwise each attempt reserves its worst case,
    /// asks, and settles the truth; failures are retried and the chain goes on as [`RetryPolicy`] and
    /// [`BreakerPolicy`] say. A call that was interrupted (by a crash, a refused budget, or its own failure)
    /// continues after the attempts that the ledger knows, with their numbers. An attempt whose end nobody saw is
    /// charged at its worst case, since the provider may do so too.
    pub async fn call(
        &self,
        context: &CallContext,
        request: &ModelRequest,
        sink: &dyn DeltaSink,
    ) -> Result<GatewayReply, Error> {
        if context.chain.is_empty() {
            return Err(Error::EmptyChain);
        }
        let intent = EffectIntent {
            key: context.effect.clone(),
            name: "model_call".to_owned(),
            request: serde_json::to_vec(request).expect("a request is plain data with string keys"),
            repeatability: Repeatability::Idempotent,
        };
        let past = match self.options.effects.begin(&intent).await? {
            EffectBegin::Recorded(bytes) => return replay(&context.effect, &bytes),
            EffectBegin::Fresh => Vec::new(),
            EffectBegin::Orphaned => self.options.ledger.take_up(&context.effect).await?,
        };
        Call {
            gateway: self,
            context,
            request,
            sink,
            seed: seed(&context.effect),
            place: Place::after(&context.chain, &past, self.options.retry.max_retries),
            asked: count_by_model(&past),
            prompt_tokens: HashMap::new(),
            waited: Duration::ZERO,
            failures: Vec::new(),
            events: Vec::new(),
            retry_after: None,
        }
        .run()
        .await
    }

    fn admit(&self, model: &ModelRef) -> Admission {
        let now = self.options.clock.now();
        self.breakers.lock().entry(model.clone()).or_default().admit(&self.options.breaker, now)
    }

    /// Tells the model's breaker how an attempt ended. Returns whether it opened.
    fn observe(&self, model: &ModelRef, failure: Option<FailureKind>) -> bool {
        let mut breakers = self.breakers.lock();
        let breaker = breakers.entry(model.clone()).or_default();
        if failure.is_some_and(FailureKind::counts_against_health) {
            breaker.failed(&self.options.breaker, self.options.clock.now())
        } else {
            breaker.succeeded();
            false
        }
    }

    async fn settle(&self, settlement: &CallSettlement, events: Vec<NewEvent>) -> Result<(), PortError> {
        for _ in 1..SETTLE_TRIES {
            match self.options.ledger.settle(settlement, events.clone()).await {
                Err(error) if error.retryable => {
                    tracing::warn!(call = %settlement.call, %error, "settling again");
                }
                outcome => return outcome,
            }
        }
        self.options.ledger.settle(settlement, events).await
    }
}

fn replay(key: &EffectKey, bytes: &[u8]) -> Result<GatewayReply, Error> {
    let record = Record::from_bytes(bytes)
        .map_err(|source| Error::UnreadableRecord { key: key.to_string(), source })?;
    Ok(GatewayReply { reply: record.reply, model: record.model, cost: record.cost, replayed: true })
}

fn count_by_model(past: &[PastAttempt]) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for attempt in past.iter().filter(|attempt| attempt.state != AttemptState::Interrupted) {
        *counts.entry(attempt.model.clone()).or_default() += 1;
    }
    counts
}

/// The seed of a call's jitter: the same after a crash, and different from every other call's.
fn seed(key: &EffectKey) -> u64 {
    let hash = BlobHash::of(key.to_string().as_bytes());
    u64::from_str_radix(&hash.as_str()[..16], 16).unwrap_or_default()
}
