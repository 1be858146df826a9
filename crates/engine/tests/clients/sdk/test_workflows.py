"""Starting a workflow, its result and its end, and what a client may ask about it."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    TerminatedError,
    TimeoutError,
    TimeoutType,
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCError, RPCStatusCode


@dataclass
class Order:
    name: str
    amounts: list[int]


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, value: Order) -> Order:
        return Order(value.name.upper(), value.amounts[::-1])


@workflow.defn
class EchoAnything:
    @workflow.run
    async def run(self, value):
        return value


@workflow.defn
class Fail:
    @workflow.run
    async def run(self) -> None:
        try:
            raise ApplicationError("the shelf is empty", {"shelf": 7}, type="Empty", non_retryable=True)
        except ApplicationError as cause:
            raise ApplicationError("no order", type="NoOrder") from cause


@workflow.defn
class FailUntilAttempt:
    @workflow.run
    async def run(self, attempt: int) -> int:
        if workflow.info().attempt < attempt:
            raise ApplicationError("not yet")
        return workflow.info().attempt


@workflow.defn
class Wait:
    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: False)
        return "never"


@workflow.defn
class Random:
    @workflow.run
    async def run(self) -> list[str]:
        await workflow.sleep(0.01)
        chosen = [str(workflow.uuid4()), str(workflow.random().random()), workflow.now().isoformat()]
        if workflow.patched("an-hour-more"):
            chosen.append("patched")
        return chosen


async def test_a_dataclass_goes_in_and_out(workers, start):
    await workers.start(Echo)
    handle = await start(Echo.run, Order("größe", [1, 2, 3]))
    assert await handle.result() == Order("GRÖSSE", [3, 2, 1])


@pytest.mark.parametrize(
    "value", [None, True, 3.5, "", "ünï", b"\x00\xff", [1, [2]], {"a": None}, "x" * 1_000_000]
)
async def test_any_payload_goes_in_and_out(workers, start, value):
    await workers.start(EchoAnything)
    handle = await start("EchoAnything", value)
    assert await handle.result() == value


async def test_a_failure_reaches_the_client_with_its_type_details_and_cause(workers, start):
    await workers.start(Fail)
    handle = await start(Fail.run)
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    failure = error.value.cause
    assert (failure.type, failure.message) == ("NoOrder", "no order")
    cause = failure.cause
    assert (cause.type, cause.message, cause.non_retryable) == ("Empty", "the shelf is empty", True)
    assert list(cause.details) == [{"shelf": 7}]


async def test_a_workflow_is_retried_by_its_policy(workers, start):
    await workers.start(FailUntilAttempt)
    policy = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=5)
    handle = await start(FailUntilAttempt.run, 3, retry_policy=policy)
    assert await handle.result() == 3


async def test_a_workflow_gives_up_after_the_last_attempt(workers, start):
    await workers.start(FailUntilAttempt)
    policy = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2)
    handle = await start(FailUntilAttempt.run, 9, retry_policy=policy)
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert error.value.cause.message == "not yet"


async def test_an_open_id_is_refused_and_the_open_run_is_named(workers, start, queue):
    first = await start(Wait.run, id=queue)
    with pytest.raises(WorkflowAlreadyStartedError) as error:
        await start(Wait.run, id=queue)
    assert (error.value.workflow_id, error.value.run_id) == (queue, first.result_run_id)


@pytest.mark.parametrize("policy", ["USE_EXISTING", "TERMINATE_EXISTING"])
async def test_what_happens_to_an_open_run_is_the_callers_choice(start, queue, policy):
    first = await start(Wait.run, id=queue)
    second = await start(Wait.run, id=queue, id_conflict_policy=WorkflowIDConflictPolicy[policy])
    described = await first.describe()
    if policy == "USE_EXISTING":
        assert second.result_run_id == first.result_run_id
        assert described.status == WorkflowExecutionStatus.RUNNING
    else:
        assert second.result_run_id != first.result_run_id
        first = first._client.get_workflow_handle(queue, run_id=first.result_run_id)
        assert (await first.describe()).status == WorkflowExecutionStatus.TERMINATED


async def test_a_closed_id_is_used_again_unless_that_is_refused(workers, start, queue):
    await workers.start(EchoAnything)
    assert await (await start("EchoAnything", 1, id=queue)).result() == 1
    assert await (await start("EchoAnything", 2, id=queue)).result() == 2
    for policy in [
        WorkflowIDReusePolicy.REJECT_DUPLICATE,
        WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    ]:
        with pytest.raises(WorkflowAlreadyStartedError):
            await start("EchoAnything", 3, id=queue, id_reuse_policy=policy)


async def test_terminating_ends_a_workflow_with_its_reason(workers, start):
    handle = await start(Wait.run)
    await handle.terminate("it was enough", reason="enough")
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, TerminatedError)
    assert error.value.cause.message == "enough"
    assert (await handle.describe()).status == WorkflowExecutionStatus.TERMINATED


@pytest.mark.parametrize("timeout", ["execution_timeout", "run_timeout"])
async def test_a_workflow_that_takes_too_long_times_out(start, timeout):
    handle = await start(Wait.run, **{timeout: timedelta(seconds=1)})
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, TimeoutError)
    assert error.value.cause.type == TimeoutType.START_TO_CLOSE
    assert (await handle.describe()).status == WorkflowExecutionStatus.TIMED_OUT


async def test_a_description_says_what_was_given_and_what_happened(workers, start, queue):
    await workers.start(EchoAnything)
    handle = await start(
        "EchoAnything",
        "x",
        id=queue,
        memo={"owner": "kate", "lines": [1, 2]},
        static_summary="one line",
        static_details="several\nlines",
    )
    await handle.result()
    described = await handle.describe()
    assert described.id == queue
    assert described.run_id == handle.result_run_id
    assert described.workflow_type == "EchoAnything"
    assert described.task_queue == queue
    assert described.status == WorkflowExecutionStatus.COMPLETED
    assert described.start_time <= described.execution_time <= described.close_time
    # Started; task scheduled, started and completed; completed.
    assert described.history_length == 5
    assert described.parent_id is None
    assert await described.memo() == {"owner": "kate", "lines": [1, 2]}
    assert await described.static_summary() == "one line"
    assert await described.static_details() == "several\nlines"
    assert described.raw_description.workflow_execution_info.history_size_bytes > 0


async def test_a_start_may_be_delayed(workers, start):
    await workers.start(EchoAnything)
    handle = await start("EchoAnything", "later", start_delay=timedelta(seconds=1))
    described = await handle.describe()
    assert described.execution_time - described.start_time == timedelta(seconds=1)
    assert await handle.result() == "later"
    described = await handle.describe()
    assert described.close_time - described.start_time >= timedelta(seconds=1)


async def test_what_is_random_is_the_same_in_a_replay(workers, start):
    # Without a cache every workflow task replays the history from its start.
    await workers.start(Random, max_cached_workflows=0)
    results = await asyncio.gather(*[(await start(Random.run)).result() for _ in range(5)])
    assert len({result[0] for result in results}) == 5
    assert all(result[3] == "patched" for result in results)


async def test_what_does_not_exist_is_not_found(client, queue):
    handle = client.get_workflow_handle(queue)
    for call in [
        handle.describe(),
        handle.result(),
        handle.cancel(),
        handle.terminate(),
        handle.signal("anything"),
        handle.query("anything"),
        handle.execute_update("anything"),
        handle.fetch_history(),
    ]:
        with pytest.raises(RPCError) as error:
            await call
        assert error.value.status == RPCStatusCode.NOT_FOUND, error.value


async def test_a_hundred_workflows_at_once(workers, start):
    await workers.start(EchoAnything)
    handles = await asyncio.gather(*[start("EchoAnything", number) for number in range(100)])
    assert await asyncio.gather(*[handle.result() for handle in handles]) == list(range(100))


async def test_a_cron_workflow_waits_for_its_minute(start):
    handle = await start(Wait.run, cron_schedule="0 0 1 1 *")
    described = await handle.describe()
    assert described.status == WorkflowExecutionStatus.RUNNING
    assert (described.execution_time.month, described.execution_time.day) == (1, 1)
    await handle.terminate()
