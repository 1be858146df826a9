//! What signals leave behind in a workflow's state. The three workflows share it.

use std::collections::{BTreeMap, BTreeSet};

use syndarix_core::id::{ApprovalId, MessageId};
use syndarix_core::project::Phase;

use crate::types::{DecisionSignal, MessageSignal, ProjectStatus};

/// The signals a workflow has received, and what it waits for.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    decisions: BTreeMap<ApprovalId, DecisionSignal>,
    waiting_for: BTreeSet<ApprovalId>,
    heard: u32,
    /// How often something was heard about a question.
    news: BTreeMap<MessageId, u32>,
    pub(crate) phase: Option<Phase>,
}

impl Inbox {
    /// Keeps the first decision about an approval; a signal delivered twice changes nothing.
    pub(crate) fn decide(&mut self, decision: DecisionSignal) {
        self.waiting_for.remove(&decision.approval);
        self.decisions.entry(decision.approval.clone()).or_insert(decision);
    }

    pub(crate) fn hear(&mut self) {
        self.heard = self.heard.saturating_add(1);
    }

    pub(crate) fn deliver(&mut self, signal: MessageSignal) {
        self.hear();
        *self.news.entry(signal.message).or_default() += 1;
    }

    /// How often something was heard about a question.
    pub(crate) fn news_of(&self, question: &MessageId) -> u32 {
        self.news.get(question).copied().unwrap_or_default()
    }

    pub(crate) fn wait_for<'a>(&mut self, approvals: impl IntoIterator<Item = &'a ApprovalId>) {
        let open = approvals.into_iter().filter(|id| !self.decisions.contains_key(id));
        self.waiting_for.extend(open.cloned());
    }

    pub(crate) fn decided(&self, approval: &ApprovalId) -> bool {
        self.decisions.contains_key(approval)
    }

    pub(crate) fn decision(&self, approval: &ApprovalId) -> Option<DecisionSignal> {
        self.decisions.get(approval).cloned()
    }

    pub(crate) fn status(&self) -> ProjectStatus {
        ProjectStatus {
            phase: self.phase,
            waiting_for: self.waiting_for.iter().cloned().collect(),
            heard: self.heard,
            decisions: BTreeMap::new(),
        }
    }

    pub(crate) fn state(&self) -> ProjectStatus {
        let decisions = self.decisions.iter().map(|(id, decision)| (id.clone(), decision.state)).collect();
        ProjectStatus { decisions, ..self.status() }
    }
}

#[cfg(test)]
mod tests {
    use syndarix_core::approval::ApprovalState;

    use super::*;

    fn decision(approval: &str, state: ApprovalState) -> DecisionSignal {
        DecisionSignal { approval: approval.parse().expect("an id"), state, comment: None }
    }

    #[test]
    fn the_first_decision_counts_and_what_is_decided_is_not_waited_for() {
        let (first, second): (ApprovalId, ApprovalId) = ("p/A-1".parse().unwrap(), "p/A-2".parse().unwrap());
        let mut inbox = Inbox::default();
        // A decision can arrive before the workflow gets round to waiting for it.
        inbox.decide(decision("p/A-1", ApprovalState::Approved));
        inbox.wait_for(&[first.clone(), second.clone()]);
        assert_eq!(inbox.status().waiting_for, std::slice::from_ref(&second));
        assert!(inbox.decided(&first) && !inbox.decided(&second));

        inbox.decide(decision("p/A-1", ApprovalState::Rejected));
        inbox.decide(decision("p/A-2", ApprovalState::Expired));
        assert!(inbox.decided(&second));
        assert_eq!(inbox.decision(&first).map(|decision| decision.is_approved()), Some(true));
        let ended = BTreeMap::from([(first, ApprovalState::Approved), (second, ApprovalState::Expired)]);
        assert_eq!(inbox.state().decisions, ended);
        assert!(inbox.status().waiting_for.is_empty());
    }
}
