"""Queries: of what runs, of what is over, of what nobody works on."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode


@workflow.defn
class Counter:
    def __init__(self) -> None:
        self.count = 0
        self.done = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.done)
        return self.count

    @workflow.signal
    async def add(self, amount: int) -> None:
        self.count += amount

    @workflow.signal
    async def finish(self) -> None:
        self.done = True

    @workflow.query
    def value(self) -> int:
        return self.count

    @workflow.query
    def times(self, factor: int) -> int:
        return self.count * factor

    @workflow.query
    def fail(self) -> int:
        raise ValueError("this question has no answer")


async def test_a_query_sees_every_signal_before_it(workers, start):
    await workers.start(Counter)
    handle = await start(Counter.run)
    for number in range(1, 21):
        await handle.signal(Counter.add, 1)
        assert await handle.query(Counter.value) == number
    assert await handle.query(Counter.times, 3) == 60
    await handle.signal(Counter.finish)
    assert await handle.result() == 20


async def test_a_worker_without_a_cache_answers_by_replay(workers, start):
    await workers.start(Counter, max_cached_workflows=0)
    handle = await start(Counter.run)
    await handle.signal(Counter.add, 4)
    assert await handle.query(Counter.value) == 4
    await handle.signal(Counter.finish)
    assert await handle.result() == 4


async def test_a_closed_workflow_answers(workers, start):
    await workers.start(Counter)
    handle = await start(Counter.run)
    await handle.signal(Counter.add, 7)
    await handle.signal(Counter.finish)
    await handle.result()
    assert await handle.query(Counter.value) == 7
    with pytest.raises(WorkflowQueryRejectedError) as error:
        await handle.query(Counter.value, reject_condition=QueryRejectCondition.NOT_OPEN)
    assert error.value.status is not None


async def test_a_new_worker_answers_for_a_closed_workflow(client, workers, start):
    worker = await workers.start(Counter)
    handle = await start(Counter.run)
    await handle.signal(Counter.add, 7)
    await handle.signal(Counter.finish)
    await handle.result()
    await worker.shutdown()
    await workers.start(Counter)
    assert await handle.query(Counter.value) == 7


async def test_a_failing_query_and_an_unknown_one_say_why(workers, start):
    await workers.start(Counter)
    handle = await start(Counter.run)
    with pytest.raises(WorkflowQueryFailedError, match="this question has no answer"):
        await handle.query(Counter.fail)
    with pytest.raises(WorkflowQueryFailedError, match="nothing_like_it"):
        await handle.query("nothing_like_it")
    await handle.signal(Counter.finish)
    await handle.result()


async def test_a_query_that_no_worker_answers_ends_at_its_deadline(start):
    handle = await start(Counter.run)
    with pytest.raises(RPCError) as error:
        await handle.query(Counter.value, rpc_timeout=timedelta(seconds=1))
    assert error.value.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


async def test_concurrent_queries_are_each_answered(workers, start):
    await workers.start(Counter)
    handle = await start(Counter.run)
    await handle.signal(Counter.add, 2)
    answers = await asyncio.gather(*[handle.query(Counter.times, number) for number in range(30)])
    assert answers == [2 * number for number in range(30)]
    await handle.signal(Counter.finish)
    await handle.result()
