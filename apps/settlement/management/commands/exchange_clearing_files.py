"""`manage.py exchange_clearing_files`: take ISO 20022 files now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.settlement import services
from apps.tenants.services import get_tenant


class Command(BaseCommand):
    """What the clock does every 30 seconds, now."""

    help = (
        "Take the sese.024 and sese.025 files that a tenant's clearing agent has put into its folder. "
        "Files that are no message are put aside with the reason. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--tenant."""
        parser.add_argument("--tenant", required=True, help="slug")

    def handle(self, *, tenant: str, **_: Any) -> None:
        """One round."""
        done = services.exchange_files(get_tenant(tenant).pk)
        self.stdout.write(f"{done['new']} new, {done['known']} known, {done['refused']} refused")
