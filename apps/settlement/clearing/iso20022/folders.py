"""A clearing system behind folders: an agent fetches what is in `out` and puts answers into `in`.

<folder>/out       sese.023, one a file, named for its instruction; the agent takes it away
<folder>/sent      a copy of what was put out: what answers are held against
<folder>/in        sese.024 and sese.025, as they come
<folder>/done      those that were taken
<folder>/refused   those that were not, each with a .reason beside it

A file appears whole (written aside, flushed, renamed) or not at all.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from apps.settlement.clearing.iso20022.messages import SIZE_MAX, Unreadable
from apps.settlement.clearing.iso20022.reading import read
from apps.settlement.clearing.iso20022.writing import Unsayable, sese_023
from apps.settlement.clearing.protocol import Answer, Holding, Instruction, Notice, Outcome

BULK_MAX: Final = 100
FILES_MAX: Final = 500
"""Files that are taken in one go."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that came in: a notice, or why it is none."""

    file: Path
    notice: Notice | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FileClearing:
    """A tenant's folders at a clearing system."""

    folder: Path
    bulk_max: int = BULK_MAX

    def instruct(self, instructions: Sequence[Instruction]) -> list[Answer]:
        """Put instructions out, each once; what a message cannot say is rejected here."""
        return [self._put(one) for one in instructions]

    def ask(self, instructions: Sequence[UUID]) -> list[Answer]:
        """Whether they were put out: more is known only when an answer comes in."""
        return [
            Answer(uid, Outcome.ACCEPTED if self._sent(uid).exists() else Outcome.ABSENT)
            for uid in instructions
        ]

    def cancel(self, instructions: Sequence[UUID]) -> list[Answer]:
        """Take back what nobody has fetched yet; the rest is for a person, with the agent."""
        return [self._take_back(uid) for uid in instructions]

    def statement(self) -> list[Holding] | None:
        """Nothing: these messages state no holdings."""
        return None

    def arrived(self, now: datetime) -> Iterator[Arrived]:
        """What has come in, the oldest first."""
        files = sorted(
            (one for one in self._dir("in").iterdir() if one.suffix == ".xml"),
            key=lambda one: (one.stat().st_mtime_ns, one.name),
        )
        for file in files[:FILES_MAX]:
            try:
                yield Arrived(file, read(_content(file), self.sent, now))
            except Unreadable as error:
                yield Arrived(file, None, str(error))

    def put_away(self, one: Arrived) -> None:
        """A file that came in was dealt with."""
        place = self._dir("refused" if one.notice is None else "done")
        if one.notice is None:
            _write(place / f"{one.file.name}.reason", one.reason.encode())
        one.file.replace(place / one.file.name)

    def sent(self, instruction: UUID) -> bytes | None:
        """The message that was put out for an instruction."""
        file = self._sent(instruction)
        return file.read_bytes() if file.exists() else None

    def _put(self, one: Instruction) -> Answer:
        try:
            content = sese_023(one)
        except Unsayable as error:
            return Answer(one.id, Outcome.REJECTED, code="NARR", detail=str(error))
        known = self.sent(one.id)
        if known is not None and known != content:
            detail = "another instruction was sent under this id"
            return Answer(one.id, Outcome.REJECTED, code="REFE", detail=detail)
        request = content.decode()
        try:
            if known is None:
                # Out first: a copy without the file would say that what never went out was sent.
                _write(self._dir("out") / _name(one.id), content)
                _write(self._sent(one.id), content)
        except OSError as error:
            return Answer(one.id, Outcome.UNKNOWN, detail=f"not written: {error}", request=request)
        return Answer(one.id, Outcome.ACCEPTED, reference=_name(one.id), request=request)

    def _take_back(self, uid: UUID) -> Answer:
        try:
            (self._dir("out") / _name(uid)).unlink()
        except FileNotFoundError:
            if not self._sent(uid).exists():
                return Answer(uid, Outcome.ABSENT)
            detail = "it was fetched: ask the agent to cancel it"
            return Answer(uid, Outcome.REJECTED, code="DCAN", detail=detail)
        self._sent(uid).unlink(missing_ok=True)  # it never went out
        return Answer(uid, Outcome.CANCELLED)

    def _sent(self, uid: UUID) -> Path:
        return self._dir("sent") / _name(uid)

    def _dir(self, name: str) -> Path:
        found = self.folder / name
        found.mkdir(parents=True, exist_ok=True)
        return found


def _name(uid: UUID) -> str:
    return f"sese.023-{uid.hex}.xml"


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(SIZE_MAX + 1)


def _write(file: Path, content: bytes) -> None:
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    with aside.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    aside.replace(file)
