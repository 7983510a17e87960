"""One stack for all faults of a run; and one seed."""

import os

import pytest

from config import embedded
from tests.chaos.stack import Stack
from tests.seeds import SEED

SECONDS = float(os.environ.get("CHAOS_SECONDS") or 0)
"""How much longer than usual the faults rage."""


@pytest.fixture(scope="session")
def _servers():
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    stack = Stack(embedded.var_dir() / f"chaos{worker}", SEED)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def stack(_servers):
    """Servers that work, and no workers but the test's own."""
    print(f"CHAOS_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    yield _servers
    _servers.start_postgres()
    _servers.start_valkey()
    for worker in list(_servers.workers):
        worker.dismiss()


@pytest.fixture
def seconds():
    """For how long faults rage on top of what a short run does."""
    return SECONDS
