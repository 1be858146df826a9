//! Which seconds a calendar matches, in a time zone, and the next of them.

use super::{Field, LAST_YEAR, Ranges};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// How day of month and day of week combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Days {
    /// A day has to match both.
    Both,
    /// A day has to match either, as cron has it when both are restricted.
    Either,
}

/// A calendar, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    second: u64,
    minute: u64,
    hour: u64,
    day_of_month: u64,
    month: u64,
    day_of_week: u64,
    /// Empty: every year.
    years: Vec<i32>,
    days: Days,
    zone: TimeZone,
}

fn bits(ranges: &Ranges) -> u64 {
    values(ranges).fold(0, |bits, value| bits | 1 << value)
}

fn values(ranges: &Ranges) -> impl Iterator<Item = i32> {
    ranges
        .iter()
        .flat_map(|(start, end, step)| (*start..=(*end).max(*start)).step_by((*step).max(1) as usize))
}

fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

impl Matcher {
    /// A calendar of the given fields. Values must be within the fields' bounds. A field that is left out
    /// matches nothing, save for the year.
    pub(crate) fn new(fields: &[(Field, Ranges)], days: Days, zone: TimeZone) -> Self {
        let empty = Ranges::new();
        let of = |field: Field| {
            fields.iter().find(|(named, _)| *named == field).map_or(&empty, |(_, ranges)| ranges)
        };
        Self {
            second: bits(of(Field::Second)),
            minute: bits(of(Field::Minute)),
            hour: bits(of(Field::Hour)),
            day_of_month: bits(of(Field::DayOfMonth)),
            month: bits(of(Field::Month)),
            day_of_week: bits(of(Field::DayOfWeek)),
            years: values(of(Field::Year)).collect(),
            days,
            zone,
        }
    }

    fn at(&self, seconds: i64) -> Option<Zoned> {
        Some(Timestamp::from_second(seconds).ok()?.to_zoned(self.zone.clone()))
    }

    fn matches_month(&self, at: &Zoned) -> bool {
        has(self.month, at.month()) && (self.years.is_empty() || self.years.contains(&i32::from(at.year())))
    }

    fn matches_day(&self, at: &Zoned) -> bool {
        let of_month = has(self.day_of_month, at.day());
        let of_week = has(self.day_of_week, at.weekday().to_sunday_zero_offset());
        match self.days {
            Days::Both => of_month && of_week,
            Days::Either => of_month || of_week,
        }
    }

    /// Whether the calendar matches this second.
    pub(crate) fn matches(&self, seconds: i64) -> bool {
        self.at(seconds).is_some_and(|at| {
            self.matches_month(&at)
                && self.matches_day(&at)
                && has(self.hour, at.hour())
                && has(self.minute, at.minute())
                && has(self.second, at.second())
        })
    }

    /// The first matching second after this one. A local time that a change of the clocks skips never
    /// matches; one that it repeats matches twice.
    pub(crate) fn next(&self, after: i64) -> Option<i64> {
        let mut candidate = after.checked_add(1)?;
        loop {
            let at = self.at(candidate)?;
            if at.year() > LAST_YEAR {
                return None;
            }
            let (minute, second) = (i64::from(at.minute()), i64::from(at.second()));
            let next = if !self.matches_month(&at) {
                self.midnight(at.date().last_of_month().tomorrow().ok()?)?
            } else if !self.matches_day(&at) {
                self.midnight(at.date().tomorrow().ok()?)?
            } else if !has(self.hour, at.hour()) {
                candidate + 3_600 - minute * 60 - second
            } else if !has(self.minute, at.minute()) {
                candidate + 60 - second
            } else if !has(self.second, at.second()) {
                candidate + 1
            } else {
                return Some(candidate);
            };
            // Where midnight is skipped or repeated its instant may lie before the candidate.
            candidate = next.max(candidate + 1);
        }
    }

    fn midnight(&self, date: Date) -> Option<i64> {
        let midnight = date.to_datetime(Time::midnight());
        Some(self.zone.to_ambiguous_timestamp(midnight).compatible().ok()?.as_second())
    }
}
