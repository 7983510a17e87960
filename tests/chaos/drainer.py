"""`python -m tests.chaos.drainer HANDLER TOPIC PARTITION`: one drain, for kills at its steps."""

import os
import sys

import django


def main(handler: str, topic: str, partition: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.chaos.settings")
    django.setup()
    from apps.events.services import drain  # noqa: PLC0415 - after Django's start

    drain(handler, topic, int(partition))


if __name__ == "__main__":
    main(*sys.argv[1:])
