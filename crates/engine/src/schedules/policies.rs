//! A schedule's policies, with what was left out.

use crate::kernel::time::{SECOND, span, span_to_proto};
use crate::proto::enums::ScheduleOverlapPolicy as Overlap;
use crate::proto::schedule::SchedulePolicies;

/// How late an occurrence may be taken up where the policies do not say, nanoseconds.
const DEFAULT_CATCHUP: i64 = 365 * 24 * 3_600 * SECOND;

/// The policies that hold where these were asked for. Clients are shown them, too.
pub(crate) fn completed(asked: Option<SchedulePolicies>) -> SchedulePolicies {
    let mut policies = asked.unwrap_or_default();
    if policies.overlap_policy() == Overlap::Unspecified {
        policies.set_overlap_policy(Overlap::Skip);
    }
    if span(policies.catchup_window.as_ref()) == 0 {
        policies.catchup_window = span_to_proto(DEFAULT_CATCHUP);
    }
    policies
}
