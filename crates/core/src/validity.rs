//! How long an approval can be decided before it has to be asked again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::approval::ApprovalKind;
use crate::time::Timestamp;

/// How long an approval stays valid: a time such as `7 days`, or `never`, which means that none expires.
///
/// What a person was shown grows old: a week later the code, the prices or their wishes may be others. So what was not
/// decided in time is no longer decidable; it is refused, or asked anew with what is true then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity(Option<Duration>);

/// The units a validity is written in, the longest first, in seconds.
const UNITS: [(&str, u64); 5] =
    [("week", 7 * 86_400), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];

/// The longest validity: a year. Beyond it, `never` is what is meant.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// What is written is not a validity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not how long an approval is valid: write it like `7 days` or `12 hours`, at most a year, or `never`"
)]
pub struct InvalidValidity(String);

impl Validity {
    /// Nothing expires.
    pub const NEVER: Self = Self(None);

    /// Valid for this long.
    pub const fn of(duration: Duration) -> Self {
        Self(Some(duration))
    }

    /// When an approval of this kind that is asked now stops being decidable; `None` where it never does.
    ///
    /// A budget, a call that may have happened, and work that is stuck have no answer that may be assumed: silence
    /// must not spend money, repeat an effect, take for done what was not, or give work up. They wait for as long as
    /// it takes.
    pub fn expires_at(self, kind: ApprovalKind, now: Timestamp) -> Option<Timestamp> {
        match kind {
            ApprovalKind::Checkpoint | ApprovalKind::ToolCall | ApprovalKind::Question => {
                self.0.map(|duration| now.plus(duration))
            }
            ApprovalKind::Budget | ApprovalKind::UnknownEffect | ApprovalKind::Escalation => None,
        }
    }
}

impl Default for Validity {
    /// A week: long enough for a holiday weekend, short enough that what is shown is still what is meant.
    fn default() -> Self {
        Self::of(Duration::from_hours(7 * 24))
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(duration) = self.0 else { return f.write_str("never") };
        let seconds = duration.as_secs();
        // Weeks are read, and not written: `7 days` is how people say it.
        let (unit, length) =
            UNITS.into_iter().skip(1).find(|(_, length)| seconds.is_multiple_of(*length)).unwrap_or(UNITS[4]);
        let count = seconds / length;
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

impl FromStr for Validity {
    type Err = InvalidValidity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidValidity(text.to_owned());
        let plain = text.trim().to_lowercase();
        if plain == "never" {
            return Ok(Self::NEVER);
        }
        let digits = plain.find(|c: char| !c.is_ascii_digit()).unwrap_or(plain.len());
        let (count, unit) = plain.split_at(digits);
        let count: u64 = count.parse().map_err(|_| invalid())?;
        let unit = unit.trim();
        let known = |name: &str| unit == name || unit.strip_suffix('s') == Some(name);
        let (_, length) = UNITS.into_iter().find(|(name, _)| known(name)).ok_or_else(invalid)?;
        let duration = Duration::from_secs(count.checked_mul(length).ok_or_else(invalid)?);
        if duration.is_zero() || duration > LONGEST {
            return Err(invalid());
        }
        Ok(Self::of(duration))
    }
}

impl Serialize for Validity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Validity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_people_say_it() {
        for (text, read) in [
            ("7 days", Ok("7 days")),
            ("1 week", Ok("7 days")),
            ("36 hours", Ok("36 hours")),
            ("48hours", Ok("2 days")),
            ("90 minutes", Ok("90 minutes")),
            (" 1 Second ", Ok("1 second")),
            ("366 days", Ok("366 days")),
            ("never", Ok("never")),
            ("0 days", Err(())),
            ("367 days", Err(())),
            ("18446744073709551615 weeks", Err(())),
            ("7", Err(())),
            ("days", Err(())),
            ("-1 day", Err(())),
            ("7 d", Err(())),
            ("", Err(())),
        ] {
            let found = text.parse::<Validity>().map(|validity| validity.to_string()).map_err(|_| ());
            assert_eq!(found, read.map(str::to_owned), "{text}");
        }
        assert_eq!(Validity::default().to_string(), "7 days");
    }

    #[test]
    fn what_spends_repeats_or_gives_up_never_expires() {
        use ApprovalKind as K;
        let now = Timestamp(1_000);
        let short = Validity::of(Duration::from_secs(2));
        for (kind, expires) in [
            (K::Checkpoint, Some(3_000)),
            (K::ToolCall, Some(3_000)),
            (K::Question, Some(3_000)),
            (K::Budget, None),
            (K::UnknownEffect, None),
            (K::Escalation, None),
        ] {
            assert_eq!(short.expires_at(kind, now), expires.map(Timestamp), "{kind:?}");
            assert_eq!(Validity::NEVER.expires_at(kind, now), None);
        }
    }
}
