"""`manage.py simulate_conversations [FILE]`: dialogues in real time, over real sockets."""

import asyncio
import json
import statistics
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from apps.conversations.management.callers import Api, CallFailed
from apps.conversations.management.dialogues import BUILT_IN, FORMS, TURNS, Dialogue, read
from apps.conversations.management.simulation import Result, Simulation, endless
from apps.tenants.models import Role
from apps.tenants.services import get_tenant, issue_key


class Command(BaseCommand):
    """Replay dialogues."""

    help = (
        "Replay dialogues as customers and agents over the API and real sockets, and check what every"
        ' screen got. FILE is JSON Lines (or packed, .gz): {"id", "turns": [{"by": "customer|agent", "text",'
        ' "after"}]}, or dialogues in a form that import_conversations takes.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to play, where, and how fast."""
        parser.add_argument("file", nargs="?", type=Path, default=BUILT_IN)
        parser.add_argument("--form", choices=FORMS, default=TURNS, help="of the file")
        parser.add_argument("--tenant", default="demo", help="whose customers and agents")
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the API is")
        parser.add_argument("--key", help="an API key; without one, a new one of the tenant")
        parser.add_argument("--count", type=int, help="conversations; default: each dialogue once")
        parser.add_argument("--forever", action="store_true", help="go on until interrupted")
        parser.add_argument("--agents", type=int, default=3)
        parser.add_argument("--at-once", type=int, default=4, help="conversations side by side")
        parser.add_argument(
            "--speed", type=float, default=1, help="10: pauses a tenth as long; 0: none"
        )
        parser.add_argument(
            "--rate", type=float, default=0, help="messages a second at most; 0: any"
        )
        parser.add_argument("--json", action="store_true", help="the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 1 if a screen got anything else than it should."""
        try:
            dialogues = list(read(options["file"], options["form"]))
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['file']}: {error}") from None
        count = options["count"] or (None if options["forever"] else len(dialogues))
        began = time.monotonic()
        try:
            result = asyncio.run(self._play(dialogues, count, options))
        except KeyboardInterrupt:
            return
        except (CallFailed, OSError) as error:
            raise CommandError(f"{options['url']}: {error}") from None
        self._report(result, time.monotonic() - began, as_json=options["json"])
        if result.faults:
            raise CommandError(f"{len(result.faults)} faults; the first: {result.faults[0]}")

    async def _play(
        self, dialogues: list[Dialogue], count: int | None, options: dict[str, Any]
    ) -> Result:
        key = options["key"] or await asyncio.to_thread(_key, options["tenant"])
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("conversations", total=count)
            simulation = Simulation(
                Api(options["url"], key),
                agents=options["agents"],
                speed=options["speed"],
                rate=options["rate"],
                at_once=options["at_once"],
                staff=f"simulated-{options['tenant']}",
                progress=lambda seen: bar.update(task, completed=seen.conversations),
            )
            return await simulation.run(endless(dialogues, count))

    def _report(self, result: Result, seconds: float, *, as_json: bool) -> None:
        cuts = statistics.quantiles(result.delays, n=100) if len(result.delays) > 1 else [0.0] * 99
        told = {
            "conversations": result.conversations,
            "messages": result.messages,
            "deliveries": result.deliveries,
            "reconnects": result.reconnects,
            "p50_ms": round(cuts[49] * 1000, 1),
            "p95_ms": round(cuts[94] * 1000, 1),
            "seconds": round(seconds, 1),
            "faults": list(result.faults),
        }
        if as_json:
            self.stdout.write(json.dumps(told))
            return
        for name, value in told.items():
            self.stdout.write(f"{name.replace('_', ' '):>14}  {value}")


def _key(slug: str) -> str:
    return issue_key(get_tenant(slug), role=Role.SERVICE, name="simulation")[1]
