"""`manage.py archive_ledger`: take old months of postings out into files, or prove those files."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from apps.core.exceptions import DomainError
from apps.ledger import selectors, services
from apps.ledger.archives import Month
from apps.ledger.models import Archive


class Command(BaseCommand):
    """Archive months of the ledger."""

    help = (
        "Take months of postings out of the database into compressed files, or (--verify) read the"
        " files and hold every entry in them against its sealed block. Balances, statements of later"
        " times and every check stay as they are; killed at any moment, a month is archived or it is"
        " not. restore_ledger puts a month back. Without a month: all that are old enough."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """[MONTH …], --older-than, --verify, --list, --folder, --json."""
        parser.add_argument("months", nargs="*", type=Month.parse, metavar="YYYY-MM")
        parser.add_argument(
            "--older-than", type=int, default=13, metavar="MONTHS", help="without a month (13)"
        )
        parser.add_argument("--verify", action="store_true", help="prove files, change nothing")
        parser.add_argument("--list", action="store_true", help="say what is archived")
        parser.add_argument("--folder", type=Path, default=Path(settings.LEDGER_ARCHIVE_FOLDER))
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args: Any, **options: Any) -> None:
        """Month by month, the oldest first."""
        if options["list"]:
            done = list(selectors.archives())
        else:
            months = options["months"] or _due(options["older_than"], options["verify"])
            done = [_work(month, options) for month in months]
        if options["json"]:
            self.stdout.write(json.dumps([shown(one) for one in done]))
            return
        for one in done:
            self.stdout.write(f"{one}: {one.postings:,} postings of {one.entries:,} entries, "
                              f"{one.bytes:,} bytes, {one.file}")  # fmt: skip
        if not done:
            self.stdout.write("Nothing is archived." if options["list"] else "Nothing to do.")


def _due(older_than: int, verifying: bool) -> list[Month]:
    if verifying:
        return [
            Month(one.month) for one in selectors.archives() if one.state == Archive.State.ARCHIVED
        ]
    last = Month.of(timezone.now().date()).later(-older_than)
    return [month for month in map(Month, selectors.months_here()) if month < last]


def _work(month: Month, options: dict[str, Any]) -> Archive:
    with bar(month, quiet=options["json"]) as tell:
        if options["verify"]:
            return services.verify_archive(month, folder=options["folder"], tell=tell)
        return services.archive_month(month, folder=options["folder"], by="manage.py", tell=tell)


@contextmanager
def bar(month: Month, *, quiet: bool) -> Iterator[services.ArchiveProgress]:
    """A progress bar over a month's postings; refusals become a sentence."""
    try:
        with Progress(console=Console(stderr=True, quiet=quiet), transient=True) as progress:
            total = selectors.postings_of(month.first)
            tasks: dict[str, Any] = {}

            def tell(stage: str, postings: int) -> None:
                if stage not in tasks:
                    tasks[stage] = progress.add_task(f"{month} {stage}", total=total)
                progress.advance(tasks[stage], postings)

            yield tell
    except DomainError as error:
        raise CommandError(f"{month}: {error} {error.facts}") from error


def shown(one: Archive) -> dict[str, Any]:
    """An archive for machines."""
    facts = {key: value for key, value in one.facts().items() if key != "headers"}
    return {**facts, "state": str(one.state), "at": one.changed_at.isoformat()}
