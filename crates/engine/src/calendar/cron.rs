//! Cron strings: five fields, `@hourly` and its like, `@every 90m`, with `CRON_TZ=Zone` before them.

use super::{Days, Field, Matcher, zone};

/// Years ahead within which a cron string has to match, or it never does.
const YEARS_AHEAD: i64 = 5;
const SECONDS_A_YEAR: i64 = 366 * 24 * 3_600;

/// The cron schedule of a workflow, as the cron library of the protocol's reference server reads it.
#[derive(Clone, Debug)]
pub(crate) enum Cron {
    Calendar(Box<Matcher>),
    /// Seconds.
    Every(i64),
}

/// Splits off `TZ=Zone ` or `CRON_TZ=Zone `.
fn split_zone(text: &str) -> Result<(&str, &str), String> {
    let text = text.trim();
    let Some(rest) = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) else {
        return Ok(("", text));
    };
    rest.split_once(' ')
        .map(|(zone, fields)| (zone, fields.trim()))
        .ok_or_else(|| "CronString has time zone but missing fields".to_owned())
}

/// The five fields that a name like `@hourly` stands for; other text as it is.
fn expand(text: &str) -> &str {
    match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    }
}

impl Cron {
    /// Reads a cron string, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (zone_name, text) = split_zone(text)?;
        let zone = zone(zone_name)?;
        if let Some(span) = text.strip_prefix("@every ") {
            let nanos = parse_span(span)?;
            return Ok(Self::Every((nanos / 1_000_000_000).max(1)));
        }
        let fields: Vec<&str> = expand(text).split_whitespace().collect();
        let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
            return Err(format!("expected 5 fields, found {}", fields.len()));
        };
        let starred = |field: &str| field.split(',').any(|part| matches!(part, "*" | "?" | "*/1" | "?/1"));
        let days = if starred(day_of_month) || starred(day_of_week) { Days::Both } else { Days::Either };
        let parsed = [
            (Field::Second, vec![(0, 0, 1)]),
            (Field::Minute, Field::Minute.parse(minute)?),
            (Field::Hour, Field::Hour.parse(hour)?),
            (Field::DayOfMonth, Field::DayOfMonth.parse(day_of_month)?),
            (Field::Month, Field::Month.parse(month)?),
            (Field::DayOfWeek, Field::DayOfWeek.parse(day_of_week)?),
        ];
        Ok(Self::Calendar(Box::new(Matcher::new(&parsed, days, zone))))
    }

    /// The first time after this one, both in seconds since the epoch; none if there is none for years.
    pub(crate) fn next(&self, after: i64) -> Option<i64> {
        match self {
            Self::Every(seconds) => after.checked_add(*seconds),
            Self::Calendar(matcher) => {
                matcher.next(after).filter(|next| next - after <= YEARS_AHEAD * SECONDS_A_YEAR)
            }
        }
    }
}

/// The parts of a schedule's cron string, which may have 5 to 7 fields and a comment.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct CronParts {
    pub zone: String,
    pub comment: String,
    /// Interval and phase, nanoseconds; instead of fields.
    pub every: Option<(i64, i64)>,
    /// second, minute, hour, day of month, month, day of week, year; empty where the default holds.
    pub fields: [String; 7],
}

/// Takes a schedule's cron string apart.
pub(crate) fn canonical_cron(text: &str) -> Result<CronParts, String> {
    let (zone, text) = split_zone(text)?;
    let (text, comment) = text.split_once('#').unwrap_or((text, ""));
    let mut parts =
        CronParts { zone: zone.to_owned(), comment: comment.trim().to_owned(), ..CronParts::default() };
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("@every") {
        let (interval, phase) = rest.trim().split_once('/').unwrap_or((rest.trim(), ""));
        let phase = if phase.is_empty() { 0 } else { parse_span(phase)? };
        parts.every = Some((parse_span(interval)?, phase));
        return Ok(parts);
    }
    let fields: Vec<&str> = expand(text).split_whitespace().collect();
    let at = match fields.len() {
        5 | 6 => 1,
        7 => 0,
        _ => return Err("CronString does not have 5-7 fields".into()),
    };
    for (index, field) in fields.into_iter().enumerate() {
        field.clone_into(&mut parts.fields[at + index]);
    }
    Ok(parts)
}

/// A span like `1h30m`, `1.5h`, `90s`, `2d`; nanoseconds.
pub(crate) fn parse_span(text: &str) -> Result<i64, String> {
    let bad = || format!("invalid duration {text:?}");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(bad)?;
        let amount: f64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |length| digits + length);
        let nanos = match &rest[digits..unit_end] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            "d" => 8.64e13,
            _ => return Err(bad()),
        };
        total += amount * nanos;
        rest = &rest[unit_end..];
    }
    if total > i64::MAX as f64 { Err(bad()) } else { Ok(total as i64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn next(cron: &str, after: &str, times: usize) -> String {
        let cron = Cron::parse(cron).expect("it reads");
        let mut at = after.parse::<Timestamp>().expect("a time").as_second();
        let mut out = Vec::new();
        for _ in 0..times {
            let Some(next) = cron.next(at) else { break };
            at = next;
            out.push(Timestamp::from_second(at).expect("in range").to_string());
        }
        out.join(" ")
    }

    #[test]
    fn the_next_times() {
        let table = [
            ("*/15 * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:15:00Z 2026-01-01T00:30:00Z"),
            ("0 0 * * *", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z 2027-01-02T00:00:00Z"),
            ("@hourly", "2026-01-01T00:00:01Z", "2026-01-01T01:00:00Z 2026-01-01T02:00:00Z"),
            ("@every 90s", "2026-01-01T00:00:01Z", "2026-01-01T00:01:31Z 2026-01-01T00:03:01Z"),
            // Both days restricted: either will do.
            ("0 0 13 * fri", "2026-02-12T12:00:00Z", "2026-02-13T00:00:00Z 2026-02-20T00:00:00Z"),
            ("0 12 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T12:00:00Z"),
            ("0 9-17/4 * jan-MAR 1-5", "2026-03-31T17:00:00Z", "2027-01-01T09:00:00Z 2027-01-01T13:00:00Z"),
            ("0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z 2026-01-11T00:00:00Z"),
            ("0 0 30 2 *", "2026-01-01T00:00:00Z", ""),
            // Clocks go forward at 2:00 on March 8, 2026 and back at 2:00 on November 1.
            (
                "CRON_TZ=America/New_York 30 2 * * *",
                "2026-03-07T12:00:00Z",
                "2026-03-09T06:30:00Z 2026-03-10T06:30:00Z",
            ),
            (
                "TZ=America/New_York 30 1 * * *",
                "2026-10-31T12:00:00Z",
                "2026-11-01T05:30:00Z 2026-11-01T06:30:00Z",
            ),
            (
                "CRON_TZ=Asia/Tokyo 0 9 * * *",
                "2026-01-01T00:00:00Z",
                "2026-01-02T00:00:00Z 2026-01-03T00:00:00Z",
            ),
        ];
        for (cron, after, expected) in table {
            assert_eq!(next(cron, after, expected.split_whitespace().count().max(1)), expected, "{cron}");
        }
    }

    #[test]
    fn what_does_not_read() {
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "CRON_TZ=Nowhere/At_All * * * * *",
            "TZ=UTC",
            "@every",
            "@every soon",
            "@sometimes",
            "a * * * *",
        ] {
            assert!(Cron::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans() {
        assert_eq!(parse_span("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(parse_span("1.5s"), Ok(1_500_000_000));
        assert_eq!(parse_span("2d"), Ok(172_800_000_000_000));
        assert!(parse_span("7").is_err());
    }
}
