"""`manage.py import_trades FILE --tenant SLUG`: book a file of past trades."""

import csv
import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Self

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from apps.core.exceptions import DomainError, Unavailable
from apps.tenants.services import get_tenant
from apps.trading import selectors, services
from apps.trading.exceptions import UnknownInstrument
from apps.trading.management import tape
from apps.trading.management.tape import Bad, Good, Tape
from apps.trading.selectors import TradeView
from apps.trading.services import AccountTerms, Outcome, PriceUpdate

CLIENT: Final = "command:import_trades"
ACCOUNTS_MAX: Final = 1_000_000

HELP: Final = """
Book a file of past trades: CSV, or CSV.gz, with a header that names at least

  time,trade_id,price,quantity,aggressor_side          (more columns are ignored)

and, if you like, instrument and account. Times are UTC. The aggressor's side is the account's side.

  manage.py import_trades trades_BTC-USDT.SPOT_20240808.csv.gz --tenant acme --accounts 50

The instrument is the file name's (trades_<INSTRUMENT>_….csv), unless --instrument names it; it is
listed where it is missing, with terms guessed from its name. Accounts ACC-0001 to ACC-<N> are opened
where they are missing; a row without an account goes to number trade_id mod N + 1.

A trade is known by its instrument and trade_id: run the command again as often as you like, or after
an interruption, and what is booked is replayed, not booked twice. Lines that are no trades and trades
that are refused are written beside the file, with line number and reasons; the rest is booked.
"""


class Command(BaseCommand):
    """Book a file of past trades."""

    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> Any:
        """With the help's own line breaks."""
        options["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE and what is to be known of it."""
        parser.add_argument("file", type=Path, help="CSV or CSV.gz")
        parser.add_argument("--tenant", required=True, help="slug; see create_tenant")
        parser.add_argument("--instrument", help="symbol; default: from the file's name")
        parser.add_argument(
            "--accounts", type=_count, default=1, metavar="N", help="spread over N accounts (1)"
        )
        parser.add_argument(
            "--rejects", type=Path, help="where refused lines go; default: <FILE>.rejects.csv"
        )
        parser.add_argument("--json", action="store_true", help="print the counts as JSON only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read on, book, count."""
        self.quiet = options["json"] or not sys.stderr.isatty()
        started = time.monotonic()
        try:
            counts, rejects = self._run(options)
        except (tape.TapeError, Unavailable) as error:
            raise CommandError(f"{options['file'].name}: {error}") from error
        except DomainError as error:
            raise CommandError(f"{error} {json.dumps(error.facts, default=str)}") from error
        except (OperationalError, InterfaceError) as error:
            reason = str(error).splitlines()[0]
            raise CommandError(f"the database is away ({reason}); run it again to go on") from error
        seconds = round(time.monotonic() - started, 3)
        total = {name: counts[name] for name in ("accepted", "replayed", "rejected")}
        if options["json"]:
            self.stdout.write(json.dumps({**total, "seconds": seconds}))
            return
        said = ", ".join(f"{count:,} {name}" for name, count in total.items())
        rate = sum(total.values()) / seconds if seconds else 0
        self.stdout.write(f"{said} in {seconds:,.1f} s ({rate:,.0f} a second)")
        if rejects is not None:
            self.stdout.write(f"refused lines, with their reasons: {rejects}")

    def _run(self, options: dict[str, Any]) -> tuple[Counter[str], Path | None]:
        tenant = get_tenant(options["tenant"]).pk
        accounts, path = options["accounts"], options["file"]
        with (
            tape.open_tape(path, symbol=options["instrument"], accounts=accounts) as (found, raw),
            _Rejects(options["rejects"] or path.with_name(f"{path.name}.rejects.csv")) as rejects,
            self._progress(path.stat().st_size) as (bar, task),
        ):
            if found.ignored and not options["json"]:
                self.stderr.write(f"columns not used: {', '.join(found.ignored)}")
            if "account" not in found.columns or accounts > 1:
                _open_accounts(tenant, accounts)
            booking = _Booking(tenant, rejects)
            for chunk in _chunks(found):
                booking.book(chunk)
                bar.update(task, completed=raw.tell(), rows=f"{sum(booking.counts.values()):,}")
            booking.tell_prices()
        return booking.counts, rejects.written_to

    @contextmanager
    def _progress(self, size: int) -> Iterator[tuple[Progress, TaskID]]:
        columns = (
            TextColumn("booking"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[rows]} rows"),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True, quiet=self.quiet)
        with Progress(*columns, console=console, transient=True, disable=self.quiet) as bar:
            yield bar, bar.add_task("booking", total=size, rows="0")


class _Booking:
    """Trades on their way from a file into the books."""

    def __init__(self, tenant: int, rejects: "_Rejects") -> None:
        self.tenant = tenant
        self.rejects = rejects
        self.counts: Counter[str] = Counter()
        self.known: set[str] = set()
        self.newest: dict[str, TradeView] = {}

    def book(self, chunk: Sequence[Good | Bad]) -> None:
        """Book what can be booked, and write the rest aside."""
        good = [row for row in chunk if isinstance(row, Good)]
        for symbol in {row.request.instrument for row in good} - self.known:
            self._list(symbol)
        outcomes = iter(
            services.execute_trades(
                [row.request for row in good],
                tenant=self.tenant,
                client=CLIENT,
                now=timezone.now(),
                paced=False,
            )
        )
        for row in chunk:
            reasons = [row.reason] if isinstance(row, Bad) else self._count(next(outcomes))
            if reasons:
                self.counts["rejected"] += 1
                self.rejects.write(row.line, row.text, reasons)

    def tell_prices(self) -> None:
        """Record each instrument's last price, unless a newer one is known."""
        prices = [
            PriceUpdate(trade.instrument, trade.price, trade.executed_at)
            for trade in self.newest.values()
        ]
        if prices:
            services.record_prices(self.tenant, prices, now=timezone.now())

    def _count(self, outcome: Outcome) -> list[str]:
        trade = outcome.trade
        if trade is None:
            errors = outcome.error.facts["errors"] if outcome.error else []
            assert isinstance(errors, list)
            return [f"{one['field']}: {one['detail']} ({one['code']})" for one in errors]
        self.counts["replayed" if outcome.replayed else "accepted"] += 1
        newest = self.newest.get(trade.instrument)
        if newest is None or trade.executed_at >= newest.executed_at:
            self.newest[trade.instrument] = trade
        return []

    def _list(self, symbol: str) -> None:
        try:
            selectors.find_instrument(self.tenant, symbol)
        except UnknownInstrument:
            services.list_instrument(self.tenant, tape.guess_terms(symbol))
        self.known.add(symbol)


class _Rejects:
    """A CSV of refused lines, made when there is the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written_to: Path | None = None
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        self._forget_earlier()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: int, text: str, reasons: Sequence[str]) -> None:
        """One refused line, with every reason."""
        if self._file is None:
            self._file = self._open()
            csv.writer(self._file).writerow(["line", "reasons", "row"])
        shown = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
        csv.writer(self._file).writerow([line, "; ".join(reasons), shown])

    def _open(self) -> IO[str]:
        try:
            opened = self.path.open("w", encoding="utf-8", newline="")
        except OSError:  # a read-only directory, such as a mounted archive
            self.path = settings.VAR_DIR / "rejects" / self.path.name
            self.path.parent.mkdir(parents=True, exist_ok=True)
            opened = self.path.open("w", encoding="utf-8", newline="")
        self.written_to = self.path
        return opened

    def _forget_earlier(self) -> None:
        """What an earlier run refused may be booked now."""
        for path in (self.path, settings.VAR_DIR / "rejects" / self.path.name):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue  # a place where this user may not write: no run of theirs left one there


def _chunks(found: Tape) -> Iterator[list[Good | Bad]]:
    rows = found.rows()
    while chunk := list(islice(rows, services.CHUNK)):
        yield chunk


def _open_accounts(tenant: int, count: int) -> None:
    """Open the accounts that are missing; those that exist keep their terms."""
    numbers = [tape.account_number(index + 1) for index in range(count)]
    known = selectors.known_numbers(tenant, numbers)
    missing = [
        AccountTerms(number, f"Account {number.removeprefix('ACC-')}", "USD")
        for number in numbers
        if number not in known
    ]
    if missing:
        services.open_accounts(tenant, missing)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= ACCOUNTS_MAX):
        raise ArgumentTypeError(f"between 1 and {ACCOUNTS_MAX:,} accounts, not {text}")
    return int(text)
