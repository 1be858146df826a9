import os

import pytest

from .program import CommandLine


@pytest.fixture
def temporal(server) -> CommandLine:
    program = os.environ.get("TEMPORAL_CLI")
    if not program:
        pytest.skip("TEMPORAL_CLI does not say where the command line is")
    return CommandLine(program, server)
