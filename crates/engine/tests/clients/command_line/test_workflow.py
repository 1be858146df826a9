"""`temporal workflow …`"""

import asyncio
import json

import pytest
import pytest_asyncio

from programs import ACTIVITIES, WORKFLOWS
from workers import Workers

from .program import Failed


@pytest_asyncio.fixture
async def delivery(temporal, workers: Workers, queue, eventually):
    """Starts a delivery from the command line, waits until it waits, and returns its workflow id."""
    await workers.start(*WORKFLOWS, activities=ACTIVITIES)

    async def delivery(how: str = "quietly", id: str = queue) -> str:
        started = await temporal.json(
            "workflow", "start", "--type", "Delivery", "--task-queue", queue, "--workflow-id", id,
            "--input", '"a clock"', "--input", json.dumps(how), "--memo", 'owner="kate"',
            "--static-summary", "one clock",
        )
        assert (started["workflowId"], started["type"]) == (id, "Delivery")

        async def waits():
            described = await temporal.json("workflow", "describe", "--workflow-id", id)
            assert int(described["workflowExecutionInfo"]["historyLength"]) >= 14

        await eventually(waits)
        return id

    yield delivery
    # Whatever is left open on this queue ends with the test.
    for execution in await temporal.json("workflow", "list", "--query", f"TaskQueue='{queue}' AND WorkflowType='Delivery' AND ExecutionStatus='Running'"):
        id = execution["execution"]["workflowId"]
        await temporal.text("workflow", "terminate", "--workflow-id", id)


async def test_execute_waits_for_the_result(temporal, workers, queue):
    await workers.start(*WORKFLOWS, activities=ACTIVITIES)
    executed = asyncio.create_task(
        temporal.json(
            "workflow", "execute", "--type", "Delivery", "--task-queue", queue, "--workflow-id", queue,
            "--input", '"a clock"',
        )
    )
    while True:
        try:
            await temporal.text("workflow", "signal", "--workflow-id", queue, "--name", "deliver")
            break
        except Failed:
            await asyncio.sleep(0.1)
    result = await executed
    assert (result["status"], result["result"]) == ("COMPLETED", "packed a clock")


async def test_list_and_count(temporal, delivery, queue, eventually):
    await delivery(id=f"{queue}-1")
    await delivery(id=f"{queue}-2")
    query = f"TaskQueue = '{queue}' AND WorkflowType = 'Delivery' AND ExecutionStatus = 'Running'"

    async def listed():
        found = await temporal.json("workflow", "list", "--query", query)
        assert [item["execution"]["workflowId"] for item in found] == [f"{queue}-2", f"{queue}-1"]
        assert {item["status"] for item in found} == {"WORKFLOW_EXECUTION_STATUS_RUNNING"}
        assert found[0]["type"]["name"] == "Delivery"
        assert found[0]["startTime"]

    await eventually(listed)
    assert (await temporal.json("workflow", "count", "--query", query))["count"] == "2"
    table = await temporal.text("workflow", "list", "--query", query)
    assert "Running" in table and "Delivery" in table and f"{queue}-1" in table
    assert len(await temporal.json("workflow", "list", "--query", query, "--limit", "1")) == 1
    with pytest.raises(Failed, match="invalid query|InvalidArgument|unable to parse"):
        await temporal.text("workflow", "list", "--query", "WorkflowType = ")


async def test_show(temporal, delivery):
    id = await delivery()
    shown = await temporal.json("workflow", "show", "--workflow-id", id)
    kinds = [event["eventType"].removeprefix("EVENT_TYPE_") for event in shown["events"]]
    assert kinds == [
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "ACTIVITY_TASK_SCHEDULED",
        "ACTIVITY_TASK_STARTED",
        "ACTIVITY_TASK_COMPLETED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "TIMER_STARTED",
        "TIMER_FIRED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
    ]
    text = await temporal.text("workflow", "show", "--workflow-id", id, "--detailed")
    assert "TimerFired" in text and "input[0]" in text and "a clock" in text
    followed = asyncio.create_task(temporal.text("workflow", "show", "--workflow-id", id, "--follow"))
    await temporal.text("workflow", "signal", "--workflow-id", id, "--name", "deliver")
    assert "WorkflowExecutionCompleted" in await followed


async def test_describe(temporal, delivery, queue, eventually):
    id = await delivery("knocking")

    async def described():
        description = await temporal.json("workflow", "describe", "--workflow-id", id)
        information = description["workflowExecutionInfo"]
        assert information["status"] == "WORKFLOW_EXECUTION_STATUS_RUNNING"
        assert information["taskQueue"] == queue
        assert information["memo"] == {"fields": {"owner": "kate"}} or "owner" in json.dumps(information["memo"])
        assert int(information["historySizeBytes"]) > 0
        config = description["executionConfig"]
        assert config["taskQueue"]["name"] == queue
        assert config["defaultWorkflowTaskTimeout"] == "10s"
        assert config["userMetadata"]["summary"]
        [child] = description["pendingChildren"]
        assert (child["workflowId"], child["workflowTypeName"]) == (f"{id}-parcel", "Parcel")
        knock, wait = description["pendingActivities"]
        assert knock["activityType"]["name"] == "knock"
        assert int(knock["attempt"]) >= 2
        assert knock["lastFailure"]["applicationFailureInfo"]["type"] == "Closed"
        assert knock["heartbeatDetails"]
        assert knock["lastWorkerIdentity"]
        assert wait["state"] == "PENDING_ACTIVITY_STATE_STARTED"

    await eventually(described)
    text = await temporal.text("workflow", "describe", "--workflow-id", id)
    for part in ["Pending Activities: 2", "Pending Child Workflows: 1", "knock", "nobody opens", "Parcel"]:
        assert part in text


async def test_signal_query_and_stack(temporal, delivery):
    id = await delivery()
    await temporal.text("workflow", "signal", "--workflow-id", id, "--name", "note", "--input", '"fragile"')
    answer = await temporal.json("workflow", "query", "--workflow-id", id, "--name", "progress")
    assert answer["queryResult"] == [{"notes": 1, "delivered": False}]
    stack = await temporal.text("workflow", "stack", "--workflow-id", id)
    assert f"run (workflow: Delivery, id: {id}" in stack
    with pytest.raises(Failed, match="nothing_like_it"):
        await temporal.text("workflow", "query", "--workflow-id", id, "--name", "nothing_like_it")
    await temporal.text("workflow", "signal", "--workflow-id", id, "--name", "deliver")
    result = await temporal.json("workflow", "result", "--workflow-id", id)
    assert result["result"] == "packed a clock, fragile"
    answer = await temporal.json("workflow", "query", "--workflow-id", id, "--name", "progress")
    assert answer["queryResult"] == [{"notes": 1, "delivered": True}]
    with pytest.raises(Failed, match="already completed"):
        await temporal.text("workflow", "signal", "--workflow-id", id, "--name", "deliver")


async def test_metadata_names_what_the_workflow_answers(temporal, delivery):
    id = await delivery("knocking")
    metadata = await temporal.json("workflow", "metadata", "--workflow-id", id)
    [answer] = metadata["queryResult"]
    definition = answer["definition"]
    assert definition["type"] == "Delivery"
    assert {"name": "progress", "description": "How far it is"} in definition["queryDefinitions"]
    assert answer["currentDetails"] == "knocking with 2 hands"


async def test_updates(temporal, delivery):
    id = await delivery()
    target = ["--workflow-id", id, "--name", "label"]
    executed = await temporal.json(
        "workflow", "update", "execute", *target, "--input", '"glass"', "--update-id", "first"
    )
    assert (executed["updateId"], executed["result"]) == ("first", 1)
    await temporal.json(
        "workflow", "update", "start", *target, "--input", '"up"', "--update-id", "second",
        "--wait-for-stage", "accepted",
    )
    for command in ["result", "describe"]:
        answer = await temporal.json(
            "workflow", "update", command, "--workflow-id", id, "--update-id", "second"
        )
        assert answer["result"] == 2
    with pytest.raises(Failed, match="a label has a text"):
        await temporal.json("workflow", "update", "execute", *target, "--input", '""')


async def test_signal_with_start(temporal, workers, queue):
    await workers.start(*WORKFLOWS, activities=ACTIVITIES)
    for _ in range(2):
        started = await temporal.json(
            "workflow", "signal-with-start", "--type", "Delivery", "--task-queue", queue,
            "--workflow-id", queue, "--input", '"a vase"', "--signal-name", "note",
            "--signal-input", '"again"', "--id-conflict-policy", "UseExisting",
        )
        assert started["workflowId"] == queue
    await temporal.text("workflow", "signal", "--workflow-id", queue, "--name", "deliver")
    result = await temporal.json("workflow", "result", "--workflow-id", queue)
    assert result["result"] == "packed a vase, again, again"


async def test_cancel(temporal, delivery):
    id = await delivery()
    await temporal.text("workflow", "cancel", "--workflow-id", id)
    with pytest.raises(Failed):
        await temporal.text("workflow", "result", "--workflow-id", id)
    described = await temporal.json("workflow", "describe", "--workflow-id", id)
    assert described["workflowExecutionInfo"]["status"] == "WORKFLOW_EXECUTION_STATUS_CANCELED"


async def test_terminate(temporal, delivery):
    id = await delivery()
    await temporal.text("workflow", "terminate", "--workflow-id", id, "--reason", "the street is shut")
    text = await temporal.text("workflow", "show", "--workflow-id", id, "--detailed")
    assert "WorkflowExecutionTerminated" in text and "the street is shut" in text
    described = await temporal.json("workflow", "describe", "--workflow-id", id)
    assert described["workflowExecutionInfo"]["status"] == "WORKFLOW_EXECUTION_STATUS_TERMINATED"
    with pytest.raises(Failed, match="already completed"):
        await temporal.text("workflow", "terminate", "--workflow-id", id)


@pytest.mark.parametrize(
    "to", [["--event-id", "4"], ["--type", "FirstWorkflowTask"], ["--type", "LastWorkflowTask"]]
)
async def test_reset(temporal, delivery, to):
    id = await delivery()
    await temporal.text("workflow", "signal", "--workflow-id", id, "--name", "note", "--input", '"kept"')
    await temporal.text("workflow", "terminate", "--workflow-id", id)
    reset = await temporal.json("workflow", "reset", "--workflow-id", id, "--reason", "wrong door", *to)
    run_id = reset["runId"]
    await temporal.text("workflow", "signal", "--workflow-id", id, "--name", "deliver")
    result = await temporal.json("workflow", "result", "--workflow-id", id, "--run-id", run_id)
    assert result["result"] == "packed a clock, kept"


async def test_delete(temporal, delivery, eventually):
    id = await delivery()
    await temporal.text("workflow", "terminate", "--workflow-id", id)
    await temporal.text("workflow", "delete", "--workflow-id", id)

    async def gone():
        try:
            await temporal.text("workflow", "describe", "--workflow-id", id)
        except Failed as error:
            assert "not found" in str(error)
            return
        raise AssertionError("it is still there")

    await eventually(gone, seconds=60)


async def test_trace(temporal, delivery):
    id = await delivery("knocking")
    await temporal.text("workflow", "terminate", "--workflow-id", id)
    trace = await temporal.text("workflow", "trace", "--workflow-id", id)
    assert "Delivery" in trace and "knock" in trace and "Parcel" in trace


async def test_activities_are_controlled_by_id(temporal, delivery, eventually):
    id = await delivery("knocking")
    activity = ["--workflow-id", id, "--activity-id", "2"]

    async def knock():
        described = await temporal.json("workflow", "describe", "--workflow-id", id)
        return next(pending for pending in described["pendingActivities"] if pending["activityId"] == "2")

    await temporal.text("activity", "pause", *activity)

    async def paused():
        assert (await knock())["paused"]

    await eventually(paused)
    await temporal.text("activity", "update-options", *activity, "--retry-maximum-attempts", "1000")
    await temporal.text("activity", "reset", *activity, "--keep-paused")
    await temporal.text("activity", "unpause", *activity)

    async def unpaused():
        pending = await knock()
        assert not pending.get("paused")
        assert int(pending["maximumAttempts"]) == 1000

    await eventually(unpaused)
    await temporal.text("activity", "complete", "--workflow-id", id, "--activity-id", "3", "--result", '"open"')

    async def completed():
        shown = await temporal.json("workflow", "show", "--workflow-id", id)
        results = [event for event in shown["events"] if event["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_COMPLETED"]
        assert len(results) == 2

    await eventually(completed)
