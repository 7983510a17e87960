"""`manage.py restore_ledger MONTH`: put an archived month of postings back."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.ledger import services
from apps.ledger.archives import Month
from apps.ledger.management.commands.archive_ledger import bar, shown


class Command(BaseCommand):
    """Restore months of the ledger."""

    help = (
        "Put archived months of postings back into the database, exactly as they were sealed. A file"
        " that is not the one that was archived is refused and changes nothing. The month stays"
        " closed for bookings; archive_ledger takes it out again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """MONTH …, --folder, --json."""
        parser.add_argument("months", nargs="+", type=Month.parse, metavar="YYYY-MM")
        parser.add_argument("--folder", type=Path, default=Path(settings.LEDGER_ARCHIVE_FOLDER))
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args: Any, **options: Any) -> None:
        """Month by month."""
        done = []
        for month in options["months"]:
            with bar(month, quiet=options["json"]) as tell:
                found = services.restore_month(
                    month, folder=options["folder"], by="manage.py", tell=tell
                )
            done.append(found)
        if options["json"]:
            self.stdout.write(json.dumps([shown(one) for one in done]))
            return
        for one in done:
            self.stdout.write(f"{one}: {one.postings:,} postings of {one.entries:,} entries")
