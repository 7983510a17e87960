"""`manage.py drill`: the disaster drill."""

import json
from dataclasses import asdict
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from rich.console import Console

from config.database_url import database_url
from config.drill import drill
from config.embedded import ServicesError


class Command(BaseCommand):
    """Back up, restore elsewhere, recover, compare."""

    help = (
        "Take a base backup of the running database, restore it on a PostgreSQL of its own beside an"
        " empty Redis, recover there (manage.py recover) and compare: nothing that was acknowledged"
        " before the backup began may be missing. The running stack goes on meanwhile; the copy is"
        " removed at the end, or by the next drill where this one is killed. Exit code 1 if something is lost or does not add up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """--json."""
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, **options: Any) -> None:
        """Drill, and tell."""
        console = Console(stderr=True, quiet=options["json"])
        try:
            with console.status("drilling") as status:
                found = drill(database_url(connection.settings_dict), say=status.update)
        except (ServicesError, psycopg.Error) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({"ok": found.ok, **asdict(found)}))
        else:
            self._tell(found.lost, found.recovery, found.heads, found.seconds)
        if not found.ok:
            raise SystemExit(1)

    def _tell(
        self, lost: list[str], recovery: dict[str, Any], heads: int, seconds: dict[str, float]
    ) -> None:
        for stage, took in seconds.items():
            self.stdout.write(f"{stage}: {took} s")
        self.stdout.write(
            f"{heads} partitions at the recovery point, {len(lost)} of them cut short"
        )
        for place in lost:
            self.stdout.write(f"  LOST {place}")
        for fault in recovery.get("faults", [recovery.get("error", "")]):
            self.stdout.write(f"  {fault}")
        sound = not lost and recovery.get("ok")
        self.stdout.write("The backup is good." if sound else "THE BACKUP IS NOT GOOD.")
