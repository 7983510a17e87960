"""The load: units of work, one after another, every one written down before and after."""

import json
import random
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


@dataclass(frozen=True)
class Plan:
    """What a client does."""

    name: str
    seed: int
    history: str
    """The file that it writes down its calls in."""
    first: int
    """Its first number; each fact has one of its own."""
    keys: list[str]
    most: int = 10**9
    """So many units of work at most."""
    pause: float = 0.002
    """Seconds between two."""
    rollbacks: float = 0.2
    kinds: tuple[str, ...] = ()
    """Kinds of the first facts."""


class Change(Exception):
    """The client changed its mind."""


class Client:
    """One client at work, until it is asked to stop (SIGTERM)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(f"{plan.seed}/{plan.name}")
        self.number = plan.first
        self.kinds = list(plan.kinds)
        self.stopped = threading.Event()

    def run(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self.stopped.set())
        with Path(self.plan.history).open("a") as history:
            for turn in range(self.plan.most):
                if self.stopped.wait(self.plan.pause):
                    return
                self._call(turn, history)

    def _call(self, turn: int, history: IO[str]) -> None:
        from apps.events.services import unit_of_work  # noqa: PLC0415 - after Django's start
        from tests.chaos.toys import ThingAdded  # noqa: PLC0415 - same

        facts = []
        for _ in range(self.chance.randint(1, 4)):
            facts.append((self.chance.choice(self.plan.keys), self.number))
            self.number += 1
        changes_its_mind = self.chance.random() < self.plan.rollbacks
        call = {"client": self.plan.name, "turn": turn, "facts": facts}
        self._write_down(history, call | {"outcome": "began"})
        began = time.monotonic()
        try:
            with unit_of_work() as work:
                for key, number in facts:
                    kind = self.kinds.pop(0) if self.kinds else ""
                    work.publish(ThingAdded(number=number, kind=kind), tenant=1, key=key)
                if changes_its_mind:
                    raise Change
        except Change:
            outcome = "failed"
        except Exception as error:  # noqa: BLE001 - it may have been committed: nobody knows
            outcome = f"unknown: {error}"
            self._hang_up()
        else:
            outcome = "ok"
        seconds = time.monotonic() - began
        self._write_down(history, call | {"outcome": outcome, "seconds": round(seconds, 3)})

    def _hang_up(self) -> None:
        from django.db import connection  # noqa: PLC0415 - after Django's start

        connection.close()
        self.stopped.wait(0.05)

    def _write_down(self, history: IO[str], call: dict[str, Any]) -> None:
        history.write(json.dumps(call) + "\n")
        history.flush()
