//! When something recurs: calendars, cron strings and intervals. Pure: the time is an argument, and every
//! result is in whole seconds since the Unix epoch, the resolution of all of them.

mod cron;
mod field;
mod matcher;

pub(crate) use cron::{Cron, canonical_cron};
pub(crate) use field::{Field, Ranges};
pub(crate) use matcher::{Days, Matcher};

use jiff::tz::TimeZone;

/// The last year that recurrences are looked for in, as in the protocol's reference server.
pub(crate) const LAST_YEAR: i16 = 2100;
/// The first year a calendar may name.
pub(crate) const FIRST_YEAR: i32 = 2000;

/// A time zone by its IANA name; empty means UTC.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    if name.is_empty() {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))
}
