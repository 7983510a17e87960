"""Fixtures for every test; the servers behind them are started by `tests/settings.py`."""

import os

import hypothesis
import pytest
from django.conf import settings
from django.db import connection

from config import embedded
from tests import templates
from tests.fixtures import *  # noqa: F403 - the cast

# Shared machines are slow at times: how long an example takes is no property of ours.
hypothesis.settings.register_profile(
    "calm",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    # The same examples in every run; the long ones (`make chaos`) look for others.
    derandomize="CHAOS_SECONDS" not in os.environ,
)
hypothesis.settings.load_profile("calm")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Let test databases be copies of one that is migrated."""
    connection.settings_dict["TEST"]["TEMPLATE"] = templates.migrated()


def pytest_unconfigure() -> None:
    """Stop the servers that this run started."""
    if settings.STARTED_SERVICES:
        embedded.stop(embedded.var_dir())
