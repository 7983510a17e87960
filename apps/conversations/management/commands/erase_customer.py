"""`manage.py erase_customer SLUG EXTERNAL_ID`: forget a customer, and show the receipt."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.conversations import selectors, services
from apps.core.exceptions import DomainError
from apps.core.problems import dumps
from apps.tenants.services import get_tenant


class Command(BaseCommand):
    """One call of a service."""

    help = "Erase what a customer wrote and who they are; prints the receipt as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Tenant and customer."""
        parser.add_argument("tenant", metavar="SLUG")
        parser.add_argument("customer", metavar="EXTERNAL_ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase. Exit 1 where a look afterwards found something."""
        try:
            tenant = get_tenant(options["tenant"]).pk
            customer = selectors.find_customer(tenant, options["customer"]).id
            services.erase_customer(tenant, customer, by="command")
            receipt = selectors.erasure_of(tenant, customer)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(dumps(receipt).decode())
        if not receipt.is_clean:
            raise SystemExit(1)
