"""`manage.py create_tenant SLUG`: make a tenant, or say that it is there."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.exceptions import DomainError
from apps.tenants import services


class Command(BaseCommand):
    """Make a tenant (idempotent)."""

    help = "Make a tenant; a tenant that exists already is left as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """SLUG and --name."""
        parser.add_argument("slug", help="short name in URLs and commands, for example: acme")
        parser.add_argument("--name", default="", help="full name; default: the slug")

    def handle(self, *args: Any, **options: Any) -> None:
        """One service call."""
        try:
            tenant, made = services.create_tenant(options["slug"], name=options["name"])
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{'created' if made else 'exists already'}: {tenant.slug}")
