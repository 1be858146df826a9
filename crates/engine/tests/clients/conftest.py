"""What every test gets: the server's address, a client, a task queue of its own, and workers that end with the test.

Whatever a test ran is replayed at its end, with the same workflow classes: a history that does not replay fails the test
that made it. Nothing here knows which server it talks to.
"""

import asyncio
import os
import uuid
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from workers import Workers


def pytest_configure(config):
    config.addinivalue_line("markers", "no_replay: what the test runs is not deterministic, on purpose")


@pytest.fixture(scope="session")
def server() -> str:
    address = os.environ.get("TEMPORAL_ADDRESS")
    if not address:
        pytest.exit("TEMPORAL_ADDRESS must say where the server listens, as HOST:PORT", returncode=2)
    return address


@pytest.fixture
def queue(request) -> str:
    """A name that no other test and no other run uses: for the task queue, and as the prefix of workflow ids."""
    return f"{request.node.name[:60]}-{uuid.uuid4().hex[:8]}"


@pytest_asyncio.fixture
async def client(server) -> Client:
    return await Client.connect(server)


@pytest_asyncio.fixture
async def workers(client, queue, request):
    async with AsyncExitStack() as stack:
        workers = Workers(client, queue, stack)
        yield workers
    if request.node.get_closest_marker("no_replay") is None:
        await workers.replay_everything()


@pytest.fixture
def start(client, queue):
    """Starts a workflow on the test's task queue, under an id of its own."""

    async def start(workflow, *args, id: str = "", **options) -> WorkflowHandle:
        options.setdefault("execution_timeout", timedelta(minutes=2))
        return await client.start_workflow(
            workflow, args=args, id=id or f"{queue}-{uuid.uuid4().hex[:8]}", task_queue=queue, **options
        )

    return start


@pytest.fixture
def eventually():
    """Repeats a check until it holds, for what a server may do a moment later, such as listing what it has begun.

    What is not there yet is met by a lookup or by taking a list apart as often as by an assertion.
    """

    async def eventually(check, seconds: float = 20.0):
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                return await check()
            except (AssertionError, LookupError, ValueError):
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.1)

    return eventually
