"""Figures that stay in the repository: a file a day, each row as the latest run of that day has it."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Found


def keep(found: Found, folder: Path) -> Path:
    """Add a run to those of its day, which lose the rows that it measured anew; the file."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{found['date'][:10]}.json"
    file.write_text(json.dumps(merge(read(file) if file.exists() else [], found), indent=1))
    return file


def merge(runs: Sequence[Found], newest: Found) -> list[Found]:
    """Leave each row to the latest run that measured it, with the machine and load of that run."""
    anew = {_row(chapter) for chapter in newest["chapters"]}
    rest = [
        {**run, "chapters": [one for one in run["chapters"] if _row(one) not in anew]}
        for run in runs
    ]
    return [run for run in [*rest, newest] if run["chapters"]]


def read(file: Path) -> list[Found]:
    """Return the runs of a file; one that was written by a single run has no list around it."""
    found = json.loads(file.read_text())
    return found if isinstance(found, list) else [found]


def _row(chapter: Found) -> str:
    """P4 of P4.2: a row is measured as a whole."""
    key: str = chapter["key"]
    return key.partition(".")[0]
