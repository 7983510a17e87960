"""`manage.py issue_key SLUG --role ROLE`: a new API key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.exceptions import DomainError
from apps.tenants import services
from apps.tenants.models import Role


class Command(BaseCommand):
    """Issue an API key."""

    help = "Issue an API key of a role. Its secret is printed once and kept nowhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """SLUG, --role, --name, --owner, --plain."""
        parser.add_argument("slug", help="the tenant")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--name", default="", help="what the key is for")
        parser.add_argument("--owner", default="", help="username of the member whose key it is")
        parser.add_argument("--plain", action="store_true", help="print the bare key only")

    def handle(self, *args: Any, **options: Any) -> None:
        """One service call."""
        terms = {name: options[name] for name in ("role", "name", "owner")}
        try:
            key, secret = services.issue_key(services.get_tenant(options["slug"]), **terms)
        except DomainError as error:
            raise CommandError(str(error)) from error
        if options["plain"]:
            self.stdout.write(secret)
            return
        self.stdout.write(
            f"{secret}\n\nA key with role {key.role} for {key.tenant.slug}; use it as:"
        )
        self.stdout.write(f"  Authorization: Bearer {secret[:8]}…")
        self.stdout.write("It is not shown again.")
