"""Fixtures for every test; the servers behind them are started by `tests/settings.py`."""

from django.conf import settings

from config import embedded
from tests.fixtures import *  # noqa: F403 - the cast


def pytest_unconfigure() -> None:
    """Stop the servers that this run started."""
    if settings.STARTED_SERVICES:
        embedded.stop(embedded.var_dir())
