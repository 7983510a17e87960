"""`manage.py void_streams`: after a restore, make screens ask anew."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.conversations import services


class Command(BaseCommand):
    """One call of a service."""

    help = (
        "After a restore: raise every conversation's epoch, so that screens reload what they show."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raise them."""
        self.stdout.write(f"{services.void_streams()} streams are void; screens ask anew.")
