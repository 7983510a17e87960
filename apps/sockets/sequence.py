"""One screen's place in a numbered stream: what is due, what came too early, what is missing.

Frames may arrive lost, doubled, late or in any order; what leaves is 1, 2, 3 … once each.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

AHEAD_MAX: Final = 256
"""Frames kept that came before their turn; beyond that they are read from the store again."""


@dataclass(slots=True)
class Sequence:
    """Where one screen stands."""

    last: int
    """The number of the last frame that it was sent."""
    head: int = 0
    """The highest number that is known to exist."""
    _ahead: dict[int, str] = field(default_factory=dict)
    """By number; none of them is the next one."""

    def __post_init__(self) -> None:
        self.head = max(self.head, self.last)

    @property
    def is_behind(self) -> bool:
        """Whether something is known to exist that has not been sent."""
        return self.head > self.last

    def take(self, seq: int, frame: str) -> list[str]:
        """Take a frame as it comes; the frames that are due now, in order."""
        self.learn(seq)
        if seq == self.last + 1:
            self.last = seq
            return [frame, *self._due()] if self._ahead else [frame]
        if seq > self.last and len(self._ahead) < AHEAD_MAX:
            self._ahead[seq] = frame
        return []

    def take_all(self, found: Iterable[tuple[int, str]]) -> list[str]:
        """Take what the store had, in its order; the frames that are due now, in order."""
        due: list[str] = []
        for seq, frame in found:
            due += self.take(seq, frame)
        return due

    def learn(self, head: int) -> None:
        """Hear that a number exists."""
        self.head = max(self.head, head)

    def _due(self) -> list[str]:
        due: list[str] = []
        while (frame := self._ahead.pop(self.last + 1, None)) is not None:
            self.last += 1
            due.append(frame)
        return due
