"""Histories: read whole, in pages and as they grow; reset, deleted, and replayed by changed code."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyType
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory, WorkflowHistoryEventFilterType
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner


@activity.defn
async def count(to: int) -> int:
    return to


@workflow.defn
class Journey:
    """A little of everything, so that its history has many kinds of events."""

    def __init__(self) -> None:
        self.signals: list[str] = []

    @workflow.run
    async def run(self, steps: int) -> list:
        total = 0
        for number in range(steps):
            total += await workflow.execute_activity(
                count, number, start_to_close_timeout=timedelta(seconds=30)
            )
            if number % 5 == 4:
                await workflow.sleep(0.01)
        await workflow.wait_condition(lambda: bool(self.signals))
        return [total, *self.signals]

    @workflow.signal
    async def go(self, word: str) -> None:
        self.signals.append(word)


@workflow.defn(name="Journey")
class OtherJourney:
    """What `Journey` never did."""

    @workflow.run
    async def run(self, steps: int) -> list:
        await workflow.sleep(60)
        return []

    @workflow.signal
    async def go(self, word: str) -> None:
        pass


@pytest.fixture
def travelled(start, eventually):
    """Starts a journey, and waits until nothing is left of it but the signal to go home."""

    async def travelled(steps: int):
        handle = await start(Journey.run, steps)

        async def waits():
            events = [event async for event in handle.fetch_history_events()]
            assert sum(event.HasField("activity_task_completed_event_attributes") for event in events) == steps
            assert events[-1].HasField("workflow_task_completed_event_attributes")

        await eventually(waits)
        return handle

    return travelled


async def finished(start, steps: int = 12):
    handle = await start(Journey.run, steps)
    await handle.signal(Journey.go, "home")
    assert await handle.result() == [sum(range(steps)), "home"]
    return handle


async def test_a_history_is_whole_and_without_gaps(workers, start):
    await workers.start(Journey, activities=[count])
    handle = await finished(start)
    events = [event async for event in handle.fetch_history_events(page_size=7)]
    assert [event.event_id for event in events] == list(range(1, len(events) + 1))
    assert events[0].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
    assert events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
    whole = [event async for event in handle.fetch_history_events()]
    assert events == whole


async def test_a_history_is_read_backwards(client, workers, start):
    await workers.start(Journey, activities=[count])
    handle = await finished(start)
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace="default",
        execution=WorkflowExecution(workflow_id=handle.id),
        maximum_page_size=10,
    )
    backwards = []
    while True:
        answer = await client.workflow_service.get_workflow_execution_history_reverse(request)
        backwards.extend(answer.history.events)
        if not answer.next_page_token:
            break
        request.next_page_token = answer.next_page_token
    forwards = [event async for event in handle.fetch_history_events()]
    assert backwards == forwards[::-1]


async def test_a_history_is_followed_while_it_grows(workers, start):
    await workers.start(Journey, activities=[count])
    handle = await start(Journey.run, 3)

    async def follow():
        return [event.event_id async for event in handle.fetch_history_events(wait_new_event=True)]

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.5)
    assert not following.done()
    await handle.signal(Journey.go, "home")
    seen = await asyncio.wait_for(following, 30)
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) == (await handle.describe()).history_length


async def test_only_the_end_is_waited_for(workers, start):
    await workers.start(Journey, activities=[count])
    handle = await start(Journey.run, 1)

    async def end():
        kind = WorkflowHistoryEventFilterType.CLOSE_EVENT
        events = handle.fetch_history_events(wait_new_event=True, event_filter_type=kind)
        return [event.event_type async for event in events]

    waiting = asyncio.create_task(end())
    await handle.signal(Journey.go, "home")
    assert await asyncio.wait_for(waiting, 30) == [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED]


async def test_a_wrong_page_token_is_refused(client, start):
    handle = await start(Journey.run, 1)
    with pytest.raises(RPCError) as error:
        await client.workflow_service.get_workflow_execution_history(
            GetWorkflowExecutionHistoryRequest(
                namespace="default",
                execution=WorkflowExecution(workflow_id=handle.id),
                next_page_token=b"no token",
            )
        )
    assert error.value.status == RPCStatusCode.INVALID_ARGUMENT
    await handle.terminate()


@pytest.mark.parametrize(
    ("reapply", "word"),
    [
        (ResetReapplyType.RESET_REAPPLY_TYPE_SIGNAL, "home"),
        (ResetReapplyType.RESET_REAPPLY_TYPE_NONE, "onwards"),
    ],
)
async def test_a_reset_begins_again_in_the_middle(client, workers, travelled, reapply, word):
    await workers.start(Journey, activities=[count])
    handle = await travelled(3)
    await handle.signal(Journey.go, "home")
    assert await handle.result() == [3, "home"]
    events = [event async for event in handle.fetch_history_events()]
    completed = [event.event_id for event in events if event.HasField("workflow_task_completed_event_attributes")]
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.result_run_id),
            reason="once more",
            workflow_task_finish_event_id=completed[1],
            request_id=f"{handle.id}-reset",
            reset_reapply_type=reapply,
        )
    )
    again = client.get_workflow_handle_for(Journey.run, handle.id, run_id=answer.run_id)
    assert answer.run_id != handle.result_run_id
    if word != "home":
        await again.signal(Journey.go, word)
    assert await again.result() == [3, word]
    new = [event async for event in again.fetch_history_events()]
    assert new[: completed[1] - 1] == events[: completed[1] - 1]


async def test_a_deleted_workflow_is_gone(client, workers, start, eventually):
    await workers.start(Journey, activities=[count])
    handle = await finished(start, 1)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=handle.id)
        )
    )

    async def gone():
        try:
            await handle.describe()
        except RPCError as error:
            assert error.status == RPCStatusCode.NOT_FOUND
            return
        raise AssertionError("it is still there")

    await eventually(gone, seconds=60)

    async def unlisted():
        assert (await client.count_workflows(f"WorkflowId = '{handle.id}'")).count == 0

    await eventually(unlisted)


async def test_other_code_does_not_replay(workers, start):
    """The replayer would see it if a history did not fit: otherwise all the other replays would prove nothing."""
    await workers.start(Journey, activities=[count])
    handle = await finished(start, 3)
    history = await handle.fetch_history()
    # As a file, as the command line exports it.
    history = WorkflowHistory.from_json(handle.id, history.to_json())
    good = Replayer(workflows=[Journey], workflow_runner=UnsandboxedWorkflowRunner())
    await good.replay_workflow(history)
    other = Replayer(workflows=[OtherJourney], workflow_runner=UnsandboxedWorkflowRunner())
    with pytest.raises(workflow.NondeterminismError):
        await other.replay_workflow(history)


@pytest.mark.no_replay
async def test_a_worker_that_was_changed_fails_its_task_and_is_forgiven(workers, travelled, eventually):
    """A task that fails for nondeterminism is tried again, until there is a worker that fits."""
    first = await workers.start(Journey, activities=[count])
    handle = await travelled(3)
    await first.shutdown()
    changed = await workers.start(OtherJourney)
    await handle.signal(Journey.go, "home")

    async def failed():
        pending = (await handle.describe()).raw_description.pending_workflow_task
        assert pending.attempt >= 2

    await eventually(failed)
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await changed.shutdown()
    await workers.start(Journey, activities=[count])
    assert await handle.result() == [3, "home"]
