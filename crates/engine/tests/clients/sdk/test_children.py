"""Child workflows: results, failures, cancellation, and what becomes of them when their parent ends."""

import asyncio

import pytest
from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    TerminatedError,
    WorkflowAlreadyStartedError,
)
from temporalio.workflow import ParentClosePolicy


@workflow.defn
class Child:
    def __init__(self) -> None:
        self.told: str | None = None

    @workflow.run
    async def run(self, what: str) -> str:
        if what == "fail":
            raise ApplicationError("the child fell", type="Fell")
        if what == "wait":
            await workflow.wait_condition(lambda: self.told is not None)
            return self.told
        return f"{what} of {workflow.info().parent.workflow_id}"

    @workflow.signal
    async def tell(self, word: str) -> None:
        self.told = word


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, what: str) -> str:
        return await workflow.execute_child_workflow(Child.run, what, id=f"{workflow.info().workflow_id}/child")


@workflow.defn
class ParentOfMany:
    @workflow.run
    async def run(self, count: int) -> int:
        names = await asyncio.gather(*[
            workflow.execute_child_workflow(Child.run, str(number)) for number in range(count)
        ])
        return len(set(names))


@workflow.defn
class ParentThatTells:
    @workflow.run
    async def run(self) -> str:
        child = await workflow.start_child_workflow(Child.run, "wait")
        await child.signal(Child.tell, "a word")
        return await child


@workflow.defn
class ParentThatCancels:
    @workflow.run
    async def run(self) -> str:
        child = await workflow.start_child_workflow(Child.run, "wait", id=f"{workflow.info().workflow_id}/child")
        child.cancel()
        try:
            await child
        except ChildWorkflowError as error:
            return type(error.cause).__name__
        return "ended"


@workflow.defn
class ParentThatLeaves:
    @workflow.run
    async def run(self, policy: int) -> None:
        await workflow.start_child_workflow(
            Child.run,
            "wait",
            id=f"{workflow.info().workflow_id}/child",
            parent_close_policy=ParentClosePolicy(policy),
        )


@workflow.defn
class ParentOfTwins:
    @workflow.run
    async def run(self) -> str:
        await workflow.start_child_workflow(Child.run, "wait", id=f"{workflow.info().workflow_id}/child")
        try:
            await workflow.start_child_workflow(Child.run, "wait", id=f"{workflow.info().workflow_id}/child")
        except WorkflowAlreadyStartedError as error:
            return error.workflow_id
        return "twins"


async def test_a_child_knows_its_parent_and_returns(client, workers, start):
    await workers.start(Parent, Child)
    handle = await start(Parent.run, "first")
    assert await handle.result() == f"first of {handle.id}"
    child = await client.get_workflow_handle(f"{handle.id}/child").describe()
    assert (child.parent_id, child.parent_run_id) == (handle.id, handle.result_run_id)
    assert (child.root_id, child.root_run_id) == (handle.id, handle.result_run_id)


async def test_a_childs_failure_reaches_the_client_through_its_parent(workers, start):
    await workers.start(Parent, Child)
    handle = await start(Parent.run, "fail")
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    failure = error.value.cause
    assert isinstance(failure, ChildWorkflowError)
    assert (failure.workflow_type, failure.workflow_id) == ("Child", f"{handle.id}/child")
    assert (failure.cause.type, failure.cause.message) == ("Fell", "the child fell")


async def test_thirty_children_at_once(workers, start):
    await workers.start(ParentOfMany, Child)
    assert await (await start(ParentOfMany.run, 30)).result() == 30


async def test_a_parent_signals_its_child(workers, start):
    await workers.start(ParentThatTells, Child)
    assert await (await start(ParentThatTells.run)).result() == "a word"


async def test_a_parent_cancels_its_child(client, workers, start):
    await workers.start(ParentThatCancels, Child)
    handle = await start(ParentThatCancels.run)
    assert await handle.result() == "CancelledError"
    child = await client.get_workflow_handle(f"{handle.id}/child").describe()
    assert child.status == WorkflowExecutionStatus.CANCELED


async def test_cancelling_a_parent_cancels_its_child(client, workers, start, eventually):
    await workers.start(Parent, Child)
    handle = await start(Parent.run, "wait")
    child = client.get_workflow_handle(f"{handle.id}/child")

    async def child_runs():
        events = [event async for event in handle.fetch_history_events()]
        kind = "child_workflow_execution_started_event_attributes"
        assert any(event.HasField(kind) for event in events)

    await eventually(child_runs)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, CancelledError)

    async def child_is_cancelled():
        assert (await child.describe()).status == WorkflowExecutionStatus.CANCELED

    await eventually(child_is_cancelled)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (ParentClosePolicy.TERMINATE, TerminatedError),
        (ParentClosePolicy.REQUEST_CANCEL, CancelledError),
        (ParentClosePolicy.ABANDON, None),
    ],
)
async def test_what_becomes_of_a_child_is_its_parents_choice(client, workers, start, policy, expected):
    await workers.start(ParentThatLeaves, Child)
    handle = await start(ParentThatLeaves.run, int(policy))
    await handle.result()
    child = client.get_workflow_handle(f"{handle.id}/child")
    if expected is None:
        await child.signal(Child.tell, "alone")
        assert await child.result() == "alone"
        return
    with pytest.raises(WorkflowFailureError) as error:
        await child.result()
    assert isinstance(error.value.cause, expected)


async def test_two_children_cannot_have_one_id(workers, start):
    await workers.start(ParentOfTwins, Child)
    handle = await start(ParentOfTwins.run)
    assert await handle.result() == f"{handle.id}/child"


async def test_a_running_child_is_described_with_its_parent(client, workers, start, eventually):
    await workers.start(Parent, Child)
    handle = await start(Parent.run, "wait")

    async def described():
        children = (await handle.describe()).raw_description.pending_children
        assert len(children) == 1
        [child] = children
        assert child.workflow_id == f"{handle.id}/child"
        assert child.workflow_type_name == "Child"

    await eventually(described)
    await client.get_workflow_handle(f"{handle.id}/child").signal(Child.tell, "enough")
    assert await handle.result() == "enough"
