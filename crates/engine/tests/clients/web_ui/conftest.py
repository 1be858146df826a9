"""Temporal's Web UI in front of the server under test, and a browser that looks at it."""

import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from .browser import Browser

#: What the Web UI reads when it starts.
CONFIGURATION = """\
temporalGrpcAddress: {server}
host: 127.0.0.1
port: {port}
enableUi: true
defaultNamespace: default
disableNewsFetch: true
cors:
  allowOrigins:
    - {address}
"""


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="session")
def web_ui(server, tmp_path_factory):
    """The address of a Web UI that was started for these tests."""
    program = os.environ.get("TEMPORAL_UI_SERVER")
    if not program:
        pytest.skip("TEMPORAL_UI_SERVER does not say where the Web UI's server is")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("web-ui")
    (folder / "test.yaml").write_text(CONFIGURATION.format(server=server, port=port, address=address))
    arguments = ["--root", folder, "--config", ".", "--env", "test", "start"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        while not answers(address):
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest_asyncio.fixture
async def browser(web_ui, request):
    """A page of the Web UI. The test fails if the page had an error, whatever it showed."""
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    screenshots = Path(os.environ.get("SCREENSHOTS", "."))
    async with async_playwright() as playwright:
        # In a container chromium's own sandbox cannot start.
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await launched.new_page(viewport={"width": 1500, "height": 1100})
        browser = Browser(page, web_ui, screenshots / request.node.name)
        yield browser
        await launched.close()
    assert browser.errors == []
