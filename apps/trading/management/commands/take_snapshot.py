"""`manage.py take_snapshot`: what the clock does every hour, by hand."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.core.problems import dumps
from apps.trading import services


class Command(BaseCommand):
    """Take a snapshot of all positions."""

    help = (
        "Keep all positions at one cut of the log, now, and fold those that moved from the snapshot"
        " before. Exit code 1 if one of them comes out otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--at, --json."""
        parser.add_argument(
            "--at", type=datetime.fromisoformat, help="its name, a time in UTC (default: now)"
        )
        parser.add_argument("--json", action="store_true", help="machine-readable")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take it and say what it holds."""
        snapshot = services.take_snapshot(options["at"] or timezone.now())
        if options["json"]:
            self.stdout.write(
                dumps(
                    {
                        "period": snapshot.period,
                        "taken_at": snapshot.taken_at,
                        "positions": snapshot.positions,
                        "checked": snapshot.checked,
                        "faults": snapshot.faults,
                        "offsets": snapshot.offsets,
                    }
                ).decode()
            )
        else:
            self.stdout.write(
                f"{snapshot.period:%Y-%m-%d %H:%M}: {snapshot.positions} positions kept,"
                f" {snapshot.checked} proven by the snapshot before"
            )
        if snapshot.faults:
            raise CommandError("\n".join(snapshot.faults))
