"""`temporal operator …` and `temporal task-queue …`"""

import uuid

import pytest

from programs import ACTIVITIES, WORKFLOWS

from .program import Failed


async def test_namespaces(temporal, eventually):
    name = f"clients-{uuid.uuid4().hex[:8]}"
    namespace = ["operator", "namespace"]
    await temporal.text(*namespace, "create", "--namespace", name, "--retention", "72h", "--description", "a place")
    with pytest.raises(Failed, match="already exists|already registered"):
        await temporal.text(*namespace, "create", "--namespace", name)
    described = await temporal.json(*namespace, "describe", "--namespace", name)
    assert described["namespaceInfo"]["name"] == name
    assert described["namespaceInfo"]["state"] == "NAMESPACE_STATE_REGISTERED"
    assert described["namespaceInfo"]["description"] == "a place"
    assert described["namespaceInfo"]["supportsSchedules"]
    assert described["config"]["workflowExecutionRetentionTtl"] == "259200s"
    await temporal.text(*namespace, "update", "--namespace", name, "--retention", "48h", "--email", "kate@example.org")

    async def updated():
        described = await temporal.json(*namespace, "describe", "--namespace", name)
        assert described["config"]["workflowExecutionRetentionTtl"] == "172800s"
        assert described["namespaceInfo"]["ownerEmail"] == "kate@example.org"

    await eventually(updated)
    names = [item["namespaceInfo"]["name"] for item in await temporal.json(*namespace, "list")]
    assert {"default", name} <= set(names)
    assert name in await temporal.text(*namespace, "describe", "--namespace", name)

    # A namespace is a place of its own.
    async def open_for_use():
        try:
            assert await temporal.json("workflow", "list", "--namespace", name) == []
        except Failed as error:
            raise AssertionError from error

    await eventually(open_for_use)
    await temporal.text(*namespace, "delete", "--namespace", name, "--yes")

    async def deleted():
        names = [item["namespaceInfo"]["name"] for item in await temporal.json(*namespace, "list")]
        assert name not in names

    await eventually(deleted)
    with pytest.raises(Failed, match="not found"):
        await temporal.text("workflow", "list", "--namespace", "nowhere")


async def test_search_attributes(temporal, eventually):
    name = f"Clients{uuid.uuid4().hex[:8]}"
    attribute = ["operator", "search-attribute"]
    await temporal.text(*attribute, "create", "--name", name, "--type", "Keyword")
    attributes = await temporal.json(*attribute, "list")
    assert attributes["customAttributes"][name] == "INDEXED_VALUE_TYPE_KEYWORD"
    assert attributes["systemAttributes"]["WorkflowType"] == "INDEXED_VALUE_TYPE_KEYWORD"
    table = await temporal.text(*attribute, "list")
    assert [name, "Keyword"] in [line.split() for line in table.splitlines()]
    with pytest.raises(Failed):
        await temporal.text(*attribute, "create", "--name", name, "--type", "Int")
    await temporal.text(*attribute, "remove", "--name", name, "--yes")

    async def removed():
        attributes = await temporal.json(*attribute, "list")
        assert name not in attributes.get("customAttributes", {})

    await eventually(removed)


async def test_the_cluster(temporal):
    assert "SERVING" in await temporal.text("operator", "cluster", "health")
    described = await temporal.json("operator", "cluster", "describe")
    assert described["clusterName"] and described["serverVersion"]
    system = await temporal.json("operator", "cluster", "system")
    assert system["serverVersion"]
    assert system["capabilities"]["supportsSchedules"] and system["capabilities"]["upsertMemo"]


async def test_task_queues(temporal, workers, queue, eventually):
    await workers.start(*WORKFLOWS, activities=ACTIVITIES, identity="a worker by name")

    async def described():
        text = await temporal.text("task-queue", "describe", "--task-queue", queue)
        assert "a worker by name" in text
        pollers = [line.split() for line in text.splitlines() if "a worker by name" in line]
        assert {"workflow", "activity"} <= {word for line in pollers for word in line}

    await eventually(described)
    description = await temporal.json("task-queue", "describe", "--task-queue", queue)
    identities = [poller["identity"] for poller in description["pollers"]]
    assert set(identities) == {"a worker by name"}
    legacy = await temporal.text(
        "task-queue", "describe", "--task-queue", queue, "--legacy-mode", "--task-queue-type-legacy", "activity"
    )
    assert "a worker by name" in legacy
    partitions = await temporal.json("task-queue", "list-partition", "--task-queue", queue)
    assert partitions
