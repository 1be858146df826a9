"""One workflow over many runs."""

import asyncio

import pytest
from temporalio import workflow
from temporalio.client import WorkflowContinuedAsNewError, WorkflowExecutionStatus


@workflow.defn
class Countdown:
    @workflow.run
    async def run(self, left: int, runs: list[str]) -> list[str]:
        runs = [*runs, workflow.info().run_id]
        if left:
            workflow.continue_as_new(args=[left - 1, runs])
        return [*runs, workflow.info().first_execution_run_id, workflow.memo_value("owner")]


@workflow.defn
class Relay:
    """Hands on what it was sent, and counts over its runs."""

    def __init__(self) -> None:
        self.received: list[int] = []

    @workflow.run
    async def run(self, before: list[int], enough: int) -> list[int]:
        self.received = before + self.received
        wanted = min(len(before) + 5, enough)
        await workflow.wait_condition(lambda: len(self.received) >= wanted)
        if len(self.received) < enough:
            workflow.continue_as_new(args=[self.received, enough])
        return self.received

    @workflow.signal
    async def add(self, number: int) -> None:
        self.received.append(number)


async def test_a_result_is_that_of_the_last_run(client, workers, start):
    await workers.start(Countdown)
    handle = await start(Countdown.run, 4, [], memo={"owner": "ellis"})
    *runs, first, owner = await handle.result()
    assert len(set(runs)) == 5
    assert (runs[0], first, owner) == (handle.result_run_id, handle.result_run_id, "ellis")
    described = await client.get_workflow_handle(handle.id, run_id=runs[0]).describe()
    assert described.status == WorkflowExecutionStatus.CONTINUED_AS_NEW
    with pytest.raises(WorkflowContinuedAsNewError) as error:
        await handle.result(follow_runs=False)
    assert error.value.new_execution_run_id == runs[1]


async def test_every_run_is_listed(client, workers, start, eventually):
    await workers.start(Countdown)
    handle = await start(Countdown.run, 3, [], memo={"owner": "kate"})
    await handle.result()

    async def listed():
        found = [found async for found in client.list_workflows(f"WorkflowId = '{handle.id}'")]
        statuses = sorted(execution.status.name for execution in found)
        assert statuses == ["COMPLETED", *["CONTINUED_AS_NEW"] * 3]

    await eventually(listed)


async def test_no_signal_is_lost_between_runs(workers, start):
    await workers.start(Relay)
    handle = await start(Relay.run, [], 40)
    await asyncio.gather(*[handle.signal(Relay.add, number) for number in range(40)])
    assert sorted(await handle.result()) == list(range(40))
