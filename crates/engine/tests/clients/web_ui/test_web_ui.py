"""What a person sees of the server in Temporal's Web UI."""

from datetime import timedelta
from urllib.parse import quote

import pytest_asyncio
from playwright.async_api import expect
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
    ScheduleState,
)

from programs import ACTIVITIES, WORKFLOWS, Delivery


@pytest_asyncio.fixture
async def delivery(workers, start, queue, eventually):
    """A delivery that knocks at a door and waits at another."""
    await workers.start(*WORKFLOWS, activities=ACTIVITIES, identity="a worker by name")
    handle = await start(
        Delivery.run,
        "a clock",
        "knocking",
        id="delivery-" + queue[-8:],
        memo={"owner": "kate"},
        static_summary="one clock",
        static_details="a **fragile** clock",
    )

    async def knocks():
        pending = (await handle.describe()).raw_description.pending_activities
        assert len(pending) == 2 and pending[0].attempt >= 2

    await eventually(knocks)
    yield handle
    await handle.terminate()


def page_of(handle, tab: str) -> str:
    return f"/namespaces/default/workflows/{handle.id}/{handle.result_run_id}/{tab}"


async def test_a_list_with_a_filter(browser, delivery, start, queue):
    done = await start(Delivery.run, "a vase", id="vase-" + queue[-8:])
    await done.signal(Delivery.deliver)
    await done.result()
    filter = f"`TaskQueue`=\"{queue}\" AND `WorkflowType`=\"Delivery\""
    await browser.open("/namespaces/default/workflows?query=" + quote(filter))
    await browser.shows("2 Workflows", "1 Running", "1 Completed", delivery.id, done.id)
    await browser.picture("all")
    filter += ' AND `ExecutionStatus`="Running"'
    await browser.open("/namespaces/default/workflows?query=" + quote(filter))
    await browser.shows("1 Workflow", delivery.id)
    assert done.id not in await browser.text()
    await browser.picture("running")


async def test_a_history(browser, delivery):
    await browser.open(page_of(delivery, "history"))
    await browser.shows(
        delivery.id, "Python 1.35.0", '"a clock"', "Event History", "Pending Activity", "Timer Fired",
        "Start Child Workflow Execution Initiated", "Workflow Execution Started", "into a box",
    )
    await browser.picture("events")
    await browser.open(page_of(delivery, "timeline"))
    await browser.shows("wait_at_door", "Parcel")
    await browser.picture("timeline")
    # The page follows the history.
    await browser.open(page_of(delivery, "history"))
    await browser.shows("Workflow Execution Started")
    await delivery.signal(Delivery.note, "watched")
    await browser.shows("Workflow Execution Signaled")


async def test_a_result_and_a_failure(browser, workers, start, queue):
    await workers.start(*WORKFLOWS, activities=ACTIVITIES)
    done = await start(Delivery.run, "a vase", id="vase-" + queue[-8:])
    await done.execute_update(Delivery.label, "glass")
    await done.signal(Delivery.deliver)
    await done.result()
    await browser.open(page_of(done, "history"))
    await browser.shows(
        "Completed", '"packed a vase, glass"', "Workflow Execution Update Accepted", "Workflow Execution Completed"
    )
    await browser.picture("result")
    given_up = await start(Delivery.run, "a vase", id="given-up-" + queue[-8:])
    await given_up.terminate(reason="the street is shut")
    await browser.open(page_of(given_up, "history"))
    await browser.shows("Terminated", "the street is shut")
    await browser.picture("failure")


async def test_pending_activities(browser, delivery):
    await browser.open(page_of(delivery, "pending-activities"))
    await browser.shows("knock", "nobody opens", "Next Retry", "a worker by name", "wait_at_door", '"door": "green"')
    await browser.picture("activities")


async def test_a_query_and_the_call_stack(browser, delivery):
    await delivery.signal(Delivery.note, "fragile")
    await browser.open(page_of(delivery, "query"))
    await expect(browser.page.get_by_role("textbox", name="Query Type")).to_have_value("progress")
    await browser.click("button", "Run Query")
    await browser.shows('"notes": 1', '"delivered": false')
    await browser.picture("query")
    await browser.open(page_of(delivery, "call-stack"))
    await browser.shows("Stack for")
    await browser.picture("call-stack")


async def test_what_else_is_known_of_a_workflow(browser, delivery):
    for tab, texts in {
        "workers": ["a worker by name"],
        "relationships": [f"{delivery.id}-parcel"],
        "user-metadata": ["one clock", "a fragile clock", "knocking with 2 hands"],
        "memo": ['"owner"', '"kate"'],
        "search-attributes": ["Search Attributes"],
    }.items():
        await browser.open(page_of(delivery, tab))
        await browser.shows(*texts)
        await browser.picture(tab)


async def test_a_workflow_is_ended_from_its_page(browser, workers, start, queue, eventually):
    await workers.start(*WORKFLOWS, activities=ACTIVITIES)
    handle = await start(Delivery.run, "a vase", id="vase-" + queue[-8:])
    await browser.open(page_of(handle, "history"))
    await browser.click("button", "Request Cancellation")
    await browser.picture("asking")
    await browser.click("button", "Confirm")

    async def cancelled():
        assert (await handle.describe()).status.name == "CANCELED"

    await eventually(cancelled)
    await browser.shows("Canceled", "Workflow Execution Cancel Requested")
    await browser.picture("cancelled")


async def test_schedules(browser, client, queue):
    action = ScheduleActionStartWorkflow(Delivery.run, args=["a clock", "quietly"], id=queue, task_queue=queue)
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=1))])
    state = ScheduleState(note="only a test")
    schedule = await client.create_schedule("daily-" + queue[-8:], Schedule(action=action, spec=spec, state=state))
    try:
        await browser.open("/namespaces/default/schedules")
        await browser.shows(schedule.id, "Delivery", "Running")
        await browser.picture("list")
        await browser.open(f"/namespaces/default/schedules/{schedule.id}")
        await browser.shows(schedule.id, "Upcoming Runs", "only a test")
        await browser.picture("schedule")
    finally:
        await schedule.delete()


async def test_the_namespace_and_its_queues(browser, delivery, queue):
    await browser.open("/namespaces/default")
    await browser.shows("Namespace Details", "Retention Period", "Search Attributes", "WorkflowType")
    await browser.picture("namespace")
    await browser.open(f"/namespaces/default/task-queues/{quote(queue)}")
    await browser.shows("a worker by name")
    await browser.picture("task-queue")
