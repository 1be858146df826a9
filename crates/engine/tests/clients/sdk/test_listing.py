"""Listing and counting, with filters over what every workflow has and over attributes of one's own."""

import uuid
from datetime import datetime, timedelta, timezone

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

COLOUR = SearchAttributeKey.for_keyword("ClientsColour")
NUMBER = SearchAttributeKey.for_int("ClientsNumber")
WEIGHT = SearchAttributeKey.for_float("ClientsWeight")
FRESH = SearchAttributeKey.for_bool("ClientsFresh")
PICKED = SearchAttributeKey.for_datetime("ClientsPicked")
STORY = SearchAttributeKey.for_text("ClientsStory")
LABELS = SearchAttributeKey.for_keyword_list("ClientsLabels")
DAY = datetime(2024, 5, 17, 12, 30, tzinfo=timezone.utc)


@workflow.defn
class Fruit:
    @workflow.run
    async def run(self, end: str) -> str:
        if end == "rot":
            await workflow.wait_condition(lambda: False)
        return end


@workflow.defn
class Seed:
    @workflow.run
    async def run(self, end: str | None) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn
class Ripen:
    """Changes its own attributes: sets one, changes one, takes one away."""

    @workflow.run
    async def run(self) -> None:
        workflow.upsert_search_attributes(
            [COLOUR.value_set("red"), NUMBER.value_set(12), FRESH.value_unset()]
        )
        workflow.upsert_memo({"ripe": True, "green": None})
        assert workflow.info().typed_search_attributes[COLOUR] == "red"


@pytest_asyncio.fixture
async def attributes(client):
    request = AddSearchAttributesRequest(
        namespace="default",
        search_attributes={
            COLOUR.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
            NUMBER.name: IndexedValueType.INDEXED_VALUE_TYPE_INT,
            WEIGHT.name: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
            FRESH.name: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
            PICKED.name: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
            STORY.name: IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
            LABELS.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
        },
    )
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise


def fruit(**values) -> TypedSearchAttributes:
    keys = {
        "colour": COLOUR,
        "number": NUMBER,
        "weight": WEIGHT,
        "fresh": FRESH,
        "picked": PICKED,
        "story": STORY,
        "labels": LABELS,
    }
    return TypedSearchAttributes([SearchAttributePair(keys[key], value) for key, value in values.items()])


FRUITS = {
    "apple": fruit(
        colour="red", number=1, weight=0.2, fresh=True, picked=DAY, story="fell from a tree", labels=["round", "sweet"]
    ),
    "banana": fruit(
        colour="yellow", number=5, weight=0.15, fresh=False, picked=DAY + timedelta(days=1), labels=["long", "sweet"]
    ),
    "cherry": fruit(colour="dark-red", number=40, weight=0.01, fresh=True, story="grew on the tree"),
    "plain": TypedSearchAttributes([]),
}


@pytest_asyncio.fixture
async def basket(client, workers, start, attributes, queue, eventually):
    """Four workflows: two completed, one terminated, one running. Answers a filter with their names."""
    await workers.start(Fruit, Seed)
    ends = {"apple": "eaten", "banana": "rot", "cherry": "eaten"}
    for name, values in FRUITS.items():
        kind = "Fruit" if name in ends else "Seed"
        handle = await start(
            kind,
            ends.get(name),
            id=f"{queue}-{name}",
            search_attributes=values,
        )
        if ends.get(name) == "eaten":
            await handle.result()
        elif name == "banana":
            await handle.terminate()

    async def found(filter: str, order: str = "") -> list[str]:
        query = f"TaskQueue = '{queue}'" + (f" AND ({filter})" if filter else "") + order
        return [found.id.rpartition("-")[2] async for found in client.list_workflows(query)]

    async def all_are_listed():
        assert sorted(await found("")) == sorted(FRUITS)
        assert len(await found("ExecutionStatus = 'Running'")) == 1

    await eventually(all_are_listed)
    return found


FILTERS = {
    "": "apple banana cherry plain",
    "WorkflowType = 'Fruit'": "apple banana cherry",
    "WorkflowType != 'Fruit'": "plain",
    "ExecutionStatus = 'Completed'": "apple cherry",
    "ExecutionStatus IN ('Terminated', 'Running')": "banana plain",
    "ExecutionStatus = 'Failed'": "",
    "CloseTime IS NULL": "plain",
    "CloseTime IS NOT NULL": "apple banana cherry",
    "StartTime > '2020-01-01T00:00:00Z'": "apple banana cherry plain",
    "StartTime < '2020-01-01T00:00:00Z'": "",
    "HistoryLength > 2": "apple banana cherry",
    "HistoryLength > 100": "",
    "ExecutionDuration < '1h'": "apple banana cherry",
    "ClientsColour = 'red'": "apple",
    "ClientsColour != 'red'": "banana cherry",
    "ClientsColour IN ('red', 'yellow')": "apple banana",
    "ClientsColour STARTS_WITH 'dark'": "cherry",
    "ClientsColour NOT STARTS_WITH 'dark'": "apple banana",
    "ClientsColour IS NULL": "plain",
    "ClientsNumber > 4": "banana cherry",
    "ClientsNumber BETWEEN 1 AND 5": "apple banana",
    "ClientsNumber NOT BETWEEN 1 AND 5": "cherry",
    "ClientsWeight <= 0.15": "banana cherry",
    "ClientsFresh = true": "apple cherry",
    "ClientsPicked < '2024-05-18T00:00:00Z'": "apple",
    "ClientsPicked >= '2024-05-18T00:00:00Z'": "banana",
    "ClientsStory = 'tree'": "apple cherry",
    "ClientsStory = 'grew'": "cherry",
    "ClientsLabels = 'sweet'": "apple banana",
    "ClientsLabels IN ('round', 'long')": "apple banana",
    "ClientsNumber < 10 AND (ClientsFresh = false OR ClientsColour = 'red')": "apple banana",
    "NOT ClientsFresh = true": "banana",
}


async def test_filters(basket):
    wrong = {}
    for filter, expected in FILTERS.items():
        try:
            found = " ".join(sorted(await basket(filter)))
        except RPCError as error:
            found = f"{error.status.name}: {error.message}"
        if found != expected:
            wrong[filter] = found
    assert wrong == {}


async def test_a_filter_that_makes_no_sense_is_refused(client, queue):
    for filter in [
        "ClientsNoSuchThing = 1",
        "WorkflowType = ",
        "WorkflowType = 'unfinished",
        "ExecutionStatus = 'Sleeping'",
        "StartTime > 'yesterday'",
        "WorkflowType LIKE 'x'",
    ]:
        with pytest.raises(RPCError) as error:
            [found async for found in client.list_workflows(filter)]
        assert error.value.status == RPCStatusCode.INVALID_ARGUMENT, filter


async def test_what_is_listed_says_what_it_is(client, basket, queue):
    [found] = [found async for found in client.list_workflows(f"WorkflowId = '{queue}-apple'")]
    assert found.workflow_type == "Fruit"
    assert found.status == WorkflowExecutionStatus.COMPLETED
    assert found.task_queue == queue
    assert found.history_length == 5
    assert found.start_time <= found.close_time
    assert found.typed_search_attributes[COLOUR] == "red"
    assert found.typed_search_attributes[NUMBER] == 1
    assert found.typed_search_attributes[WEIGHT] == 0.2
    assert found.typed_search_attributes[FRESH] is True
    assert found.typed_search_attributes[PICKED] == DAY
    assert found.typed_search_attributes[STORY] == "fell from a tree"
    assert sorted(found.typed_search_attributes[LABELS]) == ["round", "sweet"]


async def test_pages_hold_everything_once_newest_first(client, start, queue, eventually):
    handles = [await start("Nobody", id=f"{queue}-{number:02}") for number in range(23)]

    async def listed():
        found = [
            found.id async for found in client.list_workflows(f"TaskQueue = '{queue}'", page_size=5)
        ]
        assert found == [handle.id for handle in reversed(handles)]

    await eventually(listed)
    limited = client.list_workflows(f"TaskQueue = '{queue}'", page_size=5, limit=7)
    assert len([found async for found in limited]) == 7


async def test_counting(client, basket, queue):
    assert (await client.count_workflows(f"TaskQueue = '{queue}'")).count == 4
    grouped = await client.count_workflows(f"TaskQueue = '{queue}' GROUP BY ExecutionStatus")
    groups = {group.group_values[0]: group.count for group in grouped.groups}
    assert grouped.count == 4
    assert groups == {"Running": 1, "Completed": 2, "Terminated": 1}


async def test_a_workflow_changes_its_own_attributes_and_memo(client, workers, start, attributes, queue, eventually):
    await workers.start(Ripen)
    handle = await start(
        Ripen.run,
        search_attributes=fruit(colour="green", number=2, fresh=True),
        memo={"green": True, "kept": 1},
    )
    await handle.result()
    described = await handle.describe()
    assert described.typed_search_attributes[COLOUR] == "red"
    assert described.typed_search_attributes[NUMBER] == 12
    assert FRESH not in described.typed_search_attributes
    assert await described.memo() == {"ripe": True, "kept": 1}

    async def found():
        filter = f"TaskQueue = '{queue}' AND ClientsColour = 'red' AND ClientsFresh IS NULL"
        assert [found.id async for found in client.list_workflows(filter)] == [handle.id]

    await eventually(found)


async def test_an_attribute_that_nobody_declared_is_refused(start):
    unknown = SearchAttributeKey.for_keyword(f"Undeclared{uuid.uuid4().hex[:6]}")
    with pytest.raises(RPCError) as error:
        await start("Nobody", search_attributes=TypedSearchAttributes([SearchAttributePair(unknown, "x")]))
    assert error.value.status == RPCStatusCode.INVALID_ARGUMENT
    assert unknown.name in error.value.message
