"""`manage.py create_widget SLUG --origin https://shop.example`: a chat for a site; prints its public key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.conversations.exceptions import WidgetRefused
from apps.conversations.services import create_widget
from apps.tenants.models import Tenant


class Command(BaseCommand):
    """Make a widget."""

    help = "Makes a chat widget for a tenant's sites and prints its public key."

    def add_arguments(self, parser: CommandParser) -> None:
        """The tenant, the sites, the words."""
        parser.add_argument("slug")
        parser.add_argument("--name", default="Site chat")
        parser.add_argument("--origin", action="append", default=[], dest="origins")
        parser.add_argument("--title", default="")
        parser.add_argument("--greeting", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """One service call."""
        tenant = Tenant.objects.filter(slug=options["slug"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['slug']}.")
        terms = {name: options[name] for name in ("name", "origins", "title", "greeting")}
        try:
            made = create_widget(tenant.pk, **terms)
        except WidgetRefused as error:
            raise CommandError(f"{error} {error.facts['errors']}") from error
        self.stdout.write(made.key)
