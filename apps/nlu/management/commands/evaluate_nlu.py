"""`manage.py evaluate_nlu SLUG FILE.csv`: measure the local classifier."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.exceptions import DomainError
from apps.nlu import services
from apps.nlu.management.files import opened
from apps.tenants.services import get_tenant


class Command(BaseCommand):
    """Measure the local classifier."""

    help = (
        "Measure the local classifier of a tenant on a CSV (columns text,intent; oos = out of "
        "scope) that it was not trained on: accuracy and milliseconds a text."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """SLUG, FILE, --json."""
        parser.add_argument("slug", help="the tenant")
        parser.add_argument("file", type=Path, help="CSV or CSV.gz with the columns text,intent")
        parser.add_argument("--json", action="store_true", help="print the figures as JSON only")

    def handle(self, *args: Any, **options: Any) -> None:
        """One service call."""
        try:
            with opened(options["file"]) as file:
                pairs = services.read_examples(file)
            found = asdict(services.evaluate(get_tenant(options["slug"]).pk, pairs))
        except (DomainError, OSError) as error:
            facts = f" {json.dumps(error.facts)}" if isinstance(error, DomainError) else ""
            raise CommandError(f"{error}{facts}") from error
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        for name, value in found.items():
            self.stdout.write(f"{name:18} {value}")
