"""`manage.py services start|stop|status|erase`: the embedded PostgreSQL and Valkey alone."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import embedded

NOT_RUNNING = 3  # exit status, as `systemctl status` has it


class Command(BaseCommand):
    """Starts, stops and shows the embedded servers; they outlive this command."""

    help = "Embedded PostgreSQL and Valkey, for what DATABASE_URL and REDIS_URL do not name."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the verb."""
        parser.add_argument("verb", choices=["start", "stop", "status", "erase"])
        parser.add_argument("--json", action="store_true", help="print the URLs, with passwords")

    def handle(self, **options: Any) -> None:
        """Do one of the four."""
        var, verb = embedded.var_dir(), options["verb"]
        try:
            if verb == "start":
                embedded.start(var)
            elif verb == "stop":
                embedded.stop(var)
            elif verb == "erase":
                embedded.erase(var)
        except embedded.ServicesError as error:
            raise CommandError(str(error)) from error
        missing = embedded.missing(var)
        if options["json"] and not missing:
            self.stdout.write(_urls(var))
        elif not options["json"]:
            self._describe(var, missing)
        if verb == "status" and missing:
            sys.exit(NOT_RUNNING)

    def _describe(self, var: Path, missing: list[str]) -> None:
        known = embedded.known_urls(var) or embedded.Urls("", "")
        for name, variable, url in (
            ("postgres", "DATABASE_URL", known.database_url),
            ("valkey", "REDIS_URL", known.redis_url),
        ):
            if os.environ.get(variable):
                state = f"not embedded: {variable} names a real server"
            elif name in missing:
                state = "not running"
            else:
                state = f"running at {url.rpartition('@')[2]}"  # without the password
            self.stdout.write(f"{name:9} {state}")


def _urls(var: Path) -> str:
    """Return the URLs that the product uses now, as JSON."""
    known = embedded.known_urls(var) or embedded.Urls("", "")
    configured = (os.environ.get(field.upper()) for field in known._fields)
    pairs = zip(known._fields, configured, known, strict=True)
    return json.dumps({field: real or own for field, real, own in pairs})
