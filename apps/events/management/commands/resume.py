"""`manage.py resume HANDLER KEY`: replay a parked key and let it go on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.exceptions import DomainError
from apps.events import services
from apps.events.models import ParkedKey


class Command(BaseCommand):
    """Resume parked keys."""

    help = "Replay a parked key's events in order and let it go on; --all resumes every key of a handler."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """HANDLER, KEY or --all."""
        parser.add_argument("handler", help="for example: ledger.book_trades")
        parser.add_argument("key", nargs="?", help="the parked key, for example an account id")
        parser.add_argument("--all", action="store_true", help="every parked key of this handler")

    def handle(self, *args: Any, **options: Any) -> None:
        """One service call a key."""
        if bool(options["key"]) == options["all"]:
            raise CommandError("Name one KEY, or say --all.")
        parked = ParkedKey.objects.filter(handler=options["handler"])
        if options["key"]:
            parked = parked.filter(key=options["key"])
        if not parked:
            raise CommandError("Nothing is parked there.")
        failed = 0
        for one in parked:
            try:
                count = services.resume(one.handler, one.topic, one.partition, one.key)
                self.stdout.write(f"{one.key}: {count} events replayed")
            except DomainError as error:
                failed += 1
                self.stderr.write(f"{one.key}: {error} {error.facts}")
        if failed:
            raise SystemExit(1)
