"""The example of a worker in Python, run as its page says: as programs of their own, one of them killed on the way."""

import asyncio
import sys
import uuid
from pathlib import Path

import pytest_asyncio

EXAMPLE = Path(__file__).parents[3] / "examples/python/greeting.py"


@pytest_asyncio.fixture
async def run():
    """Starts the example as another process, and ends it with the test."""
    processes = []

    async def run(*arguments: str):
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLE), *arguments, stdout=asyncio.subprocess.PIPE
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_greeting_outlives_its_worker(client, run, eventually):
    name = f"Ada-{uuid.uuid4().hex[:8]}"
    worker = await run("worker")
    await worker.stdout.readline()
    greeting = await run("greet", name)
    handle = client.get_workflow_handle(f"greeting-{name}")

    async def begun():
        started = await client.count_workflows(f"WorkflowId = '{handle.id}'")
        assert started.count == 1
        events = [event async for event in handle.fetch_history_events()]
        assert any(event.HasField("timer_started_event_attributes") for event in events)

    await eventually(begun)
    worker.kill()
    await worker.wait()
    await run("worker")
    output, _ = await asyncio.wait_for(greeting.communicate(), 60)
    assert output.decode().strip() == f"Good morning, {name}! Good day, {name}! Good night, {name}!"
