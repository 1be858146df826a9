"""The workers of one test, and the replay of what they did."""

from contextlib import AsyncExitStack

from temporalio.client import Client
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker


class Workers:
    """All on the test's task queue. The workflow sandbox is off: its subject is Python, not a server."""

    def __init__(self, client: Client, queue: str, stack: AsyncExitStack) -> None:
        self.client = client
        self.queue = queue
        self.workflows: dict[str, type] = {}
        self._stack = stack

    async def start(self, *workflows: type, activities=(), **options) -> Worker:
        self.workflows |= {workflow.__name__: workflow for workflow in workflows}
        worker = Worker(
            self.client,
            task_queue=self.queue,
            workflows=workflows,
            activities=activities,
            workflow_runner=UnsandboxedWorkflowRunner(),
            **options,
        )
        return await self._stack.enter_async_context(worker)

    async def replay_everything(self) -> int:
        """Replays every history of this task queue and returns how many there were."""
        if not self.workflows:
            return 0
        replayer = Replayer(
            workflows=list(self.workflows.values()), workflow_runner=UnsandboxedWorkflowRunner()
        )
        replayed = 0
        async for execution in self.client.list_workflows(f"TaskQueue = '{self.queue}'"):
            history = await self.client.get_workflow_handle(
                execution.id, run_id=execution.run_id
            ).fetch_history()
            await replayer.replay_workflow(history)
            replayed += 1
        return replayed
