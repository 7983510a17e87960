"""`manage.py replay HANDLER --verify`: rebuild a projection beside the present one and compare."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from apps.core.exceptions import DomainError
from apps.events import registry, services


class Command(BaseCommand):
    """Replay a handler."""

    help = (
        "Run a handler over the whole log again, into shadow tables, and compare them with the "
        "real ones (--verify, exit code 1 if they differ) or replace those (--swap, projections "
        "only: append-only tables are never replaced)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """HANDLER, --verify or --swap, --json."""
        parser.add_argument("handler", help="for example: trading.apply_trades")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--verify", action="store_true", help="compare, change nothing")
        what.add_argument("--swap", action="store_true", help="replace what differs")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args: Any, **options: Any) -> None:
        """One service call, with a bar."""
        try:
            handler = registry.handler(options["handler"])
            console = Console(stderr=True, quiet=options["json"])
            with Progress(console=console, transient=True) as bar:
                task = bar.add_task(handler.name, total=services.log_length(handler))
                result = services.replay(
                    handler.name,
                    swap=options["swap"],
                    progress=lambda count: bar.advance(task, count),
                )
        except DomainError as error:
            raise CommandError(f"{error} {error.facts}") from error
        self._report(result, as_json=options["json"])
        if not result.ok and not result.swapped:
            raise SystemExit(1)

    def _report(self, result: services.Replay, *, as_json: bool) -> None:
        if as_json:
            body = {
                "handler": result.handler,
                "ok": result.ok,
                "events": result.events,
                "swapped": result.swapped,
                "differences": result.differences,
            }
            self.stdout.write(json.dumps(body))
            return
        self.stdout.write(f"{result.handler}: {result.events} events replayed")
        for title, rows in result.differences.items():
            self.stdout.write(f"  {title}: {'equal' if not rows else f'{len(rows)} differences'}")
            for row in rows:
                self.stdout.write(f"    {row}")
