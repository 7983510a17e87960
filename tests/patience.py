"""Patience: tests wait longer than the product does, however busy their machine is.

The product gives Redis a quarter of a second at most, and providers of language understanding two
seconds in all. What comes later is no error there but another answer: a hint that is not sent, a
ticket that is refused, a degraded reply. A test that is about something else must not meet these
limits because its machine was slow for a moment; one that is about them sets them itself.

An app, so that the servers which tests start are as patient as the tests.
"""

import os
from importlib import import_module

from django.apps import AppConfig

from tests.databases import IS_SERVER

REDIS_SECONDS = 10.0
OF_REDIS = (
    "apps.events.selectors.heartbeats",
    "apps.events.services.waking",
    "apps.nlu.redis_link",
    "apps.resilience.services",
    "apps.sockets.broadcasts",
    "apps.sockets.redis_client",
    "apps.trading.selectors.position_cache",
)
"""Modules that name in `TIMEOUT` how long they wait for Redis."""
OF_PRODUCT: dict[str, float] = {}
"""What they name there, for the tests of it."""
ANSWER_SECONDS = 20.0
SLICE_SECONDS = 60.0
"""After a slice a drain gives way to others; tests drain once, and want all of it."""
TRUSTED_SECONDS = 600.0
OF_MEMORY = (
    ("apps.calendars.selectors", "TRUSTED_SECONDS"),
    ("apps.events.services.waking", "MAP_SECONDS"),
    ("apps.nlu.services.terms", "SECONDS"),
    ("apps.tenants.authentication", "KEY_CACHE_SECONDS"),
)
"""How long a process believes what it read: a test that counts queries must not meet the end of it.
Servers meet many tests, and believe as the product does."""


class Patience(AppConfig):
    """Sets the limits when Django is set up."""

    name = "tests.patience"

    def ready(self) -> None:
        for name in OF_REDIS:
            module = vars(import_module(name))
            OF_PRODUCT.setdefault(name, module["TIMEOUT"])
            module["TIMEOUT"] = REDIS_SECONDS
        vars(import_module("apps.nlu.services.terms"))["DEADLINE"] = ANSWER_SECONDS
        for name, limit in () if IS_SERVER in os.environ else OF_MEMORY:
            vars(import_module(name))[limit] = TRUSTED_SECONDS
        draining = vars(import_module("apps.events.services.draining"))
        draining["SLICE_SECONDS"] = draining["drain"].__kwdefaults__["seconds"] = SLICE_SECONDS
