"""Every way in which a clearing system misbehaves, against the simulator's own process, to its end.

The simulator is called over the wire, and what it tells is handed on, as it was signed and sent, to our
webhook. Whatever it does: one right state, a ledger in balance, and nothing settled twice.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from apps.core.ids import uuid7
from apps.ledger.invariants import INVARIANTS as LEDGER
from apps.settlement import services
from apps.settlement.clearing.connections import ADAPTERS
from apps.settlement.invariants import INVARIANTS, clearing_holds_what_we_think
from apps.settlement.models import ClearingNotice, Settlement
from apps.settlement.services import Decision
from apps.tenants.models import Tenant
from tests.ledger.cast import sql
from tests.settlement.cast import Market, balances, drive, settle_down, settlement_of, steps_of
from tests.settlement.simulated import SECRET, Simulated, simulated
from tests.trading.cast import list_instrument, open_account
from tests.waiting import wait_until

pytestmark = pytest.mark.processes
PATIENCE = 60.0  # seconds of a call; a machine under test may be busy
IMPATIENCE = 1.0  # of one that will not be answered
SILENCE = 130.0  # seconds after which a silent clearing system is asked
OPEN = {
    ("SEC:UNSETTLED", "XYZ"): 100,
    ("STREET:SEC:UNSETTLED", "XYZ"): -100,
    ("CASH:UNSETTLED", "USD"): -5000,
    ("STREET:CASH:UNSETTLED", "USD"): 5000,
}
SETTLED = {
    ("SEC:SETTLED", "XYZ"): 100,
    ("DEPOT:SEC", "XYZ"): -100,
    ("CASH:SETTLED", "USD"): -5000,
    ("NOSTRO", "USD"): 5000,
}
WHY = Decision("key:ann", "the custodian called")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    with simulated(tmp_path_factory.mktemp("simulator")) as one:
        yield one


@dataclass(frozen=True, slots=True)
class Floor:
    """Who trades, and the clearing system that they meet."""

    market: Market
    simulator: Simulated
    web: Client
    patience: list[float]
    """Seconds that a call may take."""

    def trade(self) -> UUID:
        """100 XYZ bought at 50, in the ledger and due."""
        found = self.market.trade(account=self.market.account.number)
        settle_down()
        return found

    def hand_on(self) -> None:
        """Let our webhook have what the simulator has told."""
        while self.simulator.posted:
            path, headers, body = self.simulator.posted.pop(0)
            answer = self.web.post(path, body, content_type="application/json", headers=headers)
            assert answer.status_code == 200, answer.content
        settle_down()

    def until(
        self, trade: UUID, state: str, *, ahead: float = 0.0, step: float = 0.5
    ) -> Settlement:
        """Let clock, wire and handlers work until the settlement is there; pauses pass quickly."""
        clock = count(ahead, step)

        def reached() -> Settlement | None:
            drive(ahead=next(clock))
            self.hand_on()
            found = settlement_of(trade)
            return found if found.state == state else None

        return wait_until(reached, 180, every=0.05)

    def until_all_is_told(self) -> None:
        """Until nothing more will happen at the clearing system, and we know it all."""

        def is_over() -> bool:
            counts = self.simulator.control()["counts"]
            return not counts["acts"] and not counts["tellings"]

        wait_until(is_over, 180, every=0.05)
        self.hand_on()


@pytest.fixture
def floor(
    tenant: Tenant,
    running: Simulated,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> Floor:
    """An account that the simulator has not seen, and a simulator that behaves."""
    settings.CLEARING_SECRET = SECRET
    patience = [PATIENCE]
    monkeypatch.setitem(
        ADAPTERS, "simulator", lambda one: running.connection(one, seconds=patience[0])
    )
    running.behave()
    running.posted.clear()
    account = open_account(tenant.pk, f"ACC-{uuid7()}")
    return Floor(Market(tenant, account, list_instrument(tenant.pk)), running, Client(), patience)


def assert_in_balance(floor: Floor, expected: dict[tuple[str, str], int], *, parts: int) -> None:
    """The ledger has exactly this; every invariant holds, clearing's own statement among them."""
    floor.until_all_is_told()
    assert balances(floor.market) == expected
    assert sql("SELECT count(*) FROM ledger_journalentry WHERE kind = 'SETTLEMENT'") == [(parts,)]
    found = [check(None) for check in (*LEDGER, *INVARIANTS)]
    assert [one for one in found if not one.ok] == []


def notices() -> list[tuple[str, str]]:
    """(kind, state) of what was told, in order."""
    return list(ClearingNotice.objects.order_by("id").values_list("kind", "state"))


@pytest.mark.parametrize(
    ("call", "instructed"),
    [
        ("hang", 1),  # taken, and the answer never came
        ("error", 1),  # taken, and answered with 500
        ("garble", 1),  # taken, and answered with nonsense
        ("lose", 2),  # never arrived
        ("refuse", 2),  # certainly not taken
    ],
)
def test_a_call_that_goes_wrong_settles_once(floor: Floor, call: str, instructed: int) -> None:
    trade = floor.trade()
    floor.simulator.behave(calls={call: 1}, hang=2 * IMPATIENCE)
    if call in {"hang", "lose"}:
        floor.patience[0] = IMPATIENCE
    drive()
    assert settlement_of(trade).state == "retrying"
    floor.simulator.behave()
    floor.patience[0] = PATIENCE
    found = floor.until(trade, "settled")
    said = [step for step, *_ in steps_of(found) if step in {"instruct", "ask"}]
    assert said.count("instruct") == instructed
    # What may have been taken is sent again only when clearing says that it was not.
    assert call != "lose" or said == ["instruct", "ask", "instruct"]
    assert_in_balance(floor, SETTLED, parts=1)


@pytest.mark.parametrize(
    ("way", "parts", "told"),
    [
        ("", 1, [("settled", "taken")]),
        ("early", 1, [("settled", "taken")]),
        ("duplicate", 1, [("settled", "taken")]),
        ("partial", 2, [("partial", "taken"), ("settled", "taken")]),
        ("fail", 1, [("failing", "taken"), ("settled", "taken")]),
        ("stray", 1, [("settled", "suspended"), ("settled", "taken")]),
    ],
)
def test_whatever_way_it_takes_it_settles_once(
    floor: Floor, way: str, parts: int, told: list[tuple[str, str]]
) -> None:
    trade = floor.trade()
    floor.simulator.behave(instructions={way: 1} if way else {})
    found = floor.until(trade, "settled")
    assert 1 <= found.parts <= parts  # what is confirmed at once is booked at once
    assert_in_balance(floor, SETTLED, parts=found.parts)
    assert sorted(notices()) == sorted(told)


@pytest.mark.parametrize(("way", "code"), [("reject", "DSEC"), ("bounce", "CMIS")])
def test_a_rejection_is_a_persons_who_may_try_again(floor: Floor, way: str, code: str) -> None:
    trade = floor.trade()
    floor.simulator.behave(instructions={way: 1})
    found = floor.until(trade, "failed")
    assert (found.code, found.may_be_out) == (code, False)
    assert_in_balance(floor, OPEN, parts=0)

    floor.simulator.behave()
    services.retry(floor.market.tenant.pk, found.pk, WHY)
    again = floor.until(trade, "settled")
    assert again.instruction_id != found.instruction_id
    assert_in_balance(floor, SETTLED, parts=1)


def test_what_is_late_is_asked_about_and_waited_for(floor: Floor) -> None:
    trade = floor.trade()
    # Thirty times as late: it has not settled when it is asked about, however slow this machine is.
    floor.simulator.behave(instructions={"late": 1}, settling={"p50": 0.15, "p95": 0.16})
    drive()
    drive(ahead=SILENCE)
    assert steps_of(settlement_of(trade))[-1] == ("ask", "instructed", "instructed")
    floor.until(trade, "settled")
    assert_in_balance(floor, SETTLED, parts=1)


def test_what_is_never_confirmed_is_found_out_by_asking(floor: Floor) -> None:
    trade = floor.trade()
    floor.simulator.behave(instructions={"silent": 1})
    drive()
    floor.until_all_is_told()
    assert (settlement_of(trade).state, notices()) == ("instructed", [])
    floor.until(trade, "settled", ahead=SILENCE)
    assert_in_balance(floor, SETTLED, parts=1)


def test_a_contradiction_is_a_persons_and_never_the_ledgers(floor: Floor) -> None:
    trade = floor.trade()
    floor.simulator.behave(instructions={"contradict": 1})
    found = floor.until(trade, "manual")
    assert notices() == [("settled", "suspended")]
    assert found.detail.endswith(
        "told settled 100 for 5001, which does not fit: 100 open of 100 for 5000"
    )
    assert_in_balance(floor, OPEN, parts=0)

    services.retry(floor.market.tenant.pk, found.pk, WHY)  # asked again it says what is right
    floor.until(trade, "settled", step=SILENCE)
    assert_in_balance(floor, SETTLED, parts=1)


def test_what_two_people_settled_by_hand_is_not_settled_again(floor: Floor) -> None:
    trade = floor.trade()
    floor.simulator.behave(instructions={"contradict": 1})
    found = floor.until(trade, "manual")
    tenant = floor.market.tenant.pk
    services.settle_by_hand(tenant, found.pk, WHY)
    services.settle_by_hand(tenant, found.pk, Decision("key:bob", "so it is"), said="approve")
    assert floor.until(trade, "settled", ahead=SILENCE).parts == 1
    assert_in_balance(floor, SETTLED, parts=1)


def test_what_fails_for_good_is_withdrawn_and_undone(floor: Floor) -> None:
    trade = floor.trade()
    floor.simulator.behave(instructions={"stall": 1})
    found = floor.until(trade, "failed")
    assert (found.code, found.may_be_out) == ("LACK", True)
    assert_in_balance(floor, OPEN, parts=0)

    services.compensate(floor.market.tenant.pk, found.pk, WHY)
    floor.until(trade, "compensated")
    assert floor.simulator.connection(floor.market.tenant.pk).ask([found.instruction_id])[
        0
    ].outcome == ("cancelled")
    assert_in_balance(floor, {}, parts=0)


@pytest.mark.parametrize(("asset", "ours"), [("XYZ", "100"), ("USD", "-5000")])
def test_a_statement_that_says_something_else_is_named(floor: Floor, asset: str, ours: str) -> None:
    """I12: clearing's statement, as it gives it, against what has settled."""
    trade = floor.trade()
    floor.until(trade, "settled")
    assert_in_balance(floor, SETTLED, parts=1)
    assert clearing_holds_what_we_think(None).checked == 2

    account = floor.market.account.number
    with sqlite3.connect(floor.simulator.folder / "book.sqlite3") as book:
        book.execute(
            "UPDATE holding SET amount = '99.5' WHERE account = ? AND asset = ?", [account, asset]
        )
    found = clearing_holds_what_we_think(floor.market.tenant.pk)
    assert list(found.failures) == [
        f"simulator, account {account} {asset}: we have {ours}, the statement 99.5"
    ]
