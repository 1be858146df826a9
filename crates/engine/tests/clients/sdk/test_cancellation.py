"""Cancelling workflows: a request, which they may answer as they like."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError


@activity.defn
async def tidy() -> str:
    return "tidy"


@workflow.defn
class Wait:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn
class TidyUp:
    @workflow.run
    async def run(self, resist: bool) -> str:
        try:
            await workflow.sleep(3600)
        except asyncio.CancelledError:
            left = await workflow.execute_activity(tidy, start_to_close_timeout=timedelta(seconds=30))
            if not resist:
                raise
            return left
        return "slept"


@workflow.defn
class CancelAnother:
    @workflow.run
    async def run(self, workflow_id: str) -> str:
        try:
            await workflow.get_external_workflow_handle(workflow_id).cancel()
        except Exception as error:
            return type(error).__name__
        return "asked"


async def cancelled(handle) -> None:
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, CancelledError)
    assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED


async def test_a_cancelled_workflow_ends(workers, start):
    await workers.start(Wait)
    handle = await start(Wait.run)
    await handle.cancel()
    await cancelled(handle)


async def test_a_cancelled_workflow_tidies_up_first(workers, start, eventually):
    await workers.start(TidyUp, activities=[tidy])
    for resist in [False, True]:
        handle = await start(TidyUp.run, resist)

        async def sleeping():
            assert (await handle.describe()).history_length >= 5

        await eventually(sleeping)
        await handle.cancel()
        if resist:
            assert await handle.result() == "tidy"
        else:
            await cancelled(handle)


async def test_asking_twice_is_asking_once(start):
    handle = await start(Wait.run)
    await handle.cancel()
    await handle.cancel()
    events = (await handle.fetch_history()).events
    asked = [event for event in events if event.HasField("workflow_execution_cancel_requested_event_attributes")]
    assert len(asked) == 1
    await handle.terminate()


async def test_cancelling_what_is_over_changes_nothing(start):
    handle = await start(Wait.run)
    await handle.terminate()
    before = await handle.describe()
    await handle.cancel()
    after = await handle.describe()
    assert (after.status, after.history_length) == (before.status, before.history_length)


async def test_a_workflow_cancels_another(workers, start, queue):
    await workers.start(Wait, CancelAnother)
    handle = await start(Wait.run)
    other = await start(CancelAnother.run, handle.id)
    assert await other.result() == "asked"
    await cancelled(handle)
    nobody = await start(CancelAnother.run, f"{queue}-nobody")
    assert await nobody.result() == "ApplicationError"
