"""Task queues: who polls them, and that a workflow goes on with another worker where one has left."""

from temporalio import workflow
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetSystemInfoRequest


@workflow.defn
class Steps:
    def __init__(self) -> None:
        self.taken = 0

    @workflow.run
    async def run(self, wanted: int) -> int:
        await workflow.wait_condition(lambda: self.taken >= wanted)
        return self.taken

    @workflow.signal
    async def step(self) -> None:
        self.taken += 1

    @workflow.query
    def value(self) -> int:
        return self.taken


async def test_a_queue_names_its_pollers(client, workers, queue, eventually):
    async def pollers():
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace="default",
                task_queue=TaskQueue(name=queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
        )
        return [poller.identity for poller in answer.pollers]

    assert await pollers() == []
    await workers.start(Steps, identity="a worker by name")

    async def named():
        assert set(await pollers()) == {"a worker by name"}

    await eventually(named)


async def test_another_worker_goes_on_where_one_has_left(workers, start):
    first = await workers.start(Steps)
    handle = await start(Steps.run, 4)
    for taken in range(1, 4):
        await handle.signal(Steps.step)
        assert await handle.query(Steps.value) == taken
    await first.shutdown()
    await workers.start(Steps)
    assert await handle.query(Steps.value) == 3
    await handle.signal(Steps.step)
    assert await handle.result() == 4


async def test_the_server_says_what_it_can(client):
    answer = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    assert answer.server_version
    assert answer.capabilities.signal_and_query_header
    assert answer.capabilities.supports_schedules
    assert answer.capabilities.upsert_memo
    assert await client.service_client.check_health()
