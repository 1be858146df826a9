//! Storage in memory: the oracle for the ports that the gateway needs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use syndarix_core::budget::{
    AttemptState, Attribution, BudgetRefusal, BudgetScope, CallKey, CallOutcome, CallSettlement, PastAttempt,
    ReservationRequest, Reserved,
};
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::{Effects, Ledger, PortError};
use syndarix_core::time::{Clock, Timestamp};
use syndarix_core::usage::TokenUsage;

/// Effects and the ledger in memory. One value is both ports, because a settled success completes its effect.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    inner: Mutex<Inner>,
}

/// The same, under the name of its other port.
pub type MemoryEffects = MemoryLedger;

#[derive(Debug, Default)]
struct Inner {
    limits: BTreeMap<BudgetScope, NanoUsd>,
    calls: BTreeMap<(EffectKey, u32), MemoryCall>,
    effects: BTreeMap<EffectKey, (EffectIntent, Option<Vec<u8>>)>,
    events: Vec<NewEvent>,
}

/// A call as the ledger in memory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryCall {
    /// What was asked to be set aside.
    pub reservation: ReservationRequest,
    /// How it ended, once that is known or given up.
    pub end: Option<MemoryEnd>,
}

/// How a call ended, as the ledger in memory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryEnd {
    /// With the truth.
    Settled(CallSettlement),
    /// Nobody saw.
    Interrupted,
}

impl MemoryCall {
    fn spent(&self) -> NanoUsd {
        match &self.end {
            None => NanoUsd::ZERO,
            Some(MemoryEnd::Interrupted) => self.reservation.if_interrupted,
            Some(MemoryEnd::Settled(settlement)) => settlement.cost,
        }
    }

    fn reserved(&self) -> NanoUsd {
        if self.end.is_some() { NanoUsd::ZERO } else { self.reservation.worst_case }
    }
}

impl MemoryLedger {
    /// Without budgets: everything is granted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits what a scope may spend.
    #[must_use]
    pub fn with_budget(self, scope: BudgetScope, limit: NanoUsd) -> Self {
        self.set_budget(scope, limit);
        self
    }

    /// Limits what a scope may spend from now on.
    pub fn set_budget(&self, scope: BudgetScope, limit: NanoUsd) {
        self.inner.lock().limits.insert(scope, limit);
    }

    /// Every call, in the order of its key.
    pub fn calls(&self) -> Vec<MemoryCall> {
        self.inner.lock().calls.values().cloned().collect()
    }

    /// What was settled in all.
    pub fn spent(&self) -> NanoUsd {
        self.inner.lock().calls.values().map(MemoryCall::spent).sum()
    }

    /// What is set aside at present.
    pub fn reserved(&self) -> NanoUsd {
        self.inner.lock().calls.values().map(MemoryCall::reserved).sum()
    }

    /// What settled calls used in all.
    pub fn usage(&self) -> TokenUsage {
        let inner = self.inner.lock();
        let usage = |call: &MemoryCall| match &call.end {
            Some(MemoryEnd::Settled(settlement)) => settlement.usage,
            Some(MemoryEnd::Interrupted) | None => TokenUsage::default(),
        };
        inner.calls.values().map(usage).sum()
    }

    /// Every event, in order.
    pub fn events(&self) -> Vec<NewEvent> {
        self.inner.lock().events.clone()
    }

    /// The recorded result of an effect.
    pub fn result(&self, key: &EffectKey) -> Option<Vec<u8>> {
        self.inner.lock().effects.get(key).and_then(|(_, result)| result.clone())
    }
}

#[async_trait]
impl Effects for MemoryLedger {
    async fn begin(&self, intent: &EffectIntent) -> Result<EffectBegin, PortError> {
        let mut inner = self.inner.lock();
        match inner.effects.get(&intent.key) {
            None => {
                inner.effects.insert(intent.key.clone(), (intent.clone(), None));
                Ok(EffectBegin::Fresh)
            }
            Some((known, _)) if known.request != intent.request => {
                Err(PortError::permanent(format!("the effect {} was begun with another request", intent.key)))
            }
            Some((_, Some(result))) => Ok(EffectBegin::Recorded(result.clone())),
            Some((_, None)) => Ok(EffectBegin::Orphaned),
        }
    }

    async fn complete(&self, key: &EffectKey, result: &[u8], events: Vec<NewEvent>) -> Result<(), PortError> {
        let mut inner = self.inner.lock();
        let Some((_, recorded)) = inner.effects.get_mut(key) else {
            return Err(PortError::permanent(format!("the effect {key} was never begun")));
        };
        if recorded.is_none() {
            *recorded = Some(result.to_vec());
            inner.events.extend(events);
        }
        Ok(())
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn reserve(&self, request: &ReservationRequest) -> Result<Reserved, PortError> {
        let mut inner = self.inner.lock();
        let key = (request.call.effect.clone(), request.call.attempt);
        if inner.calls.contains_key(&key) {
            return Err(PortError::permanent(format!("the call {} was reserved before", request.call)));
        }
        let mut refusals = Vec::new();
        for scope in request.attribution.scopes() {
            let Some(limit) = inner.limits.get(&scope).copied() else { continue };
            let under = |call: &&MemoryCall| {
                scope.adds_up() && call.reservation.attribution.scopes().contains(&scope)
            };
            let spent: NanoUsd = inner.calls.values().filter(under).map(MemoryCall::spent).sum();
            let reserved: NanoUsd = inner.calls.values().filter(under).map(MemoryCall::reserved).sum();
            if spent + reserved + request.worst_case > limit {
                let requested = request.worst_case;
                refusals.push(BudgetRefusal { scope, limit, spent, reserved, requested });
            }
        }
        if !refusals.is_empty() {
            let lasting = refusals.iter().position(|refusal| !refusal.may_fit_later());
            let refusal = refusals.swap_remove(lasting.unwrap_or(0));
            let waits = request.patient && lasting.is_none();
            return Ok(if waits { Reserved::Later(refusal) } else { Reserved::Refused(refusal) });
        }
        inner.calls.insert(key, MemoryCall { reservation: request.clone(), end: None });
        Ok(Reserved::Granted)
    }

    async fn settle(&self, settlement: &CallSettlement, events: Vec<NewEvent>) -> Result<(), PortError> {
        let mut inner = self.inner.lock();
        let CallKey { effect, attempt } = settlement.call.clone();
        let Some(call) = inner.calls.get_mut(&(effect.clone(), attempt)) else {
            return Err(PortError::permanent(format!("the call {} was never reserved", settlement.call)));
        };
        if call.end.is_some() {
            return Ok(());
        }
        call.end = Some(MemoryEnd::Settled(settlement.clone()));
        let told = told(&call.reservation, settlement);
        if let CallOutcome::Succeeded { reply } = &settlement.outcome
            && let Some((_, result @ None)) = inner.effects.get_mut(&effect)
        {
            *result = Some(reply.clone());
        }
        inner.events.push(told);
        inner.events.extend(events);
        Ok(())
    }

    async fn take_up(&self, effect: &EffectKey) -> Result<Vec<PastAttempt>, PortError> {
        let Inner { calls, events, .. } = &mut *self.inner.lock();
        let mut past = Vec::new();
        for ((_, attempt), call) in calls.iter_mut().filter(|((key, _), _)| key == effect) {
            let model = call.reservation.model.clone();
            let end = call.end.get_or_insert_with(|| {
                let ReservationRequest { attribution, model, if_interrupted, .. } = &call.reservation;
                let told = EventKind::ModelCallFailed {
                    model: model.clone(),
                    kind: "interrupted".to_owned(),
                    message: String::new(),
                    retryable: true,
                    cost: *if_interrupted,
                };
                events.push(event(attribution, told));
                MemoryEnd::Interrupted
            });
            let state = match end {
                MemoryEnd::Interrupted => AttemptState::Interrupted,
                MemoryEnd::Settled(settlement) => match &settlement.outcome {
                    CallOutcome::Succeeded { .. } => AttemptState::Succeeded,
                    CallOutcome::Failed { kind, message, retryable } => AttemptState::Failed {
                        kind: kind.clone(),
                        message: message.clone(),
                        retryable: *retryable,
                    },
                },
            };
            past.push(PastAttempt { attempt: *attempt, model, state });
        }
        Ok(past)
    }
}

/// The event of a settled call.
fn told(reservation: &ReservationRequest, settlement: &CallSettlement) -> NewEvent {
    let ReservationRequest { attribution, model, .. } = reservation;
    let kind = match &settlement.outcome {
        CallOutcome::Succeeded { .. } => EventKind::ModelCallSucceeded {
            model: model.clone(),
            usage: settlement.usage,
            cost: settlement.cost,
            latency_ms: settlement.latency_ms,
        },
        CallOutcome::Failed { kind, message, retryable } => EventKind::ModelCallFailed {
            model: model.clone(),
            kind: kind.clone(),
            message: message.clone(),
            retryable: *retryable,
            cost: settlement.cost,
        },
    };
    event(attribution, kind)
}

fn event(attribution: &Attribution, kind: EventKind) -> NewEvent {
    NewEvent {
        project: attribution.project.clone(),
        agent: Some(attribution.agent.clone()),
        task: Some(attribution.task.clone()),
        kind,
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Stands at this moment.
    pub fn at(moment: Timestamp) -> Self {
        Self(Mutex::new(moment))
    }

    /// Moves forward.
    pub fn advance(&self, by: std::time::Duration) {
        let mut now = self.0.lock();
        *now = now.plus(by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}
