"""The product's settings with the log, its workers and the toys; and nothing else."""

import os

from config.settings import *  # noqa: F403 - that is what this file is for

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "config",
    "apps.core",
    "apps.tenants",
    "apps.events",
    "tests.chaos.apps.ChaosConfig",
]
ROOT_URLCONF = "tests.chaos.settings"
urlpatterns: list[object] = []
REDIS_PREFIX = os.environ["REDIS_PREFIX"]
