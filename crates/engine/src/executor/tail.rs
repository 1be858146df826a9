//! A run's last events, so that a worker's next task needs no read. They are kept as they are stored: an
//! event that is taken apart is ten times as large, and there are thousands of runs.

use crate::proto::history::{History, HistoryEvent};
use bytes::Bytes;
use prost::{Message, encoding};
use std::collections::VecDeque;

/// Events kept after they are durable.
const MOST_EVENTS: i64 = 64;
/// Bytes of events kept after they are durable.
const MOST_BYTES: usize = 16 * 1_024;

/// The events of one transition.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub first_event_id: i64,
    next_event_id: i64,
    /// As an encoded `History`.
    pub encoded: Bytes,
}

impl Batch {
    /// `None` if there are no events.
    pub(crate) fn of(events: Vec<HistoryEvent>) -> Option<Self> {
        let (first, last) = (events.first()?.event_id, events.last()?.event_id);
        Some(Self { first_event_id: first, next_event_id: last + 1, encoded: encode(events) })
    }

    /// The events of it that are in a range, encoded.
    fn part(&self, from: i64, until: i64) -> Bytes {
        if self.first_event_id >= from && self.next_event_id <= until {
            return self.encoded.clone();
        }
        let mut rest = &*self.encoded;
        let (mut begins, mut ends) = (0, 0);
        for event_id in self.first_event_id..self.next_event_id.min(until) {
            // A `History` is its events one after the other: a key of one byte, the length, the event.
            rest = &rest[1..];
            let length = encoding::decode_varint(&mut rest).expect("invariant: this process has encoded it");
            rest = &rest[length as usize..];
            ends = self.encoded.len() - rest.len();
            if event_id < from {
                begins = ends;
            }
        }
        self.encoded.slice(begins..ends)
    }
}

/// As an encoded `History`.
pub(super) fn encode(events: Vec<HistoryEvent>) -> Bytes {
    History { events }.encode_to_vec().into()
}

/// The events of a `History` that this process has encoded.
pub(super) fn decode(encoded: Bytes) -> Vec<HistoryEvent> {
    History::decode(encoded).expect("invariant: what this process has encoded decodes").events
}

/// The last events of a run, at least all that are not durable yet.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    batches: VecDeque<Batch>,
    bytes: usize,
}

impl Tail {
    /// Keeps new events at hand, and forgets old ones that are durable: those before `durable`.
    pub(super) fn remember(&mut self, batch: Option<Batch>, durable: i64) {
        if let Some(batch) = batch {
            self.bytes += batch.encoded.len();
            self.batches.push_back(batch);
        }
        while let (Some(oldest), Some(newest)) = (self.batches.front(), self.batches.back()) {
            let events = newest.next_event_id - oldest.first_event_id;
            let is_long = events > MOST_EVENTS || self.bytes > MOST_BYTES;
            if !is_long || oldest.next_event_id > durable {
                break;
            }
            self.bytes -= oldest.encoded.len();
            self.batches.pop_front();
        }
    }

    /// The part of a range of events that is here, as encoded `History` messages, and where it begins.
    pub(crate) fn encoded(&self, from: i64, until: i64) -> (i64, Vec<Bytes>) {
        let first = self.batches.front().map_or(until, |oldest| oldest.first_event_id);
        let begins = first.clamp(from, until.max(from));
        let batches = self.batches.iter().filter(|batch| batch.next_event_id > begins);
        let batches = batches.take_while(|batch| batch.first_event_id < until);
        (begins, batches.map(|batch| batch.part(begins, until)).collect())
    }

    /// The part of a range of events that is here, and where it begins.
    pub(crate) fn from(&self, from: i64, until: i64) -> (i64, Vec<HistoryEvent>) {
        let (begins, encoded) = self.encoded(from, until);
        (begins, encoded.into_iter().flat_map(decode).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(ids: std::ops::Range<i64>, identity: &str) -> Option<Batch> {
        let event = |event_id| HistoryEvent { event_id, ..HistoryEvent::default() };
        let mut events: Vec<_> = ids.map(event).collect();
        if let Some(last) = events.last_mut() {
            last.user_metadata = Some(crate::proto::sdk::UserMetadata {
                summary: Some(crate::proto::common::Payload { data: identity.into(), ..Default::default() }),
                details: None,
            });
        }
        Batch::of(events)
    }

    fn ids(tail: &Tail, from: i64, until: i64) -> (i64, Vec<i64>) {
        let (begins, events) = tail.from(from, until);
        (begins, events.iter().map(|event| event.event_id).collect())
    }

    #[test]
    fn a_range_is_what_is_here_of_it() {
        let mut tail = Tail::default();
        assert_eq!(ids(&tail, 1, 4), (4, vec![]), "nothing is here");
        tail.remember(batch(3..5, ""), 0);
        tail.remember(None, 0);
        tail.remember(batch(5..8, ""), 0);
        assert_eq!(ids(&tail, 1, 8), (3, vec![3, 4, 5, 6, 7]));
        assert_eq!(ids(&tail, 4, 6), (4, vec![4, 5]));
        assert_eq!(ids(&tail, 6, 7), (6, vec![6]));
        assert_eq!(ids(&tail, 1, 2), (2, vec![]), "all of it is in storage");
        assert_eq!(ids(&tail, 8, 8), (8, vec![]));
    }

    #[test]
    fn old_events_are_forgotten_when_they_are_durable() {
        let mut tail = Tail::default();
        for id in 1..=100 {
            tail.remember(batch(id..id + 1, ""), 0);
        }
        assert_eq!(ids(&tail, 1, 101).0, 1, "they are nowhere else");
        tail.remember(None, 21);
        assert_eq!(ids(&tail, 1, 101).0, 21);
        tail.remember(None, 101);
        assert_eq!(ids(&tail, 1, 101).0, 101 - MOST_EVENTS);
    }

    #[test]
    fn large_events_are_forgotten_sooner() {
        let mut tail = Tail::default();
        let large = "x".repeat(MOST_BYTES / 2);
        for id in 1..=4 {
            tail.remember(batch(id..id + 1, &large), 5);
        }
        assert_eq!(ids(&tail, 1, 5), (4, vec![4]));
    }
}
