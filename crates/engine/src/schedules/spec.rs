//! When a schedule acts: intervals and calendars, less exclusions, within a span of time, with jitter.

use crate::calendar::{Days, Field, Matcher, Ranges, canonical_cron, zone};
use crate::kernel::Timestamp;
use crate::kernel::time::{MILLISECOND, SECOND, span, span_to_proto};
use crate::proto::schedule;
use schedule::{CalendarSpec, IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec};

/// Times looked at in search of one that is not excluded.
const MOST_EXCLUDED: usize = 100_000;

/// A schedule's spec, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    calendars: Vec<Matcher>,
    excluded: Vec<Matcher>,
    /// Interval and phase, seconds.
    intervals: Vec<(i64, i64)>,
    start: Timestamp,
    end: Timestamp,
    /// Nanoseconds.
    jitter: i64,
}

/// A time of a schedule: what it is for, and when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    pub nominal: Timestamp,
    pub actual: Timestamp,
}

impl Spec {
    /// Reads a spec, or says what is wrong with it. Returns it also in canonical form: calendars and cron
    /// strings as structured calendars and intervals.
    pub(crate) fn parse(spec: &ScheduleSpec) -> Result<(Self, ScheduleSpec), String> {
        let spec = canonical(spec)?;
        let zone = zone(&spec.timezone_name)?;
        let matchers = |calendars: &[StructuredCalendarSpec]| {
            calendars.iter().map(|calendar| matcher(calendar, zone.clone())).collect::<Result<Vec<_>, _>>()
        };
        let compiled = Self {
            calendars: matchers(&spec.structured_calendar)?,
            excluded: matchers(&spec.exclude_structured_calendar)?,
            intervals: spec.interval.iter().map(interval).collect::<Result<_, _>>()?,
            start: Timestamp::from_proto(spec.start_time.as_ref()),
            end: Timestamp::from_proto(spec.end_time.as_ref()),
            jitter: span(spec.jitter.as_ref()),
        };
        Ok((compiled, spec))
    }

    /// The first occurrence after this time.
    pub(crate) fn next(&self, seed: &str, after: Timestamp) -> Option<Occurrence> {
        let mut after = after.max(self.start.plus(-SECOND)).0.div_euclid(SECOND);
        for _ in 0..MOST_EXCLUDED {
            let nominal = self.raw_next(after)?;
            if self.end.is_set() && nominal.saturating_mul(SECOND) > self.end.0 {
                return None;
            }
            if !self.excluded.iter().any(|calendar| calendar.matches(nominal)) {
                // Jitter never moves a time past the one that follows it.
                let room = self.raw_next(nominal).map_or(i64::MAX, |next| (next - nominal) * SECOND);
                let jitter = jitter(seed, nominal, self.jitter.min(room));
                let nominal = Timestamp(nominal * SECOND);
                return Some(Occurrence { nominal, actual: nominal.plus(jitter) });
            }
            after = nominal;
        }
        None
    }

    fn raw_next(&self, after: i64) -> Option<i64> {
        let calendars = self.calendars.iter().filter_map(|calendar| calendar.next(after));
        let intervals = self
            .intervals
            .iter()
            .map(|(interval, phase)| ((after - phase).div_euclid(*interval) + 1) * interval + phase);
        calendars.chain(intervals).min()
    }
}

/// A part of `most` nanoseconds in whole milliseconds that follows from the seed and the time alone
/// (FNV-1a, then the finaliser of splitmix64).
fn jitter(seed: &str, nominal: i64, most: i64) -> i64 {
    let bytes = nominal.to_be_bytes().into_iter().chain(seed.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let most_ms = (most / MILLISECOND).max(0) as u64;
    let part = (u128::from(mixed ^ (mixed >> 31)) * u128::from(most_ms)) >> 64;
    part as i64 * MILLISECOND
}

fn interval(spec: &IntervalSpec) -> Result<(i64, i64), String> {
    let (interval, phase) = (span(spec.interval.as_ref()), span(spec.phase.as_ref()));
    if interval < SECOND {
        return Err("interval is too small".into());
    }
    if phase >= interval {
        return Err("phase cannot be greater than or equal to interval".into());
    }
    Ok((interval / SECOND, phase / SECOND))
}

fn fields(calendar: &StructuredCalendarSpec) -> [(Field, &[Range]); 7] {
    [
        (Field::Second, calendar.second.as_slice()),
        (Field::Minute, &calendar.minute),
        (Field::Hour, &calendar.hour),
        (Field::DayOfMonth, &calendar.day_of_month),
        (Field::Month, &calendar.month),
        (Field::Year, &calendar.year),
        (Field::DayOfWeek, &calendar.day_of_week),
    ]
}

fn matcher(calendar: &StructuredCalendarSpec, zone: jiff::tz::TimeZone) -> Result<Matcher, String> {
    let mut parsed = Vec::new();
    for (field, ranges) in fields(calendar) {
        let (min, max) = field.bounds();
        let mut values = Ranges::new();
        for range in ranges {
            let bad = |what: &str| format!("invalid calendar spec: {} {what} [{min}-{max}]", field.name());
            if !(min..=max).contains(&range.start) {
                return Err(bad("Start is not in range"));
            }
            if range.end != 0 && (range.end < range.start || range.end > max) {
                return Err(bad("End is before Start or not in range"));
            }
            if range.step < 0 {
                return Err(format!("invalid calendar spec: {} has invalid Step", field.name()));
            }
            values.push((range.start, range.end.max(range.start), range.step.max(1)));
        }
        parsed.push((field, values));
    }
    Ok(Matcher::new(&parsed, Days::Both, zone))
}

fn structured(spec: &CalendarSpec) -> Result<StructuredCalendarSpec, String> {
    let parse = |field: Field, text: &str, default: &str| {
        let text = if text.trim().is_empty() { default } else { text.trim() };
        if text == "*" && field == Field::Year {
            return Ok(Vec::new());
        }
        let range = |(start, end, step)| Range { start, end, step };
        Ok::<_, String>(field.parse(text)?.into_iter().map(range).collect())
    };
    Ok(StructuredCalendarSpec {
        second: parse(Field::Second, &spec.second, "0")?,
        minute: parse(Field::Minute, &spec.minute, "0")?,
        hour: parse(Field::Hour, &spec.hour, "0")?,
        day_of_month: parse(Field::DayOfMonth, &spec.day_of_month, "*")?,
        month: parse(Field::Month, &spec.month, "*")?,
        year: parse(Field::Year, &spec.year, "*")?,
        day_of_week: parse(Field::DayOfWeek, &spec.day_of_week, "*")?,
        comment: spec.comment.clone(),
    })
}

fn canonical(spec: &ScheduleSpec) -> Result<ScheduleSpec, String> {
    let mut out = spec.clone();
    if !out.timezone_data.is_empty() {
        return Err("time zone data is not taken by this server; name the time zone".into());
    }
    for calendar in std::mem::take(&mut out.calendar) {
        out.structured_calendar.push(structured(&calendar)?);
    }
    for calendar in std::mem::take(&mut out.exclude_calendar) {
        out.exclude_structured_calendar.push(structured(&calendar)?);
    }
    let mut cron_zone: Option<String> = None;
    for cron in std::mem::take(&mut out.cron_string) {
        let parts = canonical_cron(&cron)?;
        if cron_zone.as_ref().is_some_and(|zone| *zone != parts.zone) {
            return Err("conflicting timezone names".into());
        }
        if let Some((interval, phase)) = parts.every {
            out.interval
                .push(IntervalSpec { interval: span_to_proto(interval), phase: span_to_proto(phase) });
        } else {
            let [second, minute, hour, day_of_month, month, day_of_week, year] = parts.fields;
            let comment = parts.comment;
            let calendar =
                CalendarSpec { second, minute, hour, day_of_month, month, year, day_of_week, comment };
            out.structured_calendar.push(structured(&calendar)?);
        }
        cron_zone = Some(parts.zone);
    }
    if let Some(zone) = cron_zone.filter(|zone| !zone.is_empty()) {
        if !out.timezone_name.is_empty() && out.timezone_name != zone {
            return Err("conflicting timezone names".into());
        }
        out.timezone_name = zone;
    }
    let calendars = out.structured_calendar.iter_mut().chain(&mut out.exclude_structured_calendar);
    for calendar in calendars {
        let lists = [
            &mut calendar.second,
            &mut calendar.minute,
            &mut calendar.hour,
            &mut calendar.day_of_month,
            &mut calendar.month,
            &mut calendar.year,
            &mut calendar.day_of_week,
        ];
        for range in lists.into_iter().flatten() {
            if range.end == 0 {
                range.end = range.start;
            }
            if range.step == 0 {
                range.step = 1;
            }
        }
    }
    Ok(out)
}
