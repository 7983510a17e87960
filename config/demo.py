"""The demo: a tenant to look around in, and a small living market that trades over the public API.

The market is a client like any other: it signs in with an API key and sends HTTP. Prices walk at
random, momentum and size differ by instrument, and every fill pays a commission.
"""

import http.client
import json
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog

from apps.reports import services as reports
from apps.reports.services import ScheduleTerms
from apps.tenants.models import ApiKey, Role, User
from apps.tenants.services import add_member, create_tenant, digest_of, issue_key
from config import demo_desk
from config.stack import DEMO_FILE

log = structlog.get_logger(__name__)

TENANT = "demo"
USER = "demo"
COLLEAGUE = "colleague"
"""The second person of what takes two."""
ACCOUNTS = 12
COMMISSION = Decimal("0.0005")  # of the notional
CENT = Decimal("0.01")
PATIENCE = 0.5  # seconds before the next try when the server is away


@dataclass(slots=True)
class Listing:
    """An instrument of the demo market and its present price."""

    symbol: str
    name: str
    kind: str
    currency: str
    lot: Decimal
    tick: Decimal
    price: Decimal
    swing: float  # standard deviation of one step, as a part of the price

    def step(self, dice: random.Random) -> None:
        """The next price of the walk, on the tick grid."""
        moved = self.price * Decimal(str(round(1 + dice.gauss(0, self.swing), 8)))
        ticks = (moved / self.tick).to_integral_value(ROUND_HALF_EVEN)
        self.price = max(ticks, Decimal(1)) * self.tick


def listings() -> list[Listing]:
    """The instruments of the demo market. The companies do not exist."""
    rows = [
        ("NORDWIND", "Nordwind Energie AG", "equity", "EUR", "1", "0.01", "48.20", 0.0006),
        ("HALCYON", "Halcyon Software plc", "equity", "GBP", "1", "0.01", "131.45", 0.0008),
        ("MERIDIAN", "Meridian Freight Inc.", "equity", "USD", "1", "0.01", "212.60", 0.0007),
        ("QUILLON", "Quillon Biotech Inc.", "equity", "USD", "1", "0.01", "18.72", 0.0016),
        ("WORLD-ETF", "World Equity Index Fund", "etf", "USD", "1", "0.01", "96.31", 0.0003),
        ("SOV-2034", "Sovereign 3.25 % 2034", "bond", "EUR", "1000", "0.001", "0.987", 0.0001),
        ("EUR/USD", "Euro in US dollars", "fx", "USD", "1000", "0.00001", "1.08412", 0.0001),
        ("BTC-USDT", "Bitcoin in USDT", "crypto", "USDT", "0.0001", "0.01", "97450.00", 0.0009),
        ("ETH-USDT", "Ether in USDT", "crypto", "USDT", "0.001", "0.01", "3312.40", 0.0011),
    ]
    return [
        Listing(symbol, name, kind, currency, Decimal(lot), Decimal(tick), Decimal(price), swing)
        for symbol, name, kind, currency, lot, tick, price, swing in rows
    ]


def set_up(var: Path) -> dict[str, str]:
    """Make the demo tenant, its two people and its key, or find them; kept in `var/demo.json` (0600)."""
    path = var / DEMO_FILE
    tenant, _ = create_tenant(TENANT, name="Demo Prime Brokers")
    known = _read(path)
    user, made = add_member(tenant, username=USER, role=Role.OWNER, staff=True)
    demo_desk.set_up(tenant, user)
    _plan_reports(tenant.pk)
    if made or not known or not _is_valid(known):
        known = {"user": USER, "password": _signs_in(user)}
        _, known["api_key"] = issue_key(tenant, role=Role.OWNER, name="demo")
    colleague, made = add_member(tenant, username=COLLEAGUE, role=Role.OPERATIONS, staff=True)
    if made or "colleague" not in known:
        known |= {"colleague": COLLEAGUE, "colleague_password": _signs_in(colleague)}
    known["tenant"] = str(tenant.pk)
    path.touch(mode=0o600)
    path.write_text(json.dumps(known))
    return known


def _plan_reports(tenant: int) -> None:
    """Files that are made by themselves, so that there are some to look at."""
    for terms in (
        ScheduleTerms(name="Volumes by the hour", report="volumes", every="hour", keep_days=7),
        ScheduleTerms(name="Profit of the day", report="profit", every="day", keep_days=30),
    ):
        reports.make_schedule(tenant, terms, by="demo")


def _signs_in(user: User) -> str:
    """A new password; one's own machine, so the newcomer may look everywhere."""
    password = secrets.token_urlsafe(9)
    user.is_superuser = True
    user.set_password(password)
    user.save()
    return password


def _read(path: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _is_valid(known: dict[str, str]) -> bool:
    digest = digest_of(known.get("api_key", ""))
    return ApiKey.objects.filter(digest=digest, revoked_at=None).exists()


class Client:
    """A keep-alive client of the public API that waits for a server that is away."""

    def __init__(self, url: str, key: str) -> None:
        """Address of the web server, and an API key."""
        self.place = urlsplit(url)
        self.key = key
        self._connection: http.client.HTTPConnection | None = None

    def send(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """One call, repeated until the server answers (below 500); status and body."""
        while True:
            try:
                status, answer = self._once(method, path, body, headers)
            except (OSError, http.client.HTTPException):
                status, answer = 503, None
                self._connection = None
            if status < 500:  # noqa: PLR2004 - the server's own troubles begin there
                return status, answer
            time.sleep(PATIENCE)

    def _once(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self.place.hostname or "127.0.0.1", self.place.port, timeout=10
            )
        self._connection.request(
            method,
            path,
            body=None if body is None else json.dumps(body),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                **headers,
            },
        )
        response = self._connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None


class Market:
    """Accounts that trade listings at walking prices."""

    def __init__(self, client: Client, *, seed: int | None = None) -> None:
        """A market on a server; the same seed gives the same prices and sizes."""
        self.client = client
        self.dice = random.Random(seed)  # noqa: S311 - a market, not a secret
        self.listings = listings()
        self.accounts = [f"DEMO-{number:03}" for number in range(1, ACCOUNTS + 1)]

    def open(self) -> None:
        """List the instruments and open the accounts; those that exist stay as they are."""
        for one in self.listings:
            self.client.send(
                "POST",
                "/api/v1/instruments",
                {"symbol": one.symbol, "name": one.name, "kind": one.kind,
                 "currency": one.currency, "lot_size": str(one.lot), "tick_size": str(one.tick)},
            )  # fmt: skip
        for index, number in enumerate(self.accounts):
            self.client.send(
                "POST",
                "/api/v1/accounts",
                {"number": number, "name": f"Demo client {index + 1}", "base_currency": "USD",
                 "cost_method": "fifo" if index % 4 == 3 else "average"},  # noqa: PLR2004 - every fourth
            )  # fmt: skip
        self.tell_prices()

    def tell_prices(self) -> None:
        """Send every listing's last price."""
        prices = [{"instrument": one.symbol, "price": str(one.price)} for one in self.listings]
        self.client.send("POST", "/api/v1/prices", {"prices": prices})

    def step(self) -> None:
        """Move the prices and trade once."""
        for one in self.listings:
            one.step(self.dice)
        status, answer = self.client.send(
            "POST", "/api/v1/trades", self._trade(), **{"Idempotency-Key": str(uuid4())}
        )
        if status >= 400:  # noqa: PLR2004 - a refusal; shown, because the demo should have none
            log.warning("trade refused", status=status, problem=answer)

    def _trade(self) -> dict[str, Any]:
        one = self.dice.choice(self.listings)
        worth = Decimal(str(round(self.dice.lognormvariate(9.2, 0.9), 2)))  # median about 10,000
        lots = max((worth / one.price / one.lot).to_integral_value(ROUND_HALF_EVEN), Decimal(1))
        quantity = lots * one.lot
        commission = max((quantity * one.price * COMMISSION).quantize(CENT), CENT)
        return {
            "account": self.dice.choice(self.accounts),
            "instrument": one.symbol,
            "side": self.dice.choice(("buy", "sell")),
            "quantity": str(quantity),
            "price": str(one.price),
            "fees": [{"kind": "commission", "amount": str(commission)}],
        }


def paces(dice: random.Random, per_second: float) -> Iterator[float]:
    """Waiting times of a market that breathes: calmer and busier minutes around a mean rate."""
    while True:
        breath = 1 + 0.6 * (time.monotonic() % 60 / 60 - 0.5)
        yield dice.expovariate(per_second * breath)
