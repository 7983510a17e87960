"""`manage.py verify_ledger`: is the journal as it was booked and sealed?"""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from apps.ledger import services
from apps.ledger.invariants import chain, journal, trading

CHECKS = (
    chain.blocks_are_as_sealed,
    chain.archived_months_are_as_archived,
    journal.entries_balance,
    journal.every_asset_sums_to_zero,
    journal.balances_are_the_sum_of_their_postings,
    journal.marks_are_what_balances_were,
    journal.entries_have_all_their_legs,
    journal.postings_have_an_entry,
    journal.reversals_negate,
    journal.guards_stand,
    trading.positions_equal_ledger_units,
)


class Command(BaseCommand):
    """Verify the ledger."""

    help = (
        "Check the chain of sealed blocks and invariants I1 to I4, and say where the first fault is."
        " Finds what was changed behind the triggers. Exit code 1 if something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--seal, --json."""
        parser.add_argument("--seal", action="store_true", help="seal what is ripe first")
        parser.add_argument("--json", action="store_true", help="machine-readable")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look at everything, and tell."""
        if options["seal"]:
            services.seal_blocks()
        checks = [check(None) for check in CHECKS]
        faults = [failure for check in checks for failure in check.failures]
        first = faults[0] if faults else None
        if options["json"]:
            shown = {"ok": first is None, "first_fault": first, "checks": list(map(asdict, checks))}
            self.stdout.write(json.dumps(shown))
        else:
            for check in checks:
                self.stdout.write(
                    f"{'ok' if check.ok else 'BROKEN':7}{check.checked:>12,}  {check.name}"
                )
                for failure in check.failures:
                    self.stdout.write(f"{'':21}{failure}")
            self.stdout.write("The ledger is sound." if first is None else f"First fault: {first}")
        if first is not None:
            raise SystemExit(1)
