"""`temporal schedule …`"""

import re

import pytest
import pytest_asyncio

from .program import Failed


@pytest_asyncio.fixture
async def schedule(temporal, queue):
    """A schedule that is due once an hour, and its id."""
    await temporal.text(
        "schedule", "create", "--schedule-id", queue, "--interval", "1h/5m", "--workflow-id", f"{queue}-run",
        "--type", "Parcel", "--task-queue", queue, "--input", '"a parcel"', "--notes", "on the hour",
        "--execution-timeout", "60s",
    )
    yield queue
    try:
        await temporal.text("schedule", "delete", "--schedule-id", queue)
    except Failed as error:
        assert re.search("not found|already completed", str(error))


async def described(temporal, id: str):
    return await temporal.json("schedule", "describe", "--schedule-id", id)


async def test_describe_and_list(temporal, schedule, eventually):
    description = await described(temporal, schedule)
    [interval] = description["schedule"]["spec"]["interval"]
    assert (interval["interval"], interval["phase"]) == ("3600s", "300s")
    assert description["schedule"]["action"]["startWorkflow"]["workflowType"]["name"] == "Parcel"
    assert description["schedule"]["state"]["notes"] == "on the hour"
    assert len(description["info"]["futureActionTimes"]) == 10
    assert all(time[14:16] == "05" for time in description["info"]["futureActionTimes"])

    async def listed():
        found = await temporal.json("schedule", "list", "--really-long")
        assert schedule in [item["scheduleId"] for item in found]

    await eventually(listed)
    text = await temporal.text("schedule", "describe", "--schedule-id", schedule)
    assert schedule in text and "Parcel" in text and "on the hour" in text
    assert schedule in await temporal.text("schedule", "list")


async def test_toggle(temporal, schedule, eventually):
    await temporal.text("schedule", "toggle", "--schedule-id", schedule, "--pause", "--reason", "holidays")

    async def paused():
        state = (await described(temporal, schedule))["schedule"]["state"]
        assert (state["paused"], state["notes"]) == (True, "holidays")

    await eventually(paused)
    await temporal.text("schedule", "toggle", "--schedule-id", schedule, "--unpause", "--reason", "back")

    async def unpaused():
        state = (await described(temporal, schedule))["schedule"]["state"]
        assert (state.get("paused", False), state["notes"]) == (False, "back")

    await eventually(unpaused)


async def test_trigger_and_backfill(temporal, schedule, eventually):
    await temporal.text("schedule", "trigger", "--schedule-id", schedule)

    async def started():
        information = (await described(temporal, schedule))["info"]
        assert information["actionCount"] == "1"
        [running] = information["runningWorkflows"]
        assert running["workflowId"].startswith(f"{schedule}-run-")

    await eventually(started)
    await temporal.text(
        "schedule", "backfill", "--schedule-id", schedule, "--overlap-policy", "AllowAll",
        "--start-time", "2024-01-01T00:00:00Z", "--end-time", "2024-01-01T03:00:00Z",
    )

    async def made_up_for():
        assert (await described(temporal, schedule))["info"]["actionCount"] == "4"

    await eventually(made_up_for)


async def test_update(temporal, schedule, queue, eventually):
    await temporal.text(
        "schedule", "update", "--schedule-id", schedule, "--calendar", '{"hour":"4","minute":"30"}',
        "--workflow-id", f"{queue}-run", "--type", "Delivery", "--task-queue", queue,
    )

    async def updated():
        description = await described(temporal, schedule)
        assert description["schedule"]["action"]["startWorkflow"]["workflowType"]["name"] == "Delivery"
        assert all(time[11:16] == "04:30" for time in description["info"]["futureActionTimes"])

    await eventually(updated)


async def test_delete(temporal, schedule):
    await temporal.text("schedule", "delete", "--schedule-id", schedule)
    with pytest.raises(Failed, match="not found"):
        await described(temporal, schedule)


async def test_a_cron_expression(temporal, queue):
    await temporal.text(
        "schedule", "create", "--schedule-id", queue, "--cron", "15 12 * * MON#once a week",
        "--workflow-id", queue, "--type", "Parcel", "--task-queue", queue, "--paused",
    )
    description = await described(temporal, queue)
    assert all(time[11:16] == "12:15" for time in description["info"]["futureActionTimes"])
    await temporal.text("schedule", "delete", "--schedule-id", queue)
