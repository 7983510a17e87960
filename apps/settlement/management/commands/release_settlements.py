"""`manage.py release_settlements`: open the windows of what is due, by hand."""

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from apps.core.exceptions import DomainError
from apps.settlement import services
from apps.settlement.selectors.board import due_count
from apps.tenants.services import get_tenant

ROUND_SECONDS = 2.0


class Command(BaseCommand):
    """Release, instruct, ask: what the clock does every two seconds, now."""

    help = (
        "Release every settlement that is due up to a date (default: today, UTC), whatever its "
        "window, and instruct it. Safe to repeat, also beside the clock."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--date, --tenant and --json."""
        parser.add_argument("--date", help="due up to this day, 2026-03-09 (default: today)")
        parser.add_argument("--tenant", help="only this tenant's (slug)")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rounds of two seconds, with a progress bar."""
        try:
            due = date.fromisoformat(options["date"]) if options["date"] else timezone.now().date()
            tenant = get_tenant(options["tenant"]).pk if options["tenant"] else None
        except (ValueError, DomainError) as error:
            raise CommandError(str(error)) from error
        released, called = 0, 0
        console = Console(stderr=True, quiet=options["json"])
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("releasing", total=due_count(tenant, due))
            while True:
                driven = services.drive(seconds=ROUND_SECONDS, due=due, tenant=tenant)
                released += driven.released
                called += driven.called
                progress.update(bar, advance=driven.released)
                if not driven.has_more:
                    break
        if options["json"]:
            self.stdout.write(json.dumps({"released": released, "called": called}))
        else:
            self.stdout.write(f"{released:,} released, {called:,} calls to clearing systems")
