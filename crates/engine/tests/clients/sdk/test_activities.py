"""Activities: retries, the four timeouts, heartbeats, cancellation, completion by others, local ones."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import AsyncActivityCancelledError, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    TimeoutError,
    TimeoutType,
)
from temporalio.workflow import ActivityCancellationType

QUICKLY = RetryPolicy(initial_interval=timedelta(milliseconds=20), backoff_coefficient=1.0)
ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def add(a: int, b: int) -> int:
    return a + b


@activity.defn
def add_in_a_thread(a: int, b: int) -> int:
    time.sleep(0.01)
    return a + b


@activity.defn
async def succeed_at_attempt(attempt: int) -> int:
    if activity.info().attempt < attempt:
        raise ApplicationError(f"attempt {activity.info().attempt}", type="NotYet")
    return activity.info().attempt


@activity.defn
async def fail_for_good() -> None:
    raise ApplicationError("broken", {"part": 3}, type="Broken", non_retryable=True)


@activity.defn
async def say_when_to_retry() -> int:
    if activity.info().attempt == 1:
        raise ApplicationError("wait", next_retry_delay=timedelta(milliseconds=10))
    return activity.info().attempt


@activity.defn
async def never_end() -> None:
    await asyncio.sleep(3600)


@activity.defn
async def count_and_fail_at_three() -> list:
    """Counts in its heartbeats, fails in the middle, and goes on from where it was."""
    details = list(activity.info().heartbeat_details)
    begun_at = details[0] if details else 0
    for number in range(begun_at, 6):
        if number == 3 and activity.info().attempt == 1:
            raise ApplicationError("fell over at three")
        activity.heartbeat(number + 1)
        await asyncio.sleep(0.02)
    return [activity.info().attempt, begun_at]


@activity.defn
async def wait_for_cancellation() -> str:
    try:
        while True:
            activity.heartbeat("alive")
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        await asyncio.sleep(0.2)
        raise


@activity.defn
async def complete_elsewhere() -> str:
    TOKENS[activity.info().workflow_id] = activity.info().task_token
    activity.raise_complete_async()


@activity.defn
async def describe_itself(value: str) -> dict:
    info = activity.info()
    return {
        "attempt": info.attempt,
        "activity_id": info.activity_id,
        "activity_type": info.activity_type,
        "start_to_close": info.start_to_close_timeout.total_seconds(),
        "schedule_to_close": info.schedule_to_close_timeout.total_seconds(),
        "heartbeat": info.heartbeat_timeout.total_seconds(),
        "workflow_id": info.workflow_id,
        "workflow_type": info.workflow_type,
        "ordered": info.current_attempt_scheduled_time <= info.started_time,
        "value": value,
    }


#: The tokens of the activities that are completed elsewhere, by workflow id.
TOKENS: dict[str, bytes] = {}

ACTIVITIES = [
    add,
    succeed_at_attempt,
    fail_for_good,
    say_when_to_retry,
    never_end,
    count_and_fail_at_three,
    wait_for_cancellation,
    complete_elsewhere,
    describe_itself,
]


@workflow.defn
class RunOne:
    """Runs one activity as it is told to."""

    @workflow.run
    async def run(self, name: str, arguments: list, options: dict):
        timeouts = {key: timedelta(seconds=value) for key, value in options.items()}
        if not {"start_to_close_timeout", "schedule_to_close_timeout"} & set(timeouts):
            timeouts["start_to_close_timeout"] = timedelta(seconds=60)
        return await workflow.execute_activity(
            name,
            args=arguments,
            retry_policy=QUICKLY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            **timeouts,
        )


@workflow.defn
class RunOnce:
    """As `RunOne`, without a second attempt."""

    @workflow.run
    async def run(self, name: str, arguments: list, options: dict):
        timeouts = {key: timedelta(seconds=value) for key, value in options.items()}
        return await workflow.execute_activity(name, args=arguments, retry_policy=ONCE, **timeouts)


@workflow.defn
class RunMany:
    @workflow.run
    async def run(self, count: int) -> int:
        results = await asyncio.gather(*[
            workflow.execute_activity(add, args=[n, 1], start_to_close_timeout=timedelta(seconds=60))
            for n in range(count)
        ])
        return sum(results)


@workflow.defn
class RunLocally:
    @workflow.run
    async def run(self) -> list[int]:
        options = {"start_to_close_timeout": timedelta(seconds=60), "retry_policy": QUICKLY}
        first = await workflow.execute_local_activity(add, args=[1, 2], **options)
        second = await workflow.execute_local_activity(succeed_at_attempt, 3, **options)
        return [first, second]


@workflow.defn
class CancelActivity:
    """Cancels an activity once it has begun, and says what came of it and whether it waited for its end."""

    @workflow.run
    async def run(self, cancellation_type: int) -> list:
        handle = workflow.start_activity(
            wait_for_cancellation,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=2),
            cancellation_type=ActivityCancellationType(cancellation_type),
        )
        await workflow.sleep(0.3)
        before = workflow.now()
        handle.cancel()
        try:
            await handle
        except ActivityError as error:
            return [type(error.cause).__name__, (workflow.now() - before).total_seconds() >= 0.2]
        return ["ended", None]


async def failure_of(handle):
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, ActivityError)
    return error.value.cause


async def test_activities_return_their_results(workers, start):
    await workers.start(RunOne, activities=ACTIVITIES)
    assert await (await start(RunOne.run, "add", [1, 2], {})).result() == 3


async def test_activities_run_in_threads_too(workers, start):
    with ThreadPoolExecutor(4) as pool:
        await workers.start(RunOne, activities=[add_in_a_thread], activity_executor=pool)
        handles = [await start(RunOne.run, "add_in_a_thread", [n, 1], {}) for n in range(8)]
        assert [await handle.result() for handle in handles] == list(range(1, 9))


async def test_fifty_activities_in_parallel(workers, start):
    await workers.start(RunMany, activities=ACTIVITIES)
    assert await (await start(RunMany.run, 50)).result() == sum(range(1, 51))


async def test_an_activity_is_retried_until_it_succeeds(workers, start):
    await workers.start(RunOne, activities=ACTIVITIES)
    assert await (await start(RunOne.run, "succeed_at_attempt", [4], {})).result() == 4


async def test_an_activity_says_itself_when_to_retry(workers, start):
    await workers.start(RunOne, activities=ACTIVITIES)
    assert await (await start(RunOne.run, "say_when_to_retry", [], {})).result() == 2


async def test_what_must_not_be_retried_is_not(workers, start):
    await workers.start(RunOne, activities=ACTIVITIES)
    failure = await failure_of(await start(RunOne.run, "fail_for_good", [], {}))
    assert failure.activity_type == "fail_for_good"
    assert (failure.cause.type, list(failure.cause.details)) == ("Broken", [{"part": 3}])
    assert failure.retry_state.name == "NON_RETRYABLE_FAILURE"


async def test_the_last_attempt_fails_the_activity(workers, start):
    await workers.start(RunOnce, activities=ACTIVITIES)
    options = {"start_to_close_timeout": 60}
    failure = await failure_of(await start(RunOnce.run, "succeed_at_attempt", [2], options))
    assert failure.retry_state.name == "MAXIMUM_ATTEMPTS_REACHED"
    assert failure.cause.message == "attempt 1"


@pytest.mark.parametrize(
    ("options", "timeout", "state"),
    [
        ({"start_to_close_timeout": 0.5}, TimeoutType.START_TO_CLOSE, "MAXIMUM_ATTEMPTS_REACHED"),
        (
            {"start_to_close_timeout": 60, "heartbeat_timeout": 0.5},
            TimeoutType.HEARTBEAT,
            "MAXIMUM_ATTEMPTS_REACHED",
        ),
        ({"schedule_to_close_timeout": 0.5}, TimeoutType.SCHEDULE_TO_CLOSE, "NON_RETRYABLE_FAILURE"),
    ],
)
async def test_an_activity_that_takes_too_long_times_out(workers, start, options, timeout, state):
    await workers.start(RunOnce, activities=ACTIVITIES)
    failure = await failure_of(await start(RunOnce.run, "never_end", [], options))
    assert isinstance(failure.cause, TimeoutError)
    assert failure.cause.type == timeout
    assert failure.retry_state.name == state


async def test_an_activity_that_no_worker_takes_times_out(workers, start):
    await workers.start(RunOnce)
    options = {"schedule_to_start_timeout": 0.5, "start_to_close_timeout": 60}
    failure = await failure_of(await start(RunOnce.run, "add", [1, 2], options))
    assert failure.cause.type == TimeoutType.SCHEDULE_TO_START
    assert failure.retry_state.name == "NON_RETRYABLE_FAILURE"


async def test_a_retry_goes_on_from_the_last_heartbeat(workers, start):
    await workers.start(RunOne, activities=ACTIVITIES)
    options = {"start_to_close_timeout": 60, "heartbeat_timeout": 5}
    attempt, begun_at = await (await start(RunOne.run, "count_and_fail_at_three", [], options)).result()
    assert (attempt, begun_at) == (2, 3)


@pytest.mark.parametrize(
    ("cancellation_type", "expected"),
    [
        (ActivityCancellationType.TRY_CANCEL, ["CancelledError", False]),
        (ActivityCancellationType.WAIT_CANCELLATION_COMPLETED, ["CancelledError", True]),
        (ActivityCancellationType.ABANDON, ["CancelledError", False]),
    ],
)
async def test_cancelling_an_activity(workers, start, cancellation_type, expected):
    await workers.start(CancelActivity, activities=ACTIVITIES)
    handle = await start(CancelActivity.run, int(cancellation_type))
    assert await handle.result() == expected


@pytest.mark.parametrize("by", ["token", "id"])
async def test_another_process_completes_an_activity(client, workers, start, eventually, by):
    await workers.start(RunOne, activities=ACTIVITIES)
    for outcome in ["complete", "fail", "cancel"]:
        handle = await start(RunOne.run, "complete_elsewhere", [], {"heartbeat_timeout": 30})

        async def handed_over():
            assert handle.id in TOKENS

        await eventually(handed_over)
        if by == "token":
            other = client.get_async_activity_handle(task_token=TOKENS[handle.id])
        else:
            other = client.get_async_activity_handle(
                workflow_id=handle.id, run_id=None, activity_id="1"
            )
        await other.heartbeat("halfway")
        described = await handle.describe()
        [pending] = described.raw_description.pending_activities
        assert pending.activity_type.name == "complete_elsewhere"
        assert pending.heartbeat_details.payloads[0].data == b'"halfway"'
        if outcome == "complete":
            await other.complete("from elsewhere")
            assert await handle.result() == "from elsewhere"
        elif outcome == "fail":
            await other.fail(ApplicationError("elsewhere, too", non_retryable=True))
            assert (await failure_of(handle)).cause.message == "elsewhere, too"
        else:
            await handle.cancel()
            with pytest.raises(AsyncActivityCancelledError):
                while True:
                    await other.heartbeat("still here")
                    await asyncio.sleep(0.05)
            await other.report_cancellation()
            with pytest.raises(WorkflowFailureError) as error:
                await handle.result()
            assert isinstance(error.value.cause, CancelledError)


async def test_an_activity_knows_itself(workers, start):
    await workers.start(RunOne, activities=ACTIVITIES)
    options = {
        "start_to_close_timeout": 20,
        "schedule_to_close_timeout": 40,
        "heartbeat_timeout": 10,
    }
    handle = await start(RunOne.run, "describe_itself", ["x"], options)
    assert await handle.result() == {
        "attempt": 1,
        "activity_id": "1",
        "activity_type": "describe_itself",
        "start_to_close": 20,
        "schedule_to_close": 40,
        "heartbeat": 10,
        "workflow_id": handle.id,
        "workflow_type": "RunOne",
        "ordered": True,
        "value": "x",
    }


async def test_local_activities_leave_markers_only(workers, start):
    await workers.start(RunLocally, activities=ACTIVITIES)
    handle = await start(RunLocally.run)
    assert await handle.result() == [3, 3]
    history = await handle.fetch_history()
    assert not any(event.HasField("activity_task_scheduled_event_attributes") for event in history.events)
    assert sum(event.HasField("marker_recorded_event_attributes") for event in history.events) == 2


async def test_what_an_activity_waits_for_is_described(workers, start, eventually):
    await workers.start(RunOne, activities=ACTIVITIES)
    handle = await start(RunOne.run, "succeed_at_attempt", [10_000], {})

    async def retried():
        waiting = (await handle.describe()).raw_description.pending_activities
        assert len(waiting) == 1
        [pending] = waiting
        assert pending.attempt >= 3
        assert pending.last_failure.application_failure_info.type == "NotYet"
        assert pending.last_worker_identity
        assert pending.activity_id == "1"

    await eventually(retried)
    await handle.terminate()
