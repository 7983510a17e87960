"""Files of trades, line by line: a bad line is set aside with its number, the others go on.

Lines are parsed one at a time, so that a stray quote cannot swallow the rest of the file.
"""

import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import msgspec

from apps.core.money import FIAT
from apps.trading.services import InstrumentTerms, TradeRequest, unprintable

REQUIRED: Final = ("time", "trade_id", "price", "quantity", "aggressor_side")
OPTIONAL: Final = ("instrument", "account")
LINE_MAX: Final = 10_000  # characters
NAME: Final = re.compile(r"trades_(?P<symbol>[^_]+)_.*\.csv(\.gz)?", re.IGNORECASE)
PAIR: Final = re.compile(r"(?P<base>[A-Z0-9]{2,12})[-/](?P<quote>[A-Z0-9]{2,12})(?P<rest>\..+)?")
CONTRACT_VALUE: Final = {"BTC": Decimal(100)}
"""Dollars in one inverse contract, as exchanges have them; 10 for every other coin."""


class TapeError(Exception):
    """The file cannot be read as trades at all."""


class Bad(NamedTuple):
    """A line that is no trade."""

    line: int
    text: str
    reason: str


class Good(NamedTuple):
    """A line that is a trade, as it is asked for."""

    line: int
    text: str
    request: TradeRequest


@dataclass(slots=True)
class Tape:
    """An open file of trades."""

    lines: IO[str]
    columns: Sequence[str]
    symbol: str | None
    accounts: int | None
    last_line: int = 1
    ignored: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[Good | Bad]:
        """Every line after the header. Raises `TapeError` where the file is damaged."""
        while (text := self._next_line()) is not None:
            if len(text) >= LINE_MAX and not text.endswith("\n"):
                self._skip_rest()
                yield Bad(self.last_line, text[:200], f"longer than {LINE_MAX} characters")
            elif text := text.rstrip("\r\n"):
                yield self._read(text)

    def _next_line(self) -> str | None:
        try:
            text = self.lines.readline(LINE_MAX)
        except (OSError, EOFError) as error:
            raise TapeError(f"damaged after line {self.last_line}: {error}") from error
        self.last_line += 1
        return text or None

    def _skip_rest(self) -> None:
        while (more := self.lines.readline(LINE_MAX)) and not more.endswith("\n"):
            pass

    def _read(self, text: str) -> Good | Bad:
        try:
            cells = text.split(",") if '"' not in text else next(csv.reader([text], strict=True))
        except csv.Error as error:
            return Bad(self.last_line, text, f"not CSV: {error}")
        if len(cells) != len(self.columns):
            reason = f"{len(cells)} columns where the header has {len(self.columns)}"
            return Bad(self.last_line, text, reason)
        try:
            request = self._request(dict(zip(self.columns, map(str.strip, cells), strict=True)))
        except (ValueError, msgspec.ValidationError) as error:
            return Bad(self.last_line, text, str(error))
        if fields := unprintable(request):
            return Bad(self.last_line, text, f"unreadable characters in {', '.join(fields)}")
        return Good(self.last_line, text, request)

    def _request(self, cells: dict[str, str]) -> TradeRequest:
        symbol = cells.get("instrument") or self.symbol
        given = {
            "account": cells.get("account") or self._account(cells["trade_id"]),
            "instrument": symbol,
            "side": cells["aggressor_side"],
            "quantity": cells["quantity"],
            "price": cells["price"],
            "executed_at": _in_utc(cells["time"]),
            "source": f"file:{symbol}",
            "external_id": cells["trade_id"],
        }
        return msgspec.convert(given, TradeRequest)

    def _account(self, trade_id: str) -> str:
        if not (trade_id.isascii() and trade_id.isdigit() and len(trade_id) <= 40):  # noqa: PLR2004 - ample
            raise ValueError("without an account the trade_id must be a whole number")
        return account_number(int(trade_id) % (self.accounts or 1) + 1)


@contextmanager
def open_tape(
    path: Path, *, symbol: str | None, accounts: int | None
) -> Iterator[tuple[Tape, IO[bytes]]]:
    """The trades of a file (CSV or CSV.gz), and the file itself, whose position shows progress.

    Raises `TapeError` where it is no such file, or its header is not that of trades.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise TapeError(f"cannot open {path}: {error.strerror}") from error
    with raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with _text(gzip.GzipFile(fileobj=raw) if is_gzip else raw) as lines:
            yield _tape(lines, symbol or symbol_of(path), accounts), raw


def symbol_of(path: Path) -> str | None:
    """The instrument that a file's name tells: `trades_<INSTRUMENT>_<day>….csv.gz`."""
    found = NAME.fullmatch(path.name)
    return found["symbol"] if found else None


def account_number(number: int) -> str:
    """The number of the n-th account that an import opens."""
    return f"ACC-{number:04}"


def guess_terms(symbol: str) -> InstrumentTerms:
    """What an instrument of this name most probably is; any tick and any lot, because tapes vary."""
    pair = PAIR.fullmatch(symbol)
    if pair is None:
        return InstrumentTerms(symbol, symbol, "equity", "USD")
    base, quote, rest = pair["base"], pair["quote"], pair["rest"] or ""
    if rest.endswith(".INVERSE"):
        value = CONTRACT_VALUE.get(base, Decimal(10))
        return InstrumentTerms(symbol, symbol, "future", base, multiplier=value, inverse=True)
    if "PERP" in rest or "FUT" in rest:
        return InstrumentTerms(symbol, symbol, "future", quote)
    kind = "fx" if base in FIAT and quote in FIAT else "crypto"
    return InstrumentTerms(symbol, symbol, kind, quote)


def _text(opened: Any) -> IO[str]:
    # What is no UTF-8 becomes half a surrogate pair, which the check of every line finds.
    return io.TextIOWrapper(
        io.BufferedReader(opened), encoding="utf-8-sig", errors="surrogateescape", newline="\n"
    )


def _tape(lines: IO[str], symbol: str | None, accounts: int | None) -> Tape:
    try:
        header = lines.readline(LINE_MAX)
    except (OSError, EOFError) as error:
        raise TapeError(f"cannot be read: {error}") from error
    columns = [name.strip() for name in header.rstrip("\r\n").split(",")]
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        shown = header.strip()[:80].encode("ascii", "backslashreplace").decode()
        raise TapeError(
            f"the first line must name the columns {', '.join(REQUIRED)}; {', '.join(missing)} not"
            f" found in {shown!r}"
        )
    if len(set(columns)) != len(columns):
        raise TapeError("the header names a column twice")
    if symbol is None and "instrument" not in columns:
        raise TapeError("no instrument: name it with --instrument, or bring a column of that name")
    ignored = [name for name in columns if name not in {*REQUIRED, *OPTIONAL}]
    return Tape(lines, columns, symbol, accounts, ignored=ignored)


def _in_utc(text: str) -> str:
    """A tape's time: UTC, whether it says so or not."""
    has_zone = text.endswith(("Z", "z")) or "+" in text or "-" in text[10:]
    return text if has_zone else f"{text}Z"
