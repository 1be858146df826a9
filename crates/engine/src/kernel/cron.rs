//! Cron schedules of workflows: how long until the next run may begin.

use super::time::{SECOND, Timestamp};
use crate::calendar::Cron;

/// Says what is wrong with a cron schedule a client sent.
pub(crate) fn validate(schedule: &str, now: Timestamp) -> Result<(), String> {
    if schedule.is_empty() {
        return Ok(());
    }
    let cron = Cron::parse(schedule).map_err(|_| "invalid CronSchedule.".to_owned())?;
    if cron.next(now.0.div_euclid(SECOND)).is_none() {
        return Err("invalid CronSchedule, no time can be found to satisfy the schedule".into());
    }
    Ok(())
}

/// How long from `now` until the first time of the schedule after `scheduled`, the time the last run was
/// for, that has not passed yet; whole seconds, in nanoseconds. `None` if there is no schedule or no such
/// time. Times that passed while a run was on are skipped.
pub(crate) fn backoff(schedule: &str, scheduled: Timestamp, now: Timestamp) -> Option<i64> {
    if schedule.is_empty() {
        return None;
    }
    let cron = Cron::parse(schedule).ok()?;
    let next = if now < scheduled {
        scheduled.0
    } else {
        let after = scheduled.0.div_euclid(SECOND);
        let mut next = match &cron {
            // A short interval over a long absence is a division, not a loop.
            Cron::Every(seconds) => {
                let missed = (now.0.div_euclid(SECOND) - after) / seconds;
                after + (missed * seconds).max(*seconds)
            }
            Cron::Calendar(_) => cron.next(after.max(now.0.div_euclid(SECOND) - 1))?,
        };
        while next.saturating_mul(SECOND) < now.0 || next <= after {
            next = cron.next(next)?;
        }
        next.saturating_mul(SECOND)
    };
    let wait = next - now.0;
    Some((wait + SECOND - 1) / SECOND * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_the_next_run() {
        let at = |seconds: i64, nanos: i64| Timestamp(seconds * SECOND + nanos);
        let table = [
            // An hour's schedule, seen at the start of an hour, within it, and two hours late.
            ("@hourly", at(36_000, 0), at(36_000, 0), Some(3_600)),
            ("@hourly", at(36_000, 0), at(36_010, 5), Some(3_590)),
            ("@hourly", at(36_000, 0), at(36_000 + 2 * 3_600 + 60, 0), Some(3_540)),
            ("@every 10s", at(100, 0), at(103, 0), Some(7)),
            ("@every 10s", at(100, 0), at(1_000_003, 0), Some(7)),
            ("@every 10s", at(100, 0), at(110, 0), Some(10 - 10)),
            // The run ended before its time came (it was signalled early): it is still for that time.
            ("@hourly", at(39_600, 0), at(36_000, 0), Some(3_600)),
            ("", at(1, 0), at(1, 0), None),
            ("0 0 30 2 *", at(1, 0), at(1, 0), None),
        ];
        for (schedule, scheduled, now, expected) in table {
            let found = backoff(schedule, scheduled, now).map(|nanos| nanos / SECOND);
            assert_eq!(found, expected, "{schedule} from {scheduled:?} at {now:?}");
        }
    }
}
