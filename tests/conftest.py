"""Fixtures for every test; the servers behind them are started by `tests/settings.py`."""

import hypothesis
from django.conf import settings

from config import embedded
from tests.fixtures import *  # noqa: F403 - the cast

# Shared machines are slow at times: how long an example takes is no property of ours.
hypothesis.settings.register_profile(
    "calm", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("calm")


def pytest_unconfigure() -> None:
    """Stop the servers that this run started."""
    if settings.STARTED_SERVICES:
        embedded.stop(embedded.var_dir())
