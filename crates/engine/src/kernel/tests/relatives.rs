//! What a run leaves to the run after it, and to its children.

use super::*;
use crate::kernel::effects::{ChildStarted, Request, Transfer};
use crate::kernel::transfer;

/// What a worker's answer makes the run send.
fn sends(run: &mut Subject, commands: Vec<CommandAttributes>) -> Vec<Transfer> {
    let identity = run.task.clone().expect("a task was taken");
    run.tx(|tx| {
        commands::complete(tx, &identity, completion(commands)).expect("it is the task");
        tx.effects.transfers.clone()
    })
}

fn start_child(policy: enums::ParentClosePolicy) -> CommandAttributes {
    CommandAttributes::StartChildWorkflowExecutionCommandAttributes(
        command::StartChildWorkflowExecutionCommandAttributes {
            workflow_id: "child".into(),
            workflow_type: Some(common::WorkflowType { name: "Script".into() }),
            parent_close_policy: policy as i32,
            ..Default::default()
        },
    )
}

#[test]
fn a_run_that_continues_has_the_retry_policy_it_is_given() {
    let policy =
        |attempts| Some(common::RetryPolicy { maximum_attempts: attempts, ..common::RetryPolicy::default() });
    for given in [None, policy(5)] {
        let mut run = Subject::new();
        run.state.started.edit(&0).expect("it has started").retry_policy = policy(3);
        let identity = run.take().task.clone().expect("a task was taken");
        let command = CommandAttributes::ContinueAsNewWorkflowExecutionCommandAttributes(
            command::ContinueAsNewWorkflowExecutionCommandAttributes {
                retry_policy: given.clone(),
                ..Default::default()
            },
        );
        let next = run.tx(|tx| {
            commands::complete(tx, &identity, completion(vec![command])).expect("it is the task");
            tx.effects.successor.take().expect("it continues")
        });
        assert_eq!(next.state.started_attributes().retry_policy, given);
    }
}

#[test]
fn a_child_that_is_asked_to_cancel_by_policy_is_told_no_reason() {
    let mut run = Subject::new();
    run.take();
    let sent = sends(&mut run, vec![start_child(enums::ParentClosePolicy::RequestCancel)]);
    let report = ChildStarted { initiated_event_id: 5, run_id: "its run".into(), failed_cause: 0 };
    let report = sent[0].reply(Request::ChildStarted(report)).expect("the parent wants to know");
    run.tx(|tx| transfer::receive(tx, &report));
    run.take();
    let sent = sends(&mut run, vec![finish()]);
    let Some(Request::Cancel(cancel)) = &sent[0].request else { panic!("it is asked to cancel: {sent:?}") };
    assert_eq!(cancel.reason, "");
    assert_eq!(sent[0].source.as_ref().map(|source| source.initiated_event_id), Some(0));
}

#[test]
fn an_activity_names_its_queue() {
    let mut run = Subject::new();
    run.take();
    let CommandAttributes::ScheduleActivityTaskCommandAttributes(mut schedule) = run_activity("a") else {
        unreachable!("it schedules an activity");
    };
    schedule.task_queue = None;
    let command = CommandAttributes::ScheduleActivityTaskCommandAttributes(schedule);
    let Outcome::Failed(bad) = run.answer(vec![command]).expect("the task is known") else {
        panic!("nobody could ever take it");
    };
    assert_eq!(bad.cause, enums::WorkflowTaskFailedCause::BadScheduleActivityAttributes);
    assert!(run.state.activities.is_empty());
}
