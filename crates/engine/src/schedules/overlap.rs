//! What becomes of starts that wait, by what is running and the overlap policies.

use super::{ScheduleRecord, Start};
use crate::proto::enums::ScheduleOverlapPolicy as Policy;

/// What to do now.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Starts to make, and whether each may overlap with others.
    pub starts: Vec<(Start, bool)>,
    pub cancel: bool,
    pub terminate: bool,
}

/// Takes out of the buffer what is to be started now. What has to wait for a running workflow stays; what
/// the policies skip is counted.
pub(crate) fn plan(record: &mut ScheduleRecord) -> Plan {
    let is_running = record.running.iter().any(|running| !running.overlapping);
    let default = match record.policies().overlap_policy() {
        Policy::Unspecified => Policy::Skip,
        policy => policy,
    };
    let mut plan = Plan::default();
    let (mut alone, mut kept, mut skipped) = (None, Vec::new(), 0);
    for start in std::mem::take(&mut record.buffer) {
        let policy = match Policy::try_from(start.overlap_policy).unwrap_or_default() {
            Policy::Unspecified => default,
            policy => policy,
        };
        match policy {
            Policy::AllowAll => plan.starts.push((start, true)),
            _ if !is_running && alone.is_none() => alone = Some(start),
            Policy::BufferOne if kept.is_empty() => kept.push(start),
            Policy::BufferAll => kept.push(start),
            // Nothing runs yet: the later one takes the place of the one about to start.
            Policy::CancelOther | Policy::TerminateOther if !is_running => alone = Some(start),
            Policy::CancelOther => {
                plan.cancel = true;
                kept.push(start);
            }
            Policy::TerminateOther => {
                plan.terminate = true;
                kept.push(start);
            }
            Policy::BufferOne | Policy::Skip | Policy::Unspecified => skipped += 1,
        }
    }
    if plan.cancel || plan.terminate {
        plan.starts.clear();
    }
    plan.starts.extend(alone.map(|start| (start, false)));
    record.buffer = kept;
    record.info().overlap_skipped += skipped;
    plan.starts.retain(|(start, _)| take_action(record, start.manual));
    plan
}

/// Whether a start may be made, counting it against what the schedule may still do.
fn take_action(record: &mut ScheduleRecord, manual: bool) -> bool {
    if manual {
        return true;
    }
    let state = record.state();
    if state.paused {
        return false;
    }
    if state.limited_actions {
        if state.remaining_actions <= 0 {
            return false;
        }
        state.remaining_actions -= 1;
        record.version += 1;
    }
    true
}
