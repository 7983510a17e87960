"""`manage.py settlement_dates FILE`: on which day trades are settled."""

import json
import sys
from argparse import ArgumentParser
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.calendars import selectors
from apps.calendars.calendar import (
    AssetClass,
    Changes,
    Terms,
    business_date,
    calendar_named,
    pair_of,
    settlement_date,
)
from apps.core.exceptions import DomainError
from apps.tenants.services import get_tenant

CYCLES: Final = {f"T+{days}": days for days in range(31)}

HELP: Final = """
On which day trades are settled. FILE (or - for what comes in) holds JSON Lines, each with
asset_class (security, listed option or fx), market (US, CA, DE, CH, GB, AU, …, or a pair such as
USD/CHF), trade_date, trade_time (or null) and cycle (T+2; or null for the market's own of that date).
One line comes out for each: {"settles_on": "2025-10-14"} or {"error": "…"}.

A trade_date is the market's business day and is taken as it stands. Without one, trade_time with its
zone decides; currencies roll to the next day at 17:00 New York.
"""


class Command(BaseCommand):
    """Date settlements."""

    help = HELP
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a file and, if its own closed days shall count, a tenant."""
        parser.add_argument("file", help="JSON Lines, or -")
        parser.add_argument("--tenant", help="slug: its exceptions and rules count, too")

    def handle(self, *, file: str, tenant: str | None, **_: Any) -> None:
        """Answer line by line."""
        changes = Changes(until=date(timezone.now().year + 1, 12, 31))
        if tenant is not None:
            changes = selectors.changes_of(get_tenant(tenant).pk)
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file}: {error}") from error
        for line in text.splitlines():
            if line.strip():
                self.stdout.write(json.dumps(_answer(line, changes)))


def _answer(line: str, changes: Changes) -> dict[str, str]:
    try:
        asked = json.loads(line)
        if not isinstance(asked, dict):
            raise ValueError("a line is an object")  # noqa: TRY301 - one way out
        terms = _terms(asked)
        found = settlement_date(terms, _trade_date(asked, terms), changes)
    except DomainError as error:
        return {"error": str(error)}
    except (ValueError, OverflowError) as error:
        return {"error": f"{error}"}
    return {"settles_on": found.isoformat()}


def _terms(asked: dict[str, Any]) -> Terms:
    """Raises ValueError, with a sentence, and UnknownCalendar."""
    try:
        asset_class = AssetClass(asked.get("asset_class") or "")
    except ValueError:
        known = ", ".join(AssetClass)
        raise ValueError(f"asset_class is one of {known}") from None
    cycle = asked.get("cycle")
    if cycle is not None and not (isinstance(cycle, str) and cycle in CYCLES):
        raise ValueError("cycle is T+0 to T+30, or null")
    days = CYCLES[cycle] if cycle is not None else None
    market = asked.get("market")
    if not isinstance(market, str) or not market:
        raise ValueError("market is a market's name, or a pair of currencies")
    if asset_class == AssetClass.FX:
        return Terms(asset_class, calendar_named("USD"), pair_of(market), days)
    return Terms(asset_class, calendar_named(market), None, days)


def _trade_date(asked: dict[str, Any], terms: Terms) -> date:
    """Raises ValueError, with a sentence."""
    text, moment = asked.get("trade_date"), asked.get("trade_time")
    if text is not None:
        if not isinstance(text, str):
            raise ValueError("trade_date is a date such as 2025-10-10")
        return date.fromisoformat(text)
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else None
    if at is None or at.tzinfo is None:
        raise ValueError("a line has a trade_date, or a trade_time with its zone")
    return business_date(terms, at)
