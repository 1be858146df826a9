"""Timers: that they fire, when they fire, and that they can be cancelled."""

import asyncio
from datetime import timedelta

from temporalio import workflow


@workflow.defn
class Sleep:
    @workflow.run
    async def run(self, seconds: list[float]) -> list[int]:
        """Sleeps for all at once and returns the order in which they were over."""
        over: list[int] = []

        async def sleep(position: int, duration: float) -> None:
            await workflow.sleep(duration)
            over.append(position)

        await asyncio.gather(*[sleep(position, duration) for position, duration in enumerate(seconds)])
        return over


@workflow.defn
class CancelTimer:
    @workflow.run
    async def run(self) -> str:
        timer = asyncio.create_task(workflow.sleep(3600))
        await workflow.sleep(0.05)
        timer.cancel()
        try:
            await timer
        except asyncio.CancelledError:
            return "cancelled"
        return "fired"


@workflow.defn
class WaitAtMost:
    def __init__(self) -> None:
        self.told = False

    @workflow.run
    async def run(self, seconds: float) -> str:
        try:
            await workflow.wait_condition(lambda: self.told, timeout=timedelta(seconds=seconds))
        except asyncio.TimeoutError:
            return "waited in vain"
        return "told"

    @workflow.signal
    async def tell(self) -> None:
        self.told = True


async def test_timers_fire_in_their_order(workers, start):
    await workers.start(Sleep)
    handle = await start(Sleep.run, [0.9, 0.3, 0.6])
    assert await handle.result() == [1, 2, 0]


async def test_no_timer_fires_early(workers, start):
    await workers.start(Sleep)
    handle = await start(Sleep.run, [1.0])
    await handle.result()
    times = {}
    for event in (await handle.fetch_history()).events:
        for kind in ["timer_started", "timer_fired"]:
            if event.HasField(f"{kind}_event_attributes"):
                times[kind] = event.event_time.ToDatetime()
    assert times["timer_fired"] - times["timer_started"] >= timedelta(seconds=1)


async def test_two_hundred_timers(workers, start):
    await workers.start(Sleep)
    handle = await start(Sleep.run, [0.2 + n / 1000 for n in range(200)])
    assert sorted(await handle.result()) == list(range(200))


async def test_a_timer_is_cancelled(workers, start):
    await workers.start(CancelTimer)
    handle = await start(CancelTimer.run)
    assert await handle.result() == "cancelled"
    events = (await handle.fetch_history()).events
    assert any(event.HasField("timer_canceled_event_attributes") for event in events)


async def test_waiting_ends_with_a_signal_or_with_time(workers, start):
    await workers.start(WaitAtMost)
    in_vain = await start(WaitAtMost.run, 0.3)
    told = await start(WaitAtMost.run, 60)
    await told.signal(WaitAtMost.tell)
    assert await told.result() == "told"
    assert await in_vain.result() == "waited in vain"
