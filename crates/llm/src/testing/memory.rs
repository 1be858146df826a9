//! Storage in memory: the oracle for the ports that the gateway needs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use syndarix_core::budget::{
    AttemptState, BudgetRefusal, BudgetScope, CallKey, CallOutcome, CallSettlement, PastAttempt,
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
    /// The truth, once settled.
    pub settlement: Option<CallSettlement>,
}

impl MemoryCall {
    fn spent(&self) -> NanoUsd {
        self.settlement.as_ref().map_or(NanoUsd::ZERO, |settlement| settlement.cost)
    }

    fn reserved(&self) -> NanoUsd {
        if self.settlement.is_some() { NanoUsd::ZERO } else { self.reservation.worst_case }
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
        inner.calls.values().filter_map(|call| call.settlement.as_ref()).map(|settled| settled.usage).sum()
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
            return Ok(Reserved::Granted);
        }
        for scope in request.attribution.scopes() {
            let Some(limit) = inner.limits.get(&scope).copied() else { continue };
            let under = |call: &&MemoryCall| {
                scope.adds_up() && call.reservation.attribution.scopes().contains(&scope)
            };
            let spent: NanoUsd = inner.calls.values().filter(under).map(MemoryCall::spent).sum();
            let reserved: NanoUsd = inner.calls.values().filter(under).map(MemoryCall::reserved).sum();
            if spent + reserved + request.worst_case > limit {
                let requested = request.worst_case;
                return Ok(Reserved::Refused(BudgetRefusal { scope, limit, spent, reserved, requested }));
            }
        }
        inner.calls.insert(key, MemoryCall { reservation: request.clone(), settlement: None });
        Ok(Reserved::Granted)
    }

    async fn settle(&self, settlement: &CallSettlement, events: Vec<NewEvent>) -> Result<(), PortError> {
        let mut inner = self.inner.lock();
        let CallKey { effect, attempt } = settlement.call.clone();
        let Some(call) = inner.calls.get_mut(&(effect.clone(), attempt)) else {
            return Err(PortError::permanent(format!("the call {} was never reserved", settlement.call)));
        };
        if call.settlement.is_some() {
            return Ok(());
        }
        call.settlement = Some(settlement.clone());
        let told = told(call, settlement);
        if let CallOutcome::Succeeded { reply } = &settlement.outcome
            && let Some((_, result @ None)) = inner.effects.get_mut(&effect)
        {
            *result = Some(reply.clone());
        }
        inner.events.push(told);
        inner.events.extend(events);
        Ok(())
    }

    async fn attempts(&self, effect: &EffectKey) -> Result<Vec<PastAttempt>, PortError> {
        let inner = self.inner.lock();
        let of_effect = inner.calls.iter().filter(|((key, _), _)| key == effect);
        Ok(of_effect
            .map(|((_, attempt), call)| PastAttempt {
                attempt: *attempt,
                model: call.reservation.model.clone(),
                state: match call.settlement.as_ref().map(|settlement| &settlement.outcome) {
                    None => AttemptState::Reserved,
                    Some(CallOutcome::Succeeded { .. }) => AttemptState::Succeeded,
                    Some(CallOutcome::Failed { kind, message, retryable }) => AttemptState::Failed {
                        kind: kind.clone(),
                        message: message.clone(),
                        retryable: *retryable,
                    },
                },
            })
            .collect())
    }
}

/// The event of a settled call.
fn told(call: &MemoryCall, settlement: &CallSettlement) -> NewEvent {
    let ReservationRequest { attribution, model, .. } = &call.reservation;
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
