#!/usr/bin/env python
"""Lockstep's command line: `manage.py help` lists what it can do."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError


def up(arguments: list[str]) -> None:
    """Run the supervisor without Django's apps: it is there two seconds sooner, and stays small."""
    import config.settings  # noqa: F401, PLC0415 - it reads `.env`
    from config.management.commands.up import Command  # noqa: PLC0415 - only here

    Command().run_from_argv(arguments)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        if sys.argv[1:2] == ["up"]:
            up(sys.argv)
        else:
            execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(
            f"The database does not answer: {str(error).splitlines()[0]}\n"
            "Start the embedded one with `make run` or `manage.py services start`, "
            "or set DATABASE_URL."
        )
