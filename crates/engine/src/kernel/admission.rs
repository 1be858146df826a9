//! Whether a workflow id may be used for a new run.

use super::state::RunCore;
use crate::proto::enums::{
    WorkflowExecutionStatus as Status, WorkflowIdConflictPolicy as Conflict, WorkflowIdReusePolicy as Reuse,
};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A new run starts.
    Create,
    /// The current run is terminated, then a new one starts.
    Replace,
    /// The current run is the answer: this very request made it.
    Duplicate,
    /// The current run is the answer, as the client asked.
    UseExisting,
    AlreadyStarted,
}

/// What a start with a signal does to a run that there is: it signals it, unless it is told otherwise.
pub(crate) fn with_signal(reuse: Reuse, conflict: Conflict) -> Conflict {
    match (conflict, reuse) {
        (Conflict::Unspecified, Reuse::TerminateIfRunning) => Conflict::TerminateExisting,
        (Conflict::Unspecified, _) => Conflict::UseExisting,
        (asked, _) => asked,
    }
}

/// Decides from the current run of the workflow id, if there ever was one.
pub(crate) fn admit(
    current: Option<&RunCore>,
    request_id: &str,
    reuse: Reuse,
    conflict: Conflict,
) -> Admission {
    let Some(current) = current else { return Admission::Create };
    if !request_id.is_empty() && current.create_request_id == request_id {
        return Admission::Duplicate;
    }
    if current.is_running() {
        return match (conflict, reuse) {
            (Conflict::UseExisting, _) => Admission::UseExisting,
            (Conflict::TerminateExisting, _) | (Conflict::Unspecified, Reuse::TerminateIfRunning) => {
                Admission::Replace
            }
            _ => Admission::AlreadyStarted,
        };
    }
    match reuse {
        Reuse::RejectDuplicate => Admission::AlreadyStarted,
        Reuse::AllowDuplicateFailedOnly if current.status == Status::Completed as i32 => {
            Admission::AlreadyStarted
        }
        _ => Admission::Create,
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Conflict, Reuse, RunCore, Status, admit, with_signal};

    #[test]
    fn a_start_with_a_signal_signals_what_runs_unless_told_otherwise() {
        let running = RunCore { status: Status::Running as i32, ..RunCore::default() };
        for (reuse, conflict, expected) in [
            (Reuse::AllowDuplicate, Conflict::Unspecified, Admission::UseExisting),
            (Reuse::RejectDuplicate, Conflict::Unspecified, Admission::UseExisting),
            (Reuse::TerminateIfRunning, Conflict::Unspecified, Admission::Replace),
            (Reuse::AllowDuplicate, Conflict::TerminateExisting, Admission::Replace),
        ] {
            let conflict = with_signal(reuse, conflict);
            assert_eq!(admit(Some(&running), "a request", reuse, conflict), expected, "{reuse:?}");
        }
    }
}
