//! One call on its way through its chain: reserve, ask, settle, and on to the next attempt.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use syndarix_core::budget::{CallKey, CallOutcome, CallSettlement, ReservationRequest};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::money::NanoUsd;
use syndarix_core::time::Timestamp;
use syndarix_core::usage::TokenUsage;

use super::breaker::Admission;
use super::chain::Place;
use super::error::{Error, FailedAttempt};
use super::lines::UnderWay;
use super::record::Record;
use super::retry::Decision;
use super::{CallContext, Gateway, GatewayReply};
use crate::error::{FailureKind, ProviderError};
use crate::provider::{CallInfo, Delta, DeltaSink, ModelProvider, ModelRef};
use crate::reply::ModelReply;
use crate::request::ModelRequest;

/// How long a call waits in all for open circuit breakers before it gives up: two periods of the default breaker.
const MAX_BREAKER_WAIT: Duration = Duration::from_mins(1);

/// One call on its way through its chain.
pub(super) struct Call<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) context: &'a CallContext,
    pub(super) request: &'a ModelRequest,
    pub(super) sink: &'a dyn DeltaSink,
    pub(super) seed: u64,
    pub(super) place: Place,
    /// How many attempts were made at each model, ever.
    pub(super) asked: HashMap<String, u32>,
    /// The prompt's size at each model; counting takes a while, and the prompt does not change.
    pub(super) prompt_tokens: HashMap<&'a ModelRef, u64>,
    pub(super) waited: Duration,
    pub(super) failures: Vec<FailedAttempt>,
    /// Facts that wait for the next settlement's transaction.
    pub(super) events: Vec<NewEvent>,
    pub(super) retry_after: Option<Duration>,
}

/// A model that may be asked now.
struct Candidate<'a> {
    model: &'a ModelRef,
    provider: &'a dyn ModelProvider,
    worst_case: NanoUsd,
}

impl<'a> Call<'a> {
    pub(super) async fn run(mut self) -> Result<GatewayReply, Error> {
        while let Some(candidate) = self.next_candidate().await? {
            let key = CallKey { effect: self.context.effect.clone(), attempt: self.place.attempt };
            let reservation = ReservationRequest {
                call: key.clone(),
                attribution: self.context.attribution.clone(),
                model: candidate.model.to_string(),
                worst_case: candidate.worst_case,
                if_interrupted: if candidate.provider.charges_for_interrupted_calls() {
                    candidate.worst_case
                } else {
                    NanoUsd::ZERO
                },
                patient: true,
            };
            let lines = &self.gateway.lines;
            let under_way = match lines.reserve(self.gateway.options.ledger.as_ref(), reservation).await? {
                Ok(under_way) => under_way,
                Err(refusal) => return Err(Error::BudgetRefused(refusal)),
            };
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
                Ok(reply) => {
                    let succeeded = self.succeed(&candidate, key, reply, latency_ms).await;
                    drop(under_way);
                    return succeeded;
                }
                Err(error) => self.fail(&candidate, key, &error, latency_ms, under_way).await?,
            }
        }
        Err(Error::AllFailed { attempts: self.failures, retry_after: self.retry_after })
    }

    /// The next model of the chain that can be asked, waiting for open circuit breakers where there is no other;
    /// `None` when the chain is exhausted.
    async fn next_candidate(&mut self) -> Result<Option<Candidate<'a>>, Error> {
        loop {
            let mut reopens: Option<Timestamp> = None;
            for position in self.place.position..self.context.chain.len() {
                let model = &self.context.chain[position];
                let (provider, worst_case) = match self.price(model) {
                    Ok(priced) => priced,
                    Err(error) => {
                        self.note_failure(model, &error);
                        continue;
                    }
                };
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
            let Some(moment) = reopens else { return Ok(None) };
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
        under_way: UnderWay,
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
        // Before the pause: what it set aside is free.
        drop(under_way);

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

    fn cost(&self, candidate: &Candidate<'_>, usage: &TokenUsage) -> NanoUsd {
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
