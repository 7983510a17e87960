"""`manage.py train_nlu SLUG FILE.csv`: teach the local classifier."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from apps.core.exceptions import DomainError
from apps.nlu import services
from apps.nlu.management.files import opened
from apps.tenants.services import get_tenant


class Command(BaseCommand):
    """Teach the local classifier."""

    help = (
        "Train the local classifier of a tenant from a CSV (columns text,intent; the intent oos "
        "marks texts that belong to none) and put it to use."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """SLUG, FILE and what to do with it."""
        parser.add_argument("slug", help="the tenant")
        parser.add_argument("file", type=Path, nargs="?", help="CSV or CSV.gz: text,intent")
        parser.add_argument("--model", type=UUID,
                            help="instead of a file: train this model, which was asked for in the "
                                 "back office, from the tenant's examples")  # fmt: skip
        parser.add_argument("--keep-examples", action="store_true",
                            help="also add them to the tenant's examples in the back office")  # fmt: skip
        parser.add_argument("--no-promote", action="store_true",
                            help="only train and measure; a person puts it to use")  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print the report as JSON only")

    def handle(self, *args: Any, **options: Any) -> None:
        """One service call."""
        if options["model"]:
            services.train_requested(get_tenant(options["slug"]).pk, options["model"])
            return
        if options["file"] is None:
            raise CommandError("Say which file holds the examples.")
        self._train(options)

    def _train(self, options: dict[str, Any]) -> None:
        try:
            tenant = get_tenant(options["slug"]).pk
            with opened(options["file"]) as file:
                pairs = services.read_examples(file)
            if options["keep_examples"]:
                services.add_examples(tenant, pairs)
            model = services.train_now(
                tenant, pairs, by="command:train_nlu", promoted=not options["no_promote"]
            )
        except (DomainError, OSError) as error:
            facts = f" {json.dumps(error.facts)}" if isinstance(error, DomainError) else ""
            raise CommandError(f"{error}{facts}") from error
        measured = {name: model.report[name] for name in ("accuracy", "in_scope_accuracy", "oos_recall")}  # fmt: skip
        if options["json"]:
            said = {
                "model": model.number,
                "examples": model.example_count,
                "seconds": model.seconds,
            }
            self.stdout.write(json.dumps(said | measured))
            return
        self.stdout.write(
            f"model {model.number}: {model.example_count:,} examples of {len(model.intents)} intents"
            f" in {model.seconds:.1f} s; {'in use' if model.in_use else 'not in use'}"
        )
        self.stdout.write(f"on {model.report['examples']} examples kept aside: {measured}")
