"""Temporal's own command line, as a person or a script runs it."""

import asyncio
import json
import os


class Failed(Exception):
    """The command line ended with an error; this is what it printed."""


class CommandLine:
    def __init__(self, program: str, server: str) -> None:
        self._program = program
        self._server = server

    async def text(self, *arguments: str) -> str:
        """Runs it and returns what it printed for a person."""
        environment = {
            "HOME": os.environ.get("HOME", "/"),
            "TEMPORAL_ADDRESS": self._server,
            "TEMPORAL_DISABLE_CONFIG_FILE": "true",
        }
        process = await asyncio.create_subprocess_exec(
            self._program,
            *arguments,
            "--color",
            "never",
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 60)
        if process.returncode != 0:
            raise Failed(f"{' '.join(arguments)}: {errors.decode()}{output.decode()}")
        return output.decode()

    async def json(self, *arguments: str):
        """Runs it and returns what it printed for a script."""
        return json.loads(await self.text(*arguments, "--output", "json"))
