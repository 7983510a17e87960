"""Wakes that go astray: sent three times and shuffled, or lost, as `CHAOS_WAKES` says."""

import os
import random
from typing import Any

from celery import current_app

KEPT = 8  # wakes that are held back, to come later in another order


def take_over() -> None:
    """Put a bad messenger between this process and the broker."""
    how = os.environ.get("CHAOS_WAKES", "")
    if how:
        send = current_app.send_task
        messenger = _Messenger(send, copies=int(how), seed=os.environ["CHAOS_SEED"])
        current_app.send_task = messenger  # type: ignore[method-assign] # a bad one


class _Messenger:
    def __init__(self, send: Any, *, copies: int, seed: str) -> None:
        self.send = send
        self.copies = copies
        self.chance = random.Random(seed)
        self.held: list[tuple[Any, Any]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        self.held += [(args, kwargs)] * self.copies
        while len(self.held) > KEPT:
            index = self.chance.randrange(len(self.held))
            some, more = self.held.pop(index)
            self.send(*some, **(more | {"producer": kwargs.get("producer")}))
