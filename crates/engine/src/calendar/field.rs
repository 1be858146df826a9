//! One field of a calendar: `*`, `5`, `1-5`, `*/15`, `3/5`, `mon-fri`, and lists of these.

use super::{FIRST_YEAR, LAST_YEAR};

/// Which field, and so which values it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
}

/// Values `start`, `start + step`, … up to `end`.
pub(crate) type Ranges = Vec<(i32, i32, i32)>;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

impl Field {
    pub(crate) fn bounds(self) -> (i32, i32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 6),
            Self::Year => (FIRST_YEAR, i32::from(LAST_YEAR)),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Second => "Second",
            Self::Minute => "Minute",
            Self::Hour => "Hour",
            Self::DayOfMonth => "DayOfMonth",
            Self::Month => "Month",
            Self::DayOfWeek => "DayOfWeek",
            Self::Year => "Year",
        }
    }

    /// Reads a field. Sunday may be written as 7.
    pub(crate) fn parse(self, text: &str) -> Result<Ranges, String> {
        let mut ranges = Vec::new();
        for part in text.trim().split(',') {
            self.parse_part(part, &mut ranges)?;
        }
        Ok(ranges)
    }

    fn parse_part(self, part: &str, out: &mut Ranges) -> Result<(), String> {
        let name = self.name();
        let (min, max) = self.bounds();
        let max = if self == Self::DayOfWeek { 7 } else { max };
        let (values, step) = match part.split_once('/') {
            None => (part, None),
            Some((_, step)) if step.contains('/') => return Err(format!("{name} has too many slashes")),
            Some((values, step)) => {
                let step = step.parse::<i32>().ok().filter(|step| *step >= 1);
                (values, Some(step.ok_or_else(|| format!("{name} has invalid Step"))?))
            }
        };
        let outside = || format!("{name} is not in range [{min}-{max}]");
        let within = |value: i32| (min..=max).contains(&value).then_some(value).ok_or_else(outside);
        let (start, mut end) = if matches!(values, "*" | "?") {
            (min, max)
        } else if let Some((from, to)) = values.split_once('-') {
            if to.contains('-') {
                return Err(format!("{name} has too many dashes"));
            }
            let from = within(self.value(from).ok_or_else(outside)?)?;
            let to = within(self.value(to).ok_or_else(outside)?)?;
            if to < from {
                return Err(format!("{name} End is before Start or not in range [{min}-{max}]"));
            }
            (from, to)
        } else {
            let value = within(self.value(values).ok_or_else(outside)?)?;
            (value, if step.is_some() { max } else { value })
        };
        let step = step.unwrap_or(1);
        if self == Self::DayOfWeek && end == 7 {
            // 7 is Sunday again: day 0, in a range of its own unless it is covered already.
            if (7 - start) % step == 0 && (step > 1 || start > 1) {
                out.push((0, 0, 1));
                if start == 7 {
                    return Ok(());
                }
            }
            end = 6;
        }
        out.push((start, end, step));
        Ok(())
    }

    fn value(self, text: &str) -> Option<i32> {
        let position = |names: &[&str], shortest: usize| {
            let text = text.to_ascii_lowercase();
            names.iter().position(|name| text.len() >= shortest && name.starts_with(&text))
        };
        let named = match self {
            Self::Month => position(&MONTHS, 3).map(|index| index + 1),
            Self::DayOfWeek => position(&DAYS, 2),
            _ => None,
        };
        named.map(|value| value as i32).or_else(|| text.parse().ok())
    }
}
