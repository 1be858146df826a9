//! Money is an integer number of nano-dollars, so that a sum of prices is exact.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Nano-dollars in one US dollar.
pub const NANO_PER_USD: u64 = 1_000_000_000;

/// A non-negative amount of US dollars, in nano-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// What `count` units cost at `price_nano_usd` each. Saturates rather than wraps: no budget covers the
    /// largest amount there is, while a wrapped one would look cheap. Sums saturate for the same reason.
    pub fn for_units(count: u64, price_nano_usd: u64) -> Self {
        Self(count.saturating_mul(price_nano_usd))
    }

    /// The difference, or zero where it would be negative.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This share of the amount, rounded down.
    #[must_use]
    pub fn percent(self, percent: u64) -> Self {
        Self((u128::from(self.0) * u128::from(percent) / 100).min(u128::from(u64::MAX)) as u64)
    }
}

impl Add for NanoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for NanoUsd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for NanoUsd {
    /// Cents where the amount has nothing finer, otherwise as many digits as it needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / NANO_PER_USD, self.0 % NANO_PER_USD);
        let digits = format!("{fraction:09}");
        let digits = digits.trim_end_matches('0');
        write!(f, "${whole}.{digits:0<2}")
    }
}

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not an amount in US dollars: {reason}")]
pub struct InvalidAmount {
    /// What was given.
    pub value: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for NanoUsd {
    type Err = InvalidAmount;

    /// Reads `5`, `0.25` or `$1.50`: at most nine decimals, never negative.
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let fail = |reason| InvalidAmount { value: text.to_owned(), reason };
        let text = text.trim();
        let number = text.strip_prefix('$').unwrap_or(text);
        if number.starts_with('-') {
            return Err(fail("it must not be negative"));
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(fail("write it like 5 or 0.25"));
        }
        if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(fail("write it like 5 or 0.25"));
        }
        if fraction.len() > 9 {
            return Err(fail("it has more than nine decimals"));
        }
        let whole: u64 =
            if whole.is_empty() { Ok(0) } else { whole.parse() }.map_err(|_| fail("it is too large"))?;
        let fraction: u64 = format!("{fraction:0<9}").parse().map_err(|_| fail("write it like 5 or 0.25"))?;
        let amount = whole.checked_mul(NANO_PER_USD).and_then(|nano| nano.checked_add(fraction));
        amount.map(Self).ok_or_else(|| fail("it is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_exactly() {
        for (text, nano, shown) in [
            ("5", 5_000_000_000, "$5.00"),
            ("0.25", 250_000_000, "$0.25"),
            ("$1.5", 1_500_000_000, "$1.50"),
            (".000000001", 1, "$0.000000001"),
            ("0", 0, "$0.00"),
        ] {
            let amount: NanoUsd = text.parse().expect(text);
            assert_eq!((amount.0, amount.to_string().as_str()), (nano, shown));
        }
        for bad in [
            "",
            "-1",
            "$-1",
            "$$1",
            "+1",
            "1 0",
            "1,5",
            "1e3",
            "NaN",
            "0.0000000001",
            "99999999999999999999",
            "$",
            ".",
        ] {
            assert!(bad.parse::<NanoUsd>().is_err(), "{bad:?} was accepted");
        }
    }
    #[test]
    fn arithmetic_never_wraps() {
        let (most, one) = (NanoUsd(u64::MAX), NanoUsd(1));
        assert_eq!(most + one, most);
        assert_eq!([most, most, one].into_iter().sum::<NanoUsd>(), most);
        assert_eq!(one - most, NanoUsd::ZERO);
        assert_eq!(NanoUsd::for_units(u64::MAX, 2), most);
        assert_eq!(NanoUsd::for_units(3, 250), NanoUsd(750));
        for (amount, percent, share) in [(10, 80, 8), (199, 1, 1), (99, 1, 0), (u64::MAX, 100, u64::MAX)] {
            assert_eq!(NanoUsd(amount).percent(percent), NanoUsd(share));
        }
        assert_eq!(most.percent(200), most);
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for nano in [0, 1, 10, 999_999_999, NANO_PER_USD, 12_345_678_900, u64::MAX] {
            let amount = NanoUsd(nano);
            assert_eq!(amount.to_string().parse::<NanoUsd>().expect("is an amount"), amount);
        }
    }
}
