"""Schedules: their whole life, and what they start."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode


@workflow.defn
class Chore:
    @workflow.run
    async def run(self, word: str) -> str:
        return word


@workflow.defn
class LongChore:
    @workflow.run
    async def run(self, word: str) -> str:
        await workflow.sleep(3600)
        return word


@pytest_asyncio.fixture
async def schedule(client, queue):
    """Creates schedules, and deletes them when the test is over."""
    created = []

    async def create(spec=None, *, run=Chore.run, policy=None, state=None, id=queue, **options):
        action = ScheduleActionStartWorkflow(
            run, "swept", id=f"{id}-run", task_queue=queue, execution_timeout=timedelta(minutes=1)
        )
        schedule = Schedule(
            action=action,
            spec=spec or ScheduleSpec(),
            policy=policy or SchedulePolicy(),
            state=state or ScheduleState(),
        )
        handle = await client.create_schedule(id, schedule, **options)
        created.append(handle)
        return handle

    yield create
    for handle in created:
        try:
            await handle.delete()
        except RPCError as error:
            assert error.status == RPCStatusCode.NOT_FOUND


async def test_a_schedule_starts_workflows(client, workers, schedule, eventually):
    await workers.start(Chore)
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=1))])
    handle = await schedule(spec)

    async def started_twice():
        described = await handle.describe()
        assert described.info.num_actions >= 2
        assert len(described.info.recent_actions) >= 2
        assert described.info.next_action_times

    await eventually(started_twice)
    first = (await handle.describe()).info.recent_actions[0]
    run = client.get_workflow_handle(first.action.workflow_id, run_id=first.action.first_execution_run_id)
    assert await run.result() == "swept"
    # The time it was due is part of the id.
    assert first.action.workflow_id.startswith(f"{handle.id}-run-2")


async def test_a_description_says_what_was_created(schedule):
    spec = ScheduleSpec(
        calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(9, 17, 4)], comment="in the day")],
        intervals=[ScheduleIntervalSpec(every=timedelta(hours=1), offset=timedelta(minutes=5))],
        jitter=timedelta(seconds=0),
        time_zone_name="Europe/Paris",
    )
    policy = SchedulePolicy(
        overlap=ScheduleOverlapPolicy.BUFFER_ONE, catchup_window=timedelta(hours=2), pause_on_failure=True
    )
    state = ScheduleState(note="only a test", limited_actions=True, remaining_actions=3)
    handle = await schedule(spec, policy=policy, state=state, memo={"owner": "kate"})
    described = await handle.describe()
    assert described.schedule.spec.calendars[0].hour == (ScheduleRange(9, 17, 4),)
    assert described.schedule.spec.calendars[0].comment == "in the day"
    assert described.schedule.spec.intervals == spec.intervals
    assert described.schedule.spec.time_zone_name == "Europe/Paris"
    assert described.schedule.policy == policy
    assert described.schedule.state.note == "only a test"
    assert described.schedule.state.remaining_actions == 3
    assert await described.memo() == {"owner": "kate"}
    assert described.schedule.action.workflow == "Chore"
    times = described.info.next_action_times
    # As many as it has actions left.
    assert len(times) == 3 and times == sorted(times)
    assert all(time.minute in (0, 5) for time in times)


async def test_two_schedules_cannot_have_one_id(schedule):
    await schedule()
    with pytest.raises(ScheduleAlreadyRunningError):
        await schedule()


async def test_a_paused_schedule_starts_nothing_until_it_is_unpaused(workers, schedule, eventually):
    await workers.start(Chore)
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=1))])
    handle = await schedule(spec, state=ScheduleState(paused=True, note="not yet"))
    await asyncio.sleep(1.5)
    described = await handle.describe()
    assert (described.info.num_actions, described.schedule.state.note) == (0, "not yet")
    await handle.unpause(note="now")

    async def started():
        described = await handle.describe()
        assert described.info.num_actions >= 1
        assert (described.schedule.state.paused, described.schedule.state.note) == (False, "now")

    await eventually(started)
    await handle.pause(note="enough")

    async def paused():
        assert (await handle.describe()).schedule.state.paused

    await eventually(paused)


async def test_a_trigger_starts_one_now(workers, schedule, eventually):
    await workers.start(Chore)
    handle = await schedule()
    await handle.trigger()

    async def started():
        assert (await handle.describe()).info.num_actions == 1

    await eventually(started)


async def test_overlap_policies(workers, schedule, eventually):
    await workers.start(LongChore)
    handle = await schedule(run=LongChore.run, policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP))

    async def one_runs():
        assert len((await handle.describe()).info.running_actions) == 1

    async def one_was_skipped():
        assert (await handle.describe()).info.num_actions_skipped_overlap == 1

    await handle.trigger()
    await eventually(one_runs)
    await handle.trigger()
    await eventually(one_was_skipped)
    await asyncio.sleep(1.1)
    await handle.trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)

    async def another_started():
        assert (await handle.describe()).info.num_actions == 2

    await eventually(another_started)


async def test_a_backfill_makes_up_for_the_past(workers, schedule, eventually):
    await workers.start(Chore)
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=1))])
    handle = await schedule(spec, state=ScheduleState(paused=True))
    start = datetime(2024, 2, 28, 22, 30, tzinfo=timezone.utc)
    await handle.backfill(
        ScheduleBackfill(
            start_at=start, end_at=start + timedelta(hours=4), overlap=ScheduleOverlapPolicy.ALLOW_ALL
        )
    )

    async def all_started():
        described = await handle.describe()
        assert described.info.num_actions == 4
        times = sorted(action.scheduled_at for action in described.info.recent_actions)
        assert times == [start + timedelta(minutes=30, hours=hour) for hour in range(4)]

    await eventually(all_started)


async def test_an_update_changes_a_schedule(schedule, eventually):
    handle = await schedule(ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=1))]))

    def change(update):
        schedule = update.description.schedule
        schedule.spec.intervals = [ScheduleIntervalSpec(every=timedelta(minutes=10))]
        schedule.state.note = "more often"
        return ScheduleUpdate(schedule)

    await handle.update(change)

    async def changed():
        described = await handle.describe()
        assert described.schedule.state.note == "more often"
        assert described.info.next_action_times[1] - described.info.next_action_times[0] == timedelta(minutes=10)
        assert described.info.last_updated_at is not None

    await eventually(changed)


async def test_a_deleted_schedule_is_gone(schedule):
    handle = await schedule()
    await handle.delete()
    with pytest.raises(RPCError) as error:
        await handle.describe()
    assert error.value.status == RPCStatusCode.NOT_FOUND


async def test_schedules_are_listed(client, schedule, eventually, queue):
    spec = ScheduleSpec(cron_expressions=["30 4 * * MON"])
    names = {f"{queue}-{number}" for number in range(3)}
    for name in names:
        await schedule(spec, id=name, state=ScheduleState(paused=True, note="asleep"))

    async def listed():
        found = [found async for found in await client.list_schedules() if found.id in names]
        assert {found.id for found in found} == names
        for listing in found:
            assert listing.schedule.state.paused
            assert listing.schedule.state.note == "asleep"
            assert listing.schedule.action.workflow == "Chore"
            time = listing.info.next_action_times[0]
            assert (time.weekday(), time.hour, time.minute) == (0, 4, 30)

    await eventually(listed)


async def test_what_a_schedule_leaves_out_is_shown(schedule):
    described = await (await schedule()).describe()
    assert described.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert described.schedule.policy.catchup_window == timedelta(days=365)
    assert described.schedule.spec.time_zone_name in (None, "", "UTC")


async def test_schedules_are_found_by_filters(client, schedule, eventually, queue):
    for number, paused in enumerate([True, False, True]):
        await schedule(id=f"{queue}-{number}", state=ScheduleState(paused=paused))
    filters = {
        f"ScheduleId='{queue}-1'": "1",
        f'`ScheduleId` STARTS_WITH "{queue}"': "012",
        f"ScheduleId STARTS_WITH '{queue}' AND TemporalSchedulePaused = true": "02",
        f"ScheduleId IN ('{queue}-0', '{queue}-1') AND TemporalSchedulePaused=false": "1",
    }

    async def found():
        for filter, expected in filters.items():
            ids = sorted([found.id[-1] async for found in await client.list_schedules(filter)])
            assert "".join(ids) == expected, filter

    await eventually(found)
    with pytest.raises(RPCError) as error:
        [found async for found in await client.list_schedules("NoSuchThing = 1")]
    assert error.value.status == RPCStatusCode.INVALID_ARGUMENT


async def test_a_limited_schedule_stops(workers, schedule, eventually):
    await workers.start(Chore)
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=1))])
    handle = await schedule(spec, state=ScheduleState(limited_actions=True, remaining_actions=1))

    async def used_up():
        described = await handle.describe()
        assert (described.info.num_actions, described.schedule.state.remaining_actions) == (1, 0)

    await eventually(used_up)
    await asyncio.sleep(1.5)
    assert (await handle.describe()).info.num_actions == 1
