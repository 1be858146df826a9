//! Points in time and spans as the kernel counts them: whole nanoseconds.

use prost_wkt_types as wkt;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Nanoseconds since the Unix epoch. Zero means "not set", as in the protocol's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// No point in time.
    pub const NONE: Self = Self(0);

    /// Whether this is a point in time at all.
    pub fn is_set(self) -> bool {
        self.0 != 0
    }

    /// This instant moved by a span of nanoseconds, saturating.
    #[must_use]
    pub fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// This instant `nanos` later, or [`Timestamp::NONE`] where the span is not set.
    #[must_use]
    pub fn plus_if_set(self, nanos: i64) -> Self {
        if nanos > 0 { self.plus(nanos) } else { Self::NONE }
    }

    /// Nanoseconds from `earlier` to this instant, never negative.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// The protocol's form; `None` where not set.
    pub fn to_proto(self) -> Option<wkt::Timestamp> {
        self.is_set().then(|| wkt::Timestamp {
            seconds: self.0.div_euclid(NANOS_PER_SECOND),
            nanos: self.0.rem_euclid(NANOS_PER_SECOND) as i32,
        })
    }

    /// From the protocol's form; `None` becomes [`Timestamp::NONE`].
    pub fn from_proto(value: Option<&wkt::Timestamp>) -> Self {
        value.map_or(Self::NONE, |t| {
            Self(t.seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(i64::from(t.nanos)))
        })
    }

    /// The earlier of two instants, where one that is not set never wins.
    #[must_use]
    pub fn earliest(self, other: Self) -> Self {
        match (self.is_set(), other.is_set()) {
            (true, true) => self.min(other),
            (true, false) => self,
            (false, _) => other,
        }
    }
}

/// A span in nanoseconds from the protocol's form; absent and negative spans are zero.
pub(crate) fn span(value: Option<&wkt::Duration>) -> i64 {
    value.map_or(0, |d| d.seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(i64::from(d.nanos)).max(0))
}

/// A span in the protocol's form, also when it is zero.
#[expect(clippy::unnecessary_wraps, reason = "every field it fills is optional in the protocol")]
pub(crate) fn span_to_proto(nanos: i64) -> Option<wkt::Duration> {
    Some(wkt::Duration { seconds: nanos / NANOS_PER_SECOND, nanos: (nanos % NANOS_PER_SECOND) as i32 })
}

/// The smaller of two spans, where zero means unlimited.
pub(crate) fn shorter(left: i64, right: i64) -> i64 {
    match (left, right) {
        (0, other) | (other, 0) => other,
        (left, right) => left.min(right),
    }
}

pub(crate) const MILLISECOND: i64 = 1_000_000;
pub(crate) const SECOND: i64 = NANOS_PER_SECOND;
