"""`manage.py settle_down`: wait until every handler has taken everything."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.events import selectors, services
from apps.events.services.draining import Outcome

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 3.0
"""A place that made no progress for this long has no worker: it is drained here."""


class Command(BaseCommand):
    """Wait for lag 0."""

    help = (
        "Wait until every handler's lag is 0. Where no worker makes progress, the command drains in "
        "its own process. Exit code 1 if something is left when the time is up."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--timeout."""
        parser.add_argument("--timeout", type=float, default=60.0, help="seconds (default: 60)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Poll, drain what stands still, report."""
        deadline = time.monotonic() + options["timeout"]
        moved_at, before = time.monotonic(), -1
        while behind := [lag for lag in selectors.lags() if lag.events]:
            left = sum(lag.events for lag in behind)
            if left != before:
                moved_at, before = time.monotonic(), left
            if time.monotonic() >= deadline:
                raise CommandError(_explain(behind))
            if time.monotonic() - moved_at > min(PATIENCE_SECONDS, options["timeout"] / 3):
                _drain(behind, deadline)
            else:
                time.sleep(POLL_SECONDS)
        parked = sum(selectors.parked_count().values())
        self.stdout.write("settled" + (f"; {parked} keys are parked" if parked else ""))


def _drain(behind: list[selectors.Lag], deadline: float) -> None:
    for lag in behind:
        while time.monotonic() < deadline:
            if services.drain(lag.handler, lag.topic, lag.partition) is not Outcome.MORE:
                break


def _explain(behind: list[selectors.Lag]) -> str:
    shown = "\n".join(
        f"  {lag.handler} {lag.topic}/{lag.partition}: {lag.events} events, {lag.seconds:.1f} s"
        f" behind, {lag.state}{', ' + lag.error if lag.error else ''}"
        for lag in behind[:20]
    )
    return f"Not settled; {len(behind)} places are behind:\n{shown}"
