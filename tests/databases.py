"""A database of Redis for each of the test workers that run side by side.

What is not named after an environment is shared by all who use a database: the queues of Celery above
all, which nobody empties here, and FLUSHDB.
"""

import os
from urllib.parse import urlsplit

ALARMS = 15
"""Of one test module, whose real worker takes whatever its queues hold."""
IS_SERVER = "LOCKSTEP_TEST_SERVER"
"""In the environment of what a test starts: it is told the test's own URL."""


def own_redis(url: str) -> str:
    """The URL of this test worker's database, on the server of `url`; there are 16 where nobody says."""
    if IS_SERVER in os.environ:
        return url
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return database(url, number % ALARMS)


def database(url: str, number: int) -> str:
    """The URL of a database on the server of `url`."""
    return urlsplit(url)._replace(path=f"/{number}").geturl()
