"""Signals: from clients, with a start, and between workflows."""

import asyncio
from collections.abc import Sequence

import pytest
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode


@workflow.defn
class Collect:
    """Collects what it is sent until it has enough."""

    def __init__(self) -> None:
        self.received: list = []

    @workflow.run
    async def run(self, enough: int) -> list:
        await workflow.wait_condition(lambda: len(self.received) >= enough)
        return self.received

    @workflow.signal
    async def add(self, value) -> None:
        self.received.append(value)

    @workflow.signal(dynamic=True)
    async def anything(self, name: str, args: Sequence[RawValue]) -> None:
        self.received.append(
            [name, *[workflow.payload_converter().from_payload(value.payload) for value in args]]
        )


@workflow.defn
class Send:
    @workflow.run
    async def run(self, workflow_id: str, value: str) -> str:
        try:
            await workflow.get_external_workflow_handle(workflow_id).signal("add", value)
        except ApplicationError as error:
            return f"{error.type}: {error.message}"
        return "sent"


async def test_signals_arrive_in_order(workers, start):
    await workers.start(Collect)
    handle = await start(Collect.run, 50)
    for number in range(50):
        await handle.signal(Collect.add, number)
    assert await handle.result() == list(range(50))


async def test_signals_that_wait_for_a_worker_are_not_lost(workers, start):
    handle = await start(Collect.run, 3)
    for number in range(3):
        await handle.signal(Collect.add, number)
    await workers.start(Collect)
    assert await handle.result() == [0, 1, 2]


async def test_a_hundred_concurrent_signals_arrive_once_each(workers, start):
    await workers.start(Collect)
    handle = await start(Collect.run, 100)
    await asyncio.gather(*[handle.signal(Collect.add, number) for number in range(100)])
    assert sorted(await handle.result()) == list(range(100))


async def test_a_signal_has_any_name_and_any_arguments(workers, start):
    await workers.start(Collect)
    handle = await start(Collect.run, 2)
    await handle.signal("ünknown", args=[1, {"two": None}])
    await handle.signal("none")
    assert await handle.result() == [["ünknown", 1, {"two": None}], ["none"]]


async def test_a_signal_starts_what_is_not_running_and_reaches_what_is(workers, start, queue):
    await workers.start(Collect)
    first = await start(Collect.run, 2, id=queue, start_signal="add", start_signal_args=["one"])
    second = await start(Collect.run, 2, id=queue, start_signal="add", start_signal_args=["two"])
    assert first.result_run_id == second.result_run_id
    assert await first.result() == ["one", "two"]


async def test_a_closed_workflow_takes_no_signal(workers, start):
    await workers.start(Collect)
    handle = await start(Collect.run, 0)
    await handle.result()
    with pytest.raises(RPCError) as error:
        await handle.signal(Collect.add, 1)
    assert error.value.status == RPCStatusCode.NOT_FOUND


async def test_a_workflow_signals_another(workers, start):
    await workers.start(Collect, Send)
    receiver = await start(Collect.run, 1)
    sender = await start(Send.run, receiver.id, "hello")
    assert await sender.result() == "sent"
    assert await receiver.result() == ["hello"]


async def test_a_workflow_that_signals_nobody_is_told(workers, start, queue):
    await workers.start(Send)
    sender = await start(Send.run, f"{queue}-nobody", "hello")
    assert "not found" in (await sender.result()).lower()
