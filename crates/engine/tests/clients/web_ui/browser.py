"""A browser on the Web UI: goes to its pages, waits for what they must say, and keeps pictures of them."""

import asyncio
import time
from pathlib import Path

from playwright.async_api import Error, Page

#: How long a page may take to say what it must. It takes about a second on an idle machine.
PATIENCE_SECONDS = 20


class Browser:
    def __init__(self, page: Page, address: str, screenshots: Path) -> None:
        self.page = page
        #: What went wrong in the page: exceptions, errors on its console, answers that were errors.
        self.errors: list[str] = []
        self._address = address
        self._screenshots = screenshots
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        page.on("response", self._answered)
        page.on("console", self._said)

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status}: {response.url}")

    def _said(self, message) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text}")

    async def open(self, path: str) -> None:
        await self.page.goto(self._address + path)

    async def text(self) -> str:
        """What can be read on the page, also in the frames that it shows people's own words in, in small letters."""
        texts = []
        for frame in self.page.frames:
            try:
                texts.append(await frame.inner_text("body"))
            except Error:
                # The frame went away while the page changed.
                continue
        return " ".join(" ".join(texts).split()).lower()

    async def shows(self, *texts: str) -> None:
        """Waits until all of these can be read on the page, whatever the case of their letters."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            shown = await self.text()
            missing = [text for text in texts if text.lower() not in shown]
            if not missing:
                return
            assert time.monotonic() < deadline, f"{missing} cannot be read in: {shown}"
            await asyncio.sleep(0.1)

    async def click(self, role: str, name: str) -> None:
        await self.page.get_by_role(role, name=name, exact=True).first.click()

    async def picture(self, name: str) -> None:
        await self.page.screenshot(path=f"{self._screenshots}-{name}.png")
