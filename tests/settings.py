"""The product's settings, against test databases on real PostgreSQL and Redis.

Without DATABASE_URL and REDIS_URL the embedded servers are started under `var/test` (or
`LOCKSTEP_TEST_VAR`), here, because Django reads the settings before pytest reads a conftest.
"""

import os
from pathlib import Path

from config import embedded
from tests.databases import own_redis

os.environ["LOCKSTEP_VAR"] = os.environ.get(
    "LOCKSTEP_TEST_VAR", str(Path(__file__).resolve().parent.parent / "var" / "test")
)
STARTED_SERVICES = "PYTEST_XDIST_WORKER" not in os.environ and bool(
    embedded.missing(embedded.var_dir())
)
if STARTED_SERVICES:
    embedded.start(embedded.var_dir())

from config.settings import *  # noqa: E402,F403 - that is what this file is for

REDIS_URL = CELERY_BROKER_URL = own_redis(REDIS_URL)  # noqa: F405 - the product's
INSTALLED_APPS = [*INSTALLED_APPS, "tests.patience.Patience"]  # noqa: F405 - the product's
NLU_RECORD_EVERY = None  # a timer's thread would outlive its test
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast; never outside tests
