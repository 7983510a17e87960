"""The adapter against the real simulator, over the wire; and against servers that behave badly."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal

import pytest

from apps.core.ids import uuid7
from apps.settlement.clearing.http_json import HttpClearing
from apps.settlement.clearing.protocol import Instruction, Outcome
from apps.settlement.clearing.signing import is_genuine, participant_secret, signed
from tests.settlement.simulated import SECRET, Simulated, simulated

pytestmark = pytest.mark.processes
TENANT = 7


def instruction(**changes: object) -> Instruction:
    terms = {
        "id": uuid7(),
        "settlement": uuid7(),
        "tenant": TENANT,
        "movement": "receive",
        "account": "ACC-1",
        "symbol": "XYZ",
        "quantity": Decimal(100),
        "currency": "USD",
        "amount": Decimal("5000.00"),
        "payment": "against",
        "trade_date": date(2026, 3, 2),
        "settles_on": date(2026, 3, 3),
    }
    return Instruction(**(terms | changes))  # type: ignore[arg-type] # a test's terms


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    with simulated(tmp_path_factory.mktemp("simulator")) as one:
        yield one


@pytest.fixture
def simulator(running: Simulated) -> Simulated:
    running.behave()
    return running


@pytest.fixture
def clearing(simulator: Simulated) -> HttpClearing:
    return simulator.connection(TENANT, seconds=60.0)  # a machine under test may be busy


class TestAgainstTheSimulator:
    def test_takes_settles_and_tells(self, simulator: Simulated, clearing: HttpClearing) -> None:
        one = instruction()
        (taken,) = clearing.instruct([one])
        assert (taken.outcome, taken.instruction) == (Outcome.ACCEPTED, one.id)
        assert taken.reference.startswith("SIM-")
        notice = simulator.heard(str(one.id))
        assert (notice.kind, notice.quantity, notice.amount) == ("settled", 100, 5000)
        (asked,) = clearing.ask([one.id])
        assert (asked.outcome, asked.quantity, asked.amount) == (Outcome.CONFIRMED, 100, 5000)

    def test_takes_an_instruction_once(self, clearing: HttpClearing) -> None:
        one = instruction()
        first, again = clearing.instruct([one]), clearing.instruct([one])
        assert first[0].reference == again[0].reference
        other = instruction(id=one.id, quantity=Decimal(200))
        (refused,) = clearing.instruct([other])
        assert (refused.outcome, refused.code) == (Outcome.REJECTED, "REFE")

    def test_many_in_one_call_in_order(self, clearing: HttpClearing) -> None:
        many = [instruction() for _ in range(230)]
        found = clearing.instruct(many)
        assert [one.instruction for one in found] == [one.id for one in many]
        assert {one.outcome for one in found} == {Outcome.ACCEPTED}

    def test_what_it_never_saw_is_absent(self, clearing: HttpClearing) -> None:
        assert clearing.ask([uuid7()])[0].outcome is Outcome.ABSENT
        assert clearing.cancel([uuid7()])[0].outcome is Outcome.ABSENT

    def test_withdraws_what_has_not_settled(
        self, simulator: Simulated, clearing: HttpClearing
    ) -> None:
        simulator.behave(settling={"p50": 60, "p95": 61})
        one, two = instruction(), instruction()
        clearing.instruct([one, two])
        assert clearing.cancel([one.id])[0].outcome is Outcome.CANCELLED
        assert clearing.ask([one.id])[0].outcome is Outcome.CANCELLED
        simulator.behave(withdrawals=0)
        assert clearing.cancel([two.id])[0].outcome is Outcome.REJECTED

    def test_its_statement_adds_up(self, simulator: Simulated) -> None:
        mine = simulator.connection(8)
        one, two = instruction(), instruction(movement="deliver", quantity=Decimal(40))
        mine.instruct([one, two])
        simulator.heard(str(one.id))
        simulator.heard(str(two.id))
        held = mine.statement()
        assert held is not None
        assert {one.asset: one.amount for one in held} == {"XYZ": 60, "USD": 0}
        assert simulator.connection(9).statement() == []

    def test_another_participants_instructions_are_not_there(
        self, simulator: Simulated, clearing: HttpClearing
    ) -> None:
        one = instruction()
        clearing.instruct([one])
        assert simulator.connection(8).ask([one.id])[0].outcome is Outcome.ABSENT

    @pytest.mark.parametrize(
        ("calls", "outcome", "is_there"),
        [
            ({"hang": 1}, Outcome.UNKNOWN, True),
            ({"lose": 1}, Outcome.UNKNOWN, False),
            ({"error": 1}, Outcome.UNKNOWN, True),
            ({"garble": 1}, Outcome.UNKNOWN, True),
            ({"refuse": 1}, Outcome.UNAVAILABLE, False),
        ],
    )
    def test_a_call_that_goes_wrong_says_whether_it_may_have_been_taken(
        self,
        simulator: Simulated,
        calls: dict[str, int],
        outcome: Outcome,
        is_there: bool,
    ) -> None:
        is_answered = not calls.keys() & {"hang", "lose"}
        patience = 60.0 if is_answered else 1.0
        simulator.behave(calls=calls, hang=60)
        one = instruction()
        started = time.monotonic()
        found = simulator.connection(TENANT, seconds=patience).instruct([one])
        assert found[0].outcome is outcome
        assert time.monotonic() - started < 30
        simulator.behave()
        clearing = simulator.connection(TENANT)
        assert (clearing.ask([one.id])[0].outcome is not Outcome.ABSENT) == is_there

    def test_out_of_order_is_unavailable(
        self, simulator: Simulated, clearing: HttpClearing
    ) -> None:
        simulator.break_down(30)
        assert clearing.instruct([instruction()])[0].outcome is Outcome.UNAVAILABLE
        assert clearing.statement() is None
        simulator.break_down(0.001)
        refused = [one for one in simulator.calls() if one["refused"]]
        assert [(one["path"], one["count"]) for one in refused] == [
            ("/instructions", 1),
            ("/holdings", 0),
        ]
        assert {one["participant"] for one in refused} == {str(TENANT)}

    def test_a_wrong_secret_is_not_let_in(self, simulator: Simulated) -> None:
        wrong = HttpClearing(simulator.url, b"wrong", TENANT)
        assert wrong.instruct([instruction()])[0].outcome is Outcome.UNAVAILABLE

    @pytest.mark.parametrize(
        ("way", "kinds"),
        [
            ("bounce", ["rejected"]),
            ("fail", ["failing", "settled"]),
            ("stall", ["failing"]),
            ("partial", ["partial", "settled"]),
            ("duplicate", ["settled", "settled", "settled"]),
            ("silent", []),
        ],
    )
    def test_an_instruction_fares_as_it_is_told_to(
        self, simulator: Simulated, clearing: HttpClearing, way: str, kinds: list[str]
    ) -> None:
        simulator.behave(instructions={way: 1})
        one, quantity = instruction(), Decimal(0)
        clearing.instruct([one])
        told = simulator.all_heard(str(one.id), len(kinds))
        assert [notice.kind for notice in told] == kinds
        for notice in {notice.id: notice for notice in told}.values():
            quantity += notice.quantity or 0
        assert quantity in {0, 100}
        assert len({notice.id for notice in told}) == len(set(kinds))

    def test_a_confirmation_may_come_before_the_acknowledgement(
        self, simulator: Simulated, clearing: HttpClearing
    ) -> None:
        simulator.behave(instructions={"early": 1}, early_by=2)
        one = instruction()
        clearing.instruct([one])
        assert simulator.all_heard(str(one.id), 1, seconds=0.01)

    def test_a_contradiction_names_another_amount(
        self, simulator: Simulated, clearing: HttpClearing
    ) -> None:
        simulator.behave(instructions={"contradict": 1})
        one = instruction()
        clearing.instruct([one])
        assert simulator.heard(str(one.id)).amount == 5001
        assert clearing.ask([one.id])[0].amount == 5000

    def test_chance_is_seeded(self, simulator: Simulated) -> None:
        simulator.behave(seed=3, instructions={"reject": 0.5})
        many = [instruction() for _ in range(50)]
        first = simulator.connection(11).instruct(many)
        second = simulator.connection(12).instruct(many[::-1])[::-1]
        assert [one.outcome for one in first] == [one.outcome for one in second]
        assert {one.outcome for one in first} == {Outcome.ACCEPTED, Outcome.REJECTED}

    def test_it_forgets_nothing_when_it_is_killed(
        self, simulator: Simulated, clearing: HttpClearing
    ) -> None:
        one = instruction()
        reference = clearing.instruct([one])[0].reference
        simulator.kill()
        assert clearing.instruct([instruction()])[0].outcome is Outcome.UNAVAILABLE
        simulator.start()
        assert clearing.ask([one.id])[0].reference == reference
        assert simulator.heard(str(one.id)).kind == "settled"

    def test_it_tells_again_until_it_is_heard(
        self, simulator: Simulated, clearing: HttpClearing
    ) -> None:
        simulator.deaf = True
        one = instruction()
        clearing.instruct([one])
        assert simulator.all_heard(str(one.id), 1, seconds=0.6) == []
        simulator.deaf = False
        assert simulator.heard(str(one.id)).kind == "settled"


@contextmanager
def badly(answer: list[bytes], pause: float = 0.0) -> Iterator[str]:
    """A server that says this, byte string by byte string."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(60)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                try:
                    for part in answer:
                        connection.sendall(part)
                        time.sleep(pause)
                except OSError:
                    return  # the client has had enough

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(60)


class TestAgainstBadServers:
    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

    @pytest.mark.parametrize(
        "answer",
        [
            [],
            [b"\x00\x01\x02"],
            [HEAD],
            [HEAD, b"Content-Length: 100\r\n\r\n{"],
            [HEAD, b"Content-Length: 2\r\n\r\n{}"],
            [HEAD, b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc"],
            [HEAD, b'Content-Length: 14\r\n\r\n{"results":[]}'],
            [b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"],
            [b"HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"],
        ],
    )
    def test_nobody_knows_what_was_taken(self, answer: list[bytes]) -> None:
        with badly(answer) as url:
            clearing = HttpClearing(url, b"s", TENANT, seconds=1)
            assert clearing.instruct([instruction()])[0].outcome is Outcome.UNKNOWN

    def test_the_deadline_is_one_of_the_whole_call(self) -> None:
        drops = [self.HEAD, b"Content-Length: 1000\r\n\r\n", *[b" "] * 500]
        with badly(drops, pause=0.1) as url:
            clearing = HttpClearing(url, b"s", TENANT, seconds=0.5)
            started = time.monotonic()
            assert clearing.instruct([instruction()])[0].outcome is Outcome.UNKNOWN
            assert time.monotonic() - started < 30

    def test_nobody_there_was_not_taken(self) -> None:
        clearing = HttpClearing("http://127.0.0.1:1", b"s", TENANT)
        assert clearing.instruct([instruction()])[0].outcome is Outcome.UNAVAILABLE


class TestSignatures:
    def test_hold_for_one_request_of_one_participant_at_one_time(self) -> None:
        mine, other = (participant_secret(SECRET, "simulator", one) for one in (7, 8))
        headers = signed(mine, 7, 1_000_000, "POST", "/p", b"{}")
        assert is_genuine(mine, headers, 1_000_299, "POST", "/p", b"{}")
        assert not is_genuine(other, headers, 1_000_000, "POST", "/p", b"{}")
        assert not is_genuine(mine, headers, 1_000_301, "POST", "/p", b"{}")
        assert not is_genuine(mine, headers, 999_699, "POST", "/p", b"{}")
        assert not is_genuine(mine, headers, 1_000_000, "PUT", "/p", b"{}")
        assert not is_genuine(mine, headers, 1_000_000, "POST", "/q", b"{}")
        assert not is_genuine(mine, headers, 1_000_000, "POST", "/p", b"{} ")

    @pytest.mark.parametrize("stamp", ["", "-1", "1e6", "١", "9" * 40])
    def test_a_time_that_is_none_is_refused(self, stamp: str) -> None:
        headers = signed(b"s", 7, 1_000_000, "POST", "/p", b"") | {"x-timestamp": stamp}
        assert not is_genuine(b"s", headers, 1_000_000, "POST", "/p", b"")
