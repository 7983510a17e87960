"""`manage.py recover`: after a restore, go on and prove that everything is there."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.progress import track

from apps.conversations.services import void_streams
from apps.events import registry, selectors, services
from apps.events.services.draining import Outcome
from apps.web.management.commands.verify import invariants


class Command(BaseCommand):
    """What is done once a database was restored, before customers are let in."""

    help = (
        "After a database was restored: make screens ask anew, let every handler take what the log"
        " holds, check every invariant, and replay every projection beside the present one. Redis may"
        " be empty. Run it before the stack is started. Exit code 1 if something does not add up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """--json."""
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, **options: Any) -> None:
        """Four steps, in their order."""
        console = Console(stderr=True, quiet=options["json"])
        done: dict[str, Any] = {"streams": void_streams(), "drained": _drain()}
        faults = [
            f"{lag.handler} {lag.topic}/{lag.partition} is {lag.events} events behind: {lag.error}"
            for lag in _behind()
        ]
        checks = list(track(_checks(), "checking", console=console, transient=True))
        faults += [fault for check in checks for fault in check]
        replays = [one for one in registry.handlers() if one.projection is not None]
        for handler in track(replays, "replaying", console=console, transient=True):
            found = services.replay(handler.name)
            faults += [f"replay of {handler.name}: {row}" for rows in found.differences.values()
                       for row in rows]  # fmt: skip
        done |= {"checks": len(checks), "replays": len(replays), "faults": faults, "ok": not faults}
        self.stdout.write(json.dumps(done) if options["json"] else _told(done))
        if faults:
            raise SystemExit(1)


def _behind() -> list[selectors.Lag]:
    """Places where there is something to take, without those that call the outside: workers do that.

    A drill must not send anybody's webhooks a second time.
    """
    return [
        lag
        for lag in selectors.lags()
        if lag.events and not registry.handler(lag.handler).calls_out
    ]


def _drain() -> int:
    """Let every handler take what it has not taken; how many places were behind."""
    places, before = 0, -1
    while (behind := _behind()) and (left := sum(lag.events for lag in behind)) != before:
        places, before = max(places, len(behind)), left
        for lag in behind:
            while services.drain(lag.handler, lag.topic, lag.partition) is Outcome.MORE:
                continue
    return places


def _checks() -> list[list[str]]:
    return [
        [f"{check.name}: {failure}" for failure in check.failures]
        for check in (invariant(None) for invariant in invariants())
    ]


def _told(done: dict[str, Any]) -> str:
    lines = [
        f"{done['streams']} streams are void; screens ask anew.",
        f"{done['drained']} places had something to take.",
        f"{done['checks']} invariants and {done['replays']} replays: "
        + ("all sound." if done["ok"] else f"{len(done['faults'])} faults."),
        *(f"  {fault}" for fault in done["faults"]),
    ]
    return "\n".join(lines)
