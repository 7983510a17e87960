"""`manage.py export_customer SLUG EXTERNAL_ID`: all that is kept about a customer, as JSON."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.conversations import selectors
from apps.core.exceptions import DomainError
from apps.core.problems import dumps
from apps.tenants.services import get_tenant


class Command(BaseCommand):
    """One question."""

    help = "Print all that is kept about a customer, as one JSON object."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Tenant and customer."""
        parser.add_argument("tenant", metavar="SLUG")
        parser.add_argument("customer", metavar="EXTERNAL_ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print."""
        try:
            tenant = get_tenant(options["tenant"]).pk
            customer = selectors.find_customer(tenant, options["customer"]).id
            found = selectors.everything_about(tenant, customer)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(dumps(found).decode())
