"""`manage.py prepare`: what a stack needs before it serves."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Migrates, and makes the demo tenant: in one process, as starting Django is the larger part."""

    help = "Bring the database up to date and, with --demo, make the demo tenant."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether the demo is wanted."""
        parser.add_argument("--demo", action="store_true", help="make the demo tenant too")

    def handle(self, **options: Any) -> None:
        """Do both; safe to repeat."""
        call_command("migrate", verbosity=0, interactive=False)
        if options["demo"]:
            call_command("demo", setup=True)
