"""`manage.py verify`: check every invariant that there is."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from typing import Any

from django.apps import apps as installed
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import module_has_submodule
from rich.console import Console
from rich.progress import track
from rich.table import Table

from apps.core.exceptions import DomainError
from apps.events.invariants import Check, Invariant
from apps.tenants.services import get_tenant


class Command(BaseCommand):
    """Check every invariant."""

    help = (
        "Check every invariant of every app: the log is gapless, entries balance, balances are the "
        "sum of their postings, positions are what their trades say. Exit code 1 if one is broken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--tenant and --json."""
        parser.add_argument("--tenant", help="only this tenant's rows (slug)")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run them all; one that breaks does not hide the next."""
        try:
            tenant_id = get_tenant(options["tenant"]).pk if options["tenant"] else None
        except DomainError as error:
            raise CommandError(str(error)) from error
        console = Console(stderr=True, quiet=options["json"])
        found = list(invariants())
        checks = [
            check(tenant_id) for check in track(found, "checking", console=console, transient=True)
        ]
        ok = all(check.ok for check in checks)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": ok, "checks": [asdict(one) for one in checks]}))
        else:
            self._show(checks)
        if not ok:
            raise SystemExit(1)

    def _show(self, checks: list[Check]) -> None:
        table = Table("", "invariant", "checked", box=None)
        for one in checks:
            mark = "[green]ok[/]" if one.ok else "[red]BROKEN[/]"
            table.add_row(mark, one.name, f"{one.checked:,}")
            for failure in one.failures:
                table.add_row("", f"  [red]{failure}[/]", "")
        Console(file=self.stdout).print(table)  # type: ignore[arg-type] # Django's wrapper is file-like


def invariants() -> Iterator[Invariant]:
    """Every app's invariants, in the order in which the apps stand."""
    for config in installed.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "invariants"):
            yield from import_module(f"{config.name}.invariants").INVARIANTS
