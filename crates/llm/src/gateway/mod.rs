//! The gateway: one model call, made once, charged to the nano-dollar, through a chain of models.
//!
//! [`Gateway::call`] is the shell. What it decides is in the pure parts beside it: where a call stands in its chain
//! (`chain`), whether to ask again ([`retry`]), and which model to leave alone ([`breaker`]).

pub mod breaker;
mod chain;
pub mod error;
mod record;
pub mod retry;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use syndarix_core::blob::BlobHash;
use syndarix_core::budget::{
    AttemptState, Attribution, CallKey, CallOutcome, CallSettlement, PastAttempt, ReservationRequest,
    Reserved,
};
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey, Repeatability};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::{Effects, Ledger, PortError};
use syndarix_core::time::{Clock, Timestamp};

pub use self::breaker::BreakerPolicy;
pub use self::error::{Error, FailedAttempt};
pub use self::retry::RetryPolicy;

use self::breaker::{Admission, Breaker};
use self::chain::Place;
use self::record::Record;
use self::retry::Decision;
use crate::error::{FailureKind, ProviderError};
use crate::prices::Prices;
use crate::provider::{CallInfo, Delta, DeltaSink, ModelProvider, ModelRef};
use crate::providers::Providers;
use crate::reply::ModelReply;
use crate::request::ModelRequest;

/// How long a call waits in all for open circuit breakers before it gives up: two periods of the default breaker.
const MAX_BREAKER_WAIT: Duration = Duration::from_mins(1);

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
    /// The most that one attempt may cost.
    pub call_budget: Option<NanoUsd>,
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
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("providers", &self.options.providers).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway whose circuit breakers are closed.
    pub fn new(options: GatewayOptions) -> Self {
        Self { options, breakers: Mutex::default() }
    }

    /// Makes a model call happen once.
    ///
    /// A call that is recorded is returned without asking a model. Otherwise each attempt reserves its worst case,
    /// asks, and settles the truth; failures are retried and the chain goes on as [`RetryPolicy`] and
    /// [`BreakerPolicy`] say. A call that was interrupted (by a crash, a refused budget, or its own failure)
    /// continues after the attempts that the ledger knows, with their numbers.
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
            EffectBegin::Orphaned => self.options.ledger.attempts(&context.effect).await?,
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

/// One call on its way through its chain.
struct Call<'a> {
    gateway: &'a Gateway,
    context: &'a CallContext,
    request: &'a ModelRequest,
    sink: &'a dyn DeltaSink,
    seed: u64,
    place: Place,
    /// How many attempts were made at each model, ever.
    asked: HashMap<String, u32>,
    /// The prompt's size at each model; counting takes a while, and the prompt does not change.
    prompt_tokens: HashMap<&'a ModelRef, u64>,
    waited: Duration,
    failures: Vec<FailedAttempt>,
    /// Facts that wait for the next settlement's transaction.
    events: Vec<NewEvent>,
    retry_after: Option<Duration>,
}

/// A model that may be asked now.
struct Candidate<'a> {
    model: &'a ModelRef,
    provider: &'a dyn ModelProvider,
    worst_case: NanoUsd,
}

impl<'a> Call<'a> {
    async fn run(mut self) -> Result<GatewayReply, Error> {
        while let Some(candidate) = self.next_candidate().await? {
            let key = CallKey { effect: self.context.effect.clone(), attempt: self.place.attempt };
            let reservation = ReservationRequest {
                call: key.clone(),
                attribution: self.context.attribution.clone(),
                model: candidate.model.to_string(),
                worst_case: candidate.worst_case,
            };
            if let Reserved::Refused(refusal) = self.gateway.options.ledger.reserve(&reservation).await? {
                return Err(Error::BudgetRefused(refusal));
            }
            let asked = self.asked.entry(candidate.model.to_string()).or_default();
            let info = CallInfo {
                model: candidate.model.model(),
                attempt: self.place.attempt,
                model_attempt: *asked,
            };
            *asked += 1;
            self.sink.delta(Delta::Attempt { model: candidate.model.as_str(), attempt: info.attempt });
            let started = Instant::now();
            let outcome = candidate.provider.call(&info, self.request, self.sink).await;
            let latency_ms = started.elapsed().as_millis() as u64;
            match outcome {
                Ok(reply) => return self.succeed(&candidate, key, reply, latency_ms).await,
                Err(error) => self.fail(&candidate, key, &error, latency_ms).await?,
            }
        }
        Err(Error::AllFailed { attempts: self.failures, retry_after: self.retry_after })
    }

    /// The next model of the chain that can be asked, waiting for open circuit breakers where there is no other;
    /// `None` when the chain is exhausted.
    async fn next_candidate(&mut self) -> Result<Option<Candidate<'a>>, Error> {
        loop {
            let mut reopens: Option<Timestamp> = None;
            let mut too_expensive = None;
            for position in self.place.position..self.context.chain.len() {
                let model = &self.context.chain[position];
                let (provider, worst_case) = match self.price(model) {
                    Ok(priced) => priced,
                    Err(error) => {
                        self.note_failure(model, &error);
                        continue;
                    }
                };
                if let Some(limit) = self.context.call_budget
                    && worst_case > limit
                {
                    too_expensive =
                        Some(Error::CallTooExpensive { model: model.to_string(), worst_case, limit });
                    continue;
                }
                match self.gateway.admit(model) {
                    Admission::NotBefore(moment) => {
                        reopens = Some(reopens.map_or(moment, |earlier| earlier.min(moment)));
                    }
                    Admission::Pass => {
                        if position != self.place.position {
                            let skipped = &self.context.chain[self.place.position];
                            if reopens.is_some() {
                                self.events.push(self.event(EventKind::ModelFailover {
                                    from: skipped.to_string(),
                                    to: model.to_string(),
                                    reason: "circuit_open".to_owned(),
                                }));
                            }
                            self.place.position = position;
                            self.place.model_attempt = 0;
                        }
                        return Ok(Some(Candidate { model, provider, worst_case }));
                    }
                }
            }
            let Some(moment) = reopens else {
                return match too_expensive {
                    Some(error) if self.failures.is_empty() => Err(error),
                    _ => Ok(None),
                };
            };
            let wait = moment.since(self.gateway.options.clock.now()).max(Duration::from_millis(1));
            if self.waited + wait > MAX_BREAKER_WAIT {
                self.retry_after = Some(wait);
                let model = &self.context.chain[self.place.position];
                let message =
                    format!("not asked: it failed repeatedly, and is left alone for {} s", wait.as_secs());
                self.note_failure(
                    model,
                    &ProviderError::new(FailureKind::Overloaded { retry_after: None }, message),
                );
                return Ok(None);
            }
            self.waited += wait;
            tokio::time::sleep(wait).await;
        }
    }

    /// The provider of a model, and the most that a call of it can cost.
    fn price(&mut self, model: &'a ModelRef) -> Result<(&'a dyn ModelProvider, NanoUsd), ProviderError> {
        let options = &self.gateway.options;
        let Some(provider) = options.providers.get(model.provider()) else {
            let message = format!("no provider `{}` is configured", model.provider());
            return Err(ProviderError::new(FailureKind::UnknownProvider, message));
        };
        let counted = self.prompt_tokens.entry(model);
        let prompt_tokens =
            *counted.or_insert_with(|| provider.estimate_prompt_tokens(model.model(), self.request));
        let worst_case = options
            .prices
            .worst_case(provider, model, prompt_tokens, self.request.max_output_tokens, options.clock.now())
            .map_err(|unpriced| ProviderError::new(FailureKind::Unpriced, unpriced.to_string()))?;
        Ok((provider, worst_case))
    }

    async fn succeed(
        self,
        candidate: &Candidate<'_>,
        call: CallKey,
        reply: ModelReply,
        latency_ms: u64,
    ) -> Result<GatewayReply, Error> {
        self.gateway.observe(candidate.model, None);
        let cost = self.cost(candidate, &reply.usage);
        let record = Record::new(candidate.model.as_str(), cost, reply);
        let usage = record.reply.usage;
        let outcome = CallOutcome::Succeeded { reply: record.to_bytes() };
        let settlement = CallSettlement { call, outcome, usage, cost, latency_ms };
        self.gateway.settle(&settlement, self.events).await?;
        Ok(GatewayReply { reply: record.reply, model: record.model, cost, replayed: false })
    }

    /// Settles a failed attempt, and moves on to where the call continues, waiting as long as the policy says.
    async fn fail(
        &mut self,
        candidate: &Candidate<'_>,
        call: CallKey,
        error: &ProviderError,
        latency_ms: u64,
    ) -> Result<(), Error> {
        let model = candidate.model;
        tracing::debug!(%call, %model, kind = %error.kind, %error, "model call failed");
        let opened = self.gateway.observe(model, Some(error.kind));
        let usage = error.usage.unwrap_or_default();
        let cost = self.cost(candidate, &usage);
        let decision = self.gateway.options.retry.decide(self.place.model_attempt, error, self.seed);
        let next = match decision {
            Decision::Retry { .. } => Some(model),
            Decision::NextModel => self.context.chain.get(self.place.position + 1),
        };

        let mut events = std::mem::take(&mut self.events);
        if opened {
            let policy = &self.gateway.options.breaker;
            events.push(self.event(EventKind::GuardTripped {
                guard: "circuit_breaker".to_owned(),
                detail: format!(
                    "{model} failed {} times in a row and is left alone for {} s",
                    policy.failures_to_open,
                    policy.open_for.as_secs()
                ),
            }));
        }
        if let (Decision::NextModel, Some(next)) = (decision, next) {
            events.push(self.event(EventKind::ModelFailover {
                from: model.to_string(),
                to: next.to_string(),
                reason: error.kind.to_string(),
            }));
        }
        let outcome = CallOutcome::Failed {
            kind: error.kind.to_string(),
            message: error.message.clone(),
            retryable: error.retryable(),
        };
        self.gateway.settle(&CallSettlement { call, outcome, usage, cost, latency_ms }, events).await?;

        self.note_failure(model, error);
        self.place.attempt += 1;
        let after = match decision {
            Decision::Retry { after } => {
                self.place.model_attempt += 1;
                after
            }
            Decision::NextModel => {
                self.place.next_model();
                Duration::ZERO
            }
        };
        if let Some(next) = next {
            self.sink.delta(Delta::Retrying { model: next.as_str(), kind: error.kind, after });
        }
        tokio::time::sleep(after).await;
        Ok(())
    }

    fn note_failure(&mut self, model: &ModelRef, error: &ProviderError) {
        if let Some(asked) = error.kind.retry_after() {
            self.retry_after = Some(self.retry_after.map_or(asked, |known| known.min(asked)));
        }
        let failure = FailedAttempt {
            model: model.to_string(),
            kind: error.kind.to_string(),
            message: error.message.clone(),
            retryable: error.retryable(),
        };
        // A model that cannot be asked at all is found anew each time the chain passes it.
        let cannot_be_asked = matches!(error.kind, FailureKind::UnknownProvider | FailureKind::Unpriced);
        if !cannot_be_asked || !self.failures.contains(&failure) {
            self.failures.push(failure);
        }
    }

    fn cost(&self, candidate: &Candidate<'_>, usage: &syndarix_core::usage::TokenUsage) -> NanoUsd {
        let options = &self.gateway.options;
        options
            .prices
            .cost(candidate.provider, candidate.model, usage, options.clock.now())
            // The price was known a moment ago; if the list cannot price this usage, the worst case is the truth.
            .unwrap_or(candidate.worst_case)
    }

    fn event(&self, kind: EventKind) -> NewEvent {
        let attribution = &self.context.attribution;
        NewEvent {
            project: attribution.project.clone(),
            agent: Some(attribution.agent.clone()),
            task: Some(attribution.task.clone()),
            kind,
        }
    }
}

fn replay(key: &EffectKey, bytes: &[u8]) -> Result<GatewayReply, Error> {
    let record = Record::from_bytes(bytes)
        .map_err(|source| Error::UnreadableRecord { key: key.to_string(), source })?;
    Ok(GatewayReply { reply: record.reply, model: record.model, cost: record.cost, replayed: true })
}

fn count_by_model(past: &[PastAttempt]) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for attempt in past.iter().filter(|attempt| attempt.state != AttemptState::Reserved) {
        *counts.entry(attempt.model.clone()).or_default() += 1;
    }
    counts
}

/// The seed of a call's jitter: the same after a crash, and different from every other call's.
fn seed(key: &EffectKey) -> u64 {
    let hash = BlobHash::of(key.to_string().as_bytes());
    u64::from_str_radix(&hash.as_str()[..16], 16).unwrap_or_default()
}
