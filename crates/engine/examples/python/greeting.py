"""A workflow in Python on the embedded engine, over its port.

    pip install temporalio
    python greeting.py worker
    python greeting.py greet Ada

Both ask the server at TEMPORAL_ADDRESS, or at 127.0.0.1:7233. A greeting takes a few seconds and survives whatever is killed
meanwhile: the worker, the engine, or both. Whoever is started again goes on where it was.
"""

import asyncio
import os
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

QUEUE = "greetings"


@activity.defn
async def compose(word: str, name: str) -> str:
    return f"{word}, {name}!"


@workflow.defn
class Greeting:
    def __init__(self) -> None:
        self.said: list[str] = []

    @workflow.run
    async def run(self, name: str) -> str:
        for word in ["Good morning", "Good day", "Good night"]:
            greeting = await workflow.execute_activity(
                compose, args=[word, name], start_to_close_timeout=timedelta(seconds=10)
            )
            self.said.append(greeting)
            await workflow.sleep(timedelta(seconds=1))
        return " ".join(self.said)

    @workflow.query
    def said_so_far(self) -> list[str]:
        return self.said


async def work(client: Client) -> None:
    async with Worker(client, task_queue=QUEUE, workflows=[Greeting], activities=[compose]):
        print("working; Ctrl-C ends it", flush=True)
        await asyncio.Event().wait()


async def greet(client: Client, name: str) -> None:
    """Starts a greeting, or waits for the one that is under way."""
    handle = await client.start_workflow(
        Greeting.run,
        name,
        id=f"greeting-{name}",
        task_queue=QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    print(await handle.result())


async def main(arguments: list[str]) -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "127.0.0.1:7233"))
    match arguments:
        case ["worker"]:
            await work(client)
        case ["greet", name]:
            await greet(client, name)
        case _:
            sys.exit("usage: greeting.py worker | greeting.py greet NAME")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1:]))
    except KeyboardInterrupt:
        pass
