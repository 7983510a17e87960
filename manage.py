#!/usr/bin/env python
"""Lockstep's command line: `manage.py help` lists what it can do."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(
            f"The database does not answer: {str(error).splitlines()[0]}\n"
            "Start the embedded one with `make run` or `manage.py services start`, "
            "or set DATABASE_URL."
        )
