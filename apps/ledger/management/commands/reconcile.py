"""`manage.py reconcile`: what the clock does at 02:00, by hand."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from apps.core.exceptions import DomainError
from apps.core.problems import dumps
from apps.ledger import invariants, selectors, services
from apps.ledger.models import Break, ReconciliationRun
from apps.ledger.reconciliation import Status
from apps.tenants.selectors import tenant_ids
from apps.tenants.services import get_tenant


class Command(BaseCommand):
    """Reconcile a day."""

    help = (
        "Compare ledger, positions, trades, cache and the statements of others for a day, at one cut"
        " of the log. Exit code 1 if something differs, 2 if something could not be looked at."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--date, --tenant, --json."""
        parser.add_argument("--date", type=date.fromisoformat, help="day in UTC (default: today)")
        parser.add_argument("--tenant", help="only this tenant (slug)")
        parser.add_argument("--json", action="store_true", help="machine-readable")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look at the day of every tenant, and say what was found."""
        day = options["date"] or timezone.now().date()
        try:
            tenants = [get_tenant(options["tenant"]).pk] if options["tenant"] else tenant_ids()
        except DomainError as error:
            raise CommandError(str(error)) from error
        runs = [
            services.reconcile(tenant, day, invariants.look, by="manage.py") for tenant in tenants
        ]
        found = {run.status for run in runs}
        status = next(
            (one for one in (Status.BREAKS, Status.NOT_RUN) if one in found), Status.CLEAN
        )
        if options["json"]:
            self.stdout.write(dumps(_report(day, status, runs)).decode())
        else:
            self._show(runs)
        if status is not Status.CLEAN:
            raise SystemExit(1 if status is Status.BREAKS else 2)

    def _show(self, runs: list[ReconciliationRun]) -> None:
        table = Table("", "check", "looked at", "found", box=None)
        for run in runs:
            table.add_row(f"[bold]{run.date}[/]", f"tenant {run.tenant_id}: {run.status}", "", "")
            for one in run.checks:
                table.add_row(
                    one["status"],
                    one["name"],
                    f"{one['checked']:,}",
                    one["missing"] or str(one["found"]),
                )
            for row in selectors.breaks_of(run):
                table.add_row("", f"  [red]{row.kind} {row.subject}: {row.detail}[/]", "", "")
        Console(file=self.stdout).print(table)  # type: ignore[arg-type] # Django's wrapper is file-like


RUN = ("id", "date", "status", "since", "until", "cut", "checks", "found", "started_by")
BREAK = (
    "id", "kind", "subject", "account", "asset", "expected", "actual", "detail", "state", "opened_at",
)  # fmt: skip


def _report(day: date, status: Status, runs: list[ReconciliationRun]) -> dict[str, Any]:
    shown = [
        {
            "tenant": run.tenant_id,
            **{name: getattr(run, name) for name in RUN},
            "breaks": [_break(row) for row in selectors.breaks_of(run)],
        }
        for run in runs
    ]
    return {
        "ok": status is Status.CLEAN,
        "date": day,
        "status": str(status),
        "runs": shown,
        "breaks": [row for run in shown for row in run["breaks"]],
    }


def _break(row: Break) -> dict[str, Any]:
    return {name: getattr(row, name) for name in BREAK}
