"""Wakes that go astray: sent several times and shuffled, or lost."""

import random
from typing import Any

from celery import current_app

KEPT = 8  # wakes that are held back, to come later in another order


def send_copies(copies: int | None) -> None:
    """Put a bad messenger between this process and the broker: so many copies of each wake, or none."""
    if copies is not None:
        messenger = _Messenger(current_app.send_task, copies)
        current_app.send_task = messenger  # type: ignore[method-assign] # a bad one


class _Messenger:
    def __init__(self, send: Any, copies: int) -> None:
        self.send = send
        self.copies = copies
        self.held: list[tuple[Any, Any]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        self.held += [(args, kwargs)] * self.copies
        while len(self.held) > KEPT:
            some, more = self.held.pop(random.randrange(len(self.held)))
            self.send(*some, **(more | {"producer": kwargs.get("producer")}))
