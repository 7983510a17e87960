"""Intake: what is booked, what is refused and why, and what a repeat is answered."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from apps.events.contracts import decode
from apps.tenants.models import Tenant
from apps.trading import services
from apps.trading.events import Fee, TradeExecuted, TradeRejected
from apps.trading.exceptions import (
    DuplicateExternalId,
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
    IntakeBusy,
    TradeRefused,
)
from apps.trading.models import ClientAccount, Instrument, RejectedTrade, Trade
from apps.trading.services import PriceUpdate
from apps.trading.services.intake import execution, writing
from tests.trading.cast import (
    NOON,
    ask,
    book,
    codes,
    count,
    in_threads,
    list_instrument,
    open_account,
    query,
)

D = Decimal


@pytest.fixture
def scene(tenant: Tenant, account: ClientAccount, instrument: Instrument) -> int:
    """A tenant with ACC-1 and XYZ; its id."""
    return tenant.pk


def told(name: str) -> list[object]:
    """Events of a name, in the order of the log."""
    rows = query(
        "SELECT version, data::text FROM events_event WHERE name = %s"
        ' ORDER BY partition, "offset"', name
    )  # fmt: skip
    return [decode(name, version, data) for version, data in rows]


class TestBooking:
    def test_books_the_trade_and_tells_it(self, scene: int, account: ClientAccount) -> None:
        request = ask(
            fees=[("commission", "5.00"), ("exchange", "0.25")],
            external_id="F-1",
            executed_at="2026-03-02T13:00:00+01:00",
        )
        (outcome,) = book(scene, request)
        assert (outcome.status, outcome.replayed, outcome.error) == (201, False, None)
        trade = Trade.objects.get()
        assert outcome.trade is not None
        assert trade.pk == outcome.trade.id
        assert (trade.quantity, trade.price, trade.notional) == (D(100), D(50), D(5000))
        assert (trade.currency, trade.side, trade.state) == ("USD", "buy", "executed")
        assert (trade.trade_date, trade.executed_at) == (date(2026, 3, 2), NOON)
        assert (trade.source, trade.external_id) == ("api", "F-1")
        (event,) = told("trading.trade.executed")
        assert isinstance(event, TradeExecuted)
        assert (event.trade_id, event.account_id) == (trade.pk, account.pk)
        assert event.fees == (
            Fee(kind="commission", amount=D("5.00"), currency="USD"),
            Fee(kind="exchange", amount=D("0.25"), currency="USD"),
        )
        key = query("SELECT DISTINCT key FROM events_event WHERE name LIKE 'trading.trade%%'")
        assert key == [(str(account.pk),)]

    def test_takes_ids_in_place_of_names(
        self, scene: int, account: ClientAccount, instrument: Instrument
    ) -> None:
        (outcome,) = book(scene, ask(account=str(account.pk), instrument=str(instrument.pk)))
        assert outcome.trade is not None
        assert (outcome.trade.account, outcome.trade.instrument) == ("ACC-1", "XYZ")

    def test_values_inverse_contracts_in_the_base_coin(self, scene: int) -> None:
        list_instrument(scene, "BTC-USD.PERP", kind="future", currency="BTC", inverse=True,
                        multiplier=D(100))  # fmt: skip
        (outcome,) = book(scene, ask(instrument="BTC-USD.PERP", quantity="4", price="61804.8"))
        assert outcome.trade is not None
        assert outcome.trade.notional == D("0.006471989230609920")

    def test_books_one_call_of_many_with_a_constant_number_of_queries(self, scene: int) -> None:
        def queries(size: int) -> int:
            requests = [ask(external_id=f"{size}-{index}") for index in range(size)]
            with CaptureQueriesContext(connection) as captured:
                assert {one.status for one in book(scene, *requests)} == {201}
            return len(captured)

        book(scene, ask())  # what is read once in a while has been read
        assert queries(2) == queries(500) <= 9

    def test_a_call_of_more_than_a_chunk_keeps_its_order(self, scene: int) -> None:
        requests = [ask(price=str(50 + index)) for index in range(services.CHUNK + 10)]
        outcomes = book(scene, *requests)
        assert [one.trade.price for one in outcomes if one.trade] == [
            D(50 + index) for index in range(services.CHUNK + 10)
        ]


class TestReasons:
    def test_are_all_given_at_once(self, scene: int, tenant: Tenant) -> None:
        services.change_account(scene, "ACC-1", {"status": "frozen", "max_order_notional": D(1000)})
        services.change_instrument(
            scene,
            "XYZ",
            {"status": "halted", "lot_size": D(10), "tick_size": D("0.05"), "price_band": D(5)},
        )
        services.record_prices(scene, [PriceUpdate("XYZ", D(100))], now=datetime.now(UTC))
        (outcome,) = book(
            scene,
            ask(
                side="hold",
                quantity="101",
                price="50.01",
                currency="EUR",
                counterparty="NOBODY",
                executed_at=(datetime.now(UTC) + timedelta(minutes=1)).isoformat(),
                trade_date="2999-01-01",
                fees=[("bribe", "1"), ("tax", "0.0000000000001")],
            ),
        )
        assert outcome.status == 422
        assert isinstance(outcome.error, TradeRefused)
        assert codes(outcome) == [
            ("account", "account_frozen"),
            ("quantity", "order_notional_limit"),
            ("instrument", "instrument_halted"),
            ("currency", "wrong_currency"),
            ("quantity", "off_lot"),
            ("price", "off_tick"),
            ("price", "outside_price_band"),
            ("side", "unknown_side"),
            ("executed_at", "in_the_future"),
            ("trade_date", "in_the_future"),
            ("counterparty", "unknown_counterparty"),
            ("fees.0.kind", "unknown_fee_kind"),
            ("fees.1.amount", "too_many_decimals"),
        ]

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ({"account": "NOBODY"}, ("account", "unknown_account")),
            ({"instrument": "NOTHING"}, ("instrument", "unknown_instrument")),
            ({"quantity": "abc"}, ("quantity", "invalid_amount")),
            ({"quantity": "NaN"}, ("quantity", "invalid_amount")),
            ({"quantity": "Infinity"}, ("quantity", "invalid_amount")),
            ({"quantity": "1e999999"}, ("quantity", "invalid_amount")),
            ({"quantity": "0"}, ("quantity", "not_positive")),
            ({"quantity": "-1"}, ("quantity", "not_positive")),
            ({"quantity": "1e16"}, ("quantity", "too_large")),
            ({"price": "1e17"}, ("price", "too_large")),
            ({"price": "-50"}, ("price", "not_positive")),
            ({"price": "0.0000000000000000001"}, ("price", "invalid_amount")),
            ({"quantity": "1e15", "price": "1e15"}, ("quantity", "notional_out_of_range")),
            ({"quantity": "1e-18", "price": "1e-18"}, ("quantity", "notional_out_of_range")),
            ({"executed_at": "yesterday"}, ("executed_at", "invalid_time")),
            ({"executed_at": "2026-03-02T12:00:00"}, ("executed_at", "invalid_time")),
            ({"executed_at": "0001-01-01T00:00:00+14:00"}, ("executed_at", "invalid_time")),
            ({"executed_at": "1601-01-01T00:00:00Z"}, ("executed_at", "too_old")),
            ({"trade_date": "2026-02-30"}, ("trade_date", "invalid_date")),
            ({"fees": [("tax", "NaN")]}, ("fees.0.amount", "invalid_amount")),
            ({"fees": [("tax", "1e16")]}, ("fees.0.amount", "too_large")),
        ],
    )
    def test_name_field_and_code(
        self, scene: int, terms: dict[str, object], expected: tuple[str, str]
    ) -> None:
        (outcome,) = book(scene, ask(**terms))
        assert codes(outcome) == [expected]
        assert count("trading_trade") == 0

    def test_a_clock_that_is_a_little_ahead_is_no_reason(self, scene: int) -> None:
        soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
        assert book(scene, ask(executed_at=soon))[0].status == 201

    def test_a_known_counterparty_is_no_reason_until_it_is_inactive(self, scene: int) -> None:
        services.register_counterparty(scene, code="BANK", name="A bank")
        assert book(scene, ask(counterparty="BANK"))[0].status == 201
        services.change_counterparty(scene, "BANK", {"status": "inactive"})
        assert codes(book(scene, ask(counterparty="BANK"))[0]) == [
            ("counterparty", "counterparty_inactive")
        ]

    def test_another_tenants_account_and_instrument_are_unknown(
        self, scene: int, other: Tenant
    ) -> None:
        theirs = open_account(other.pk, "THEIRS")
        thing = list_instrument(other.pk, "THING")
        (outcome,) = book(scene, ask(account=str(theirs.pk), instrument=str(thing.pk)))
        assert codes(outcome) == [
            ("account", "unknown_account"),
            ("instrument", "unknown_instrument"),
        ]

    def test_are_kept_and_told_as_a_fact(self, scene: int) -> None:
        (outcome,) = book(scene, ask(quantity="-1"))
        kept = RejectedTrade.objects.get()
        assert outcome.error is not None
        assert outcome.error.facts["rejection"] == str(kept.pk)
        assert (kept.account, kept.quantity, kept.status) == ("ACC-1", "-1", 422)
        assert kept.reasons[0]["code"] == "not_positive"
        (event,) = told("trading.trade.rejected")
        assert isinstance(event, TradeRejected)
        assert event.request_id == kept.pk
        assert [reason.code for reason in event.reasons] == ["not_positive"]

    def test_of_an_unknown_account_are_kept_but_have_nobody_to_tell(self, scene: int) -> None:
        book(scene, ask(account="NOBODY"))
        assert count("trading_rejectedtrade") == 1
        assert told("trading.trade.rejected") == []


class TestIdempotencyKeys:
    def test_the_same_request_gives_the_same_answer(self, scene: int) -> None:
        request = ask(fees=[("tax", "1")])
        (first,), (again,) = book(scene, request), book(scene, request)
        assert (first.replayed, again.replayed) == (False, True)
        assert (again.status, again.trade) == (201, first.trade)
        assert count("trading_trade") == 1

    def test_spelling_is_no_difference(self, scene: int) -> None:
        terms = {"idempotency_key": "K", "executed_at": "2026-03-02T12:00:00Z"}
        book(scene, ask(quantity="100", fees=[("tax", "1"), ("other", "2")], **terms))
        terms["executed_at"] = "2026-03-02T13:00:00.000+01:00"
        (again,) = book(scene, ask(quantity="1e2", fees=[("other", "2.0"), ("tax", 1)], **terms))
        assert (again.status, again.replayed) == (201, True)

    @pytest.mark.parametrize(
        "poison",
        [
            {"account": "ACC-2"},
            {"instrument": "ABC"},
            {"side": "sell"},
            {"quantity": "100.000000000000000001"},
            {"price": "51"},
            {"fees": [("tax", "2")]},
            {"currency": "USD"},
            {"counterparty": "BANK"},
            {"executed_at": "2026-03-02T12:00:00Z"},
            {"trade_date": "2026-03-02"},
            {"source": "venue"},
            {"external_id": "X"},
        ],
        ids=lambda poison: next(iter(poison)),
    )
    def test_another_request_is_refused_and_the_field_named(
        self, scene: int, poison: dict[str, object]
    ) -> None:
        book(scene, ask(idempotency_key="K"))
        (outcome,) = book(scene, ask(idempotency_key="K", **poison))
        assert isinstance(outcome.error, IdempotencyKeyReused)
        assert codes(outcome) == [(next(iter(poison)), "differs")]
        assert (count("trading_trade"), count("trading_rejectedtrade")) == (1, 0)

    def test_a_refusal_burns_the_key(self, scene: int) -> None:
        services.change_account(scene, "ACC-1", {"status": "frozen"})
        request = ask()
        (first,) = book(scene, request)
        services.change_account(scene, "ACC-1", {"status": "open"})
        (again,) = book(scene, request)
        assert (again.status, again.replayed) == (422, True)
        assert again.error is not None
        assert first.error is not None
        assert again.error.facts == first.error.facts
        assert (count("trading_trade"), count("trading_rejectedtrade")) == (0, 1)

    def test_are_the_clients_own(self, scene: int) -> None:
        first, second = ask(idempotency_key="K"), ask(idempotency_key="K", price="51")
        assert book(scene, first, client="key:1")[0].status == 201
        assert book(scene, second, client="key:2")[0].status == 201

    def test_twice_in_one_call_book_once(self, scene: int) -> None:
        twin, poison = ask(idempotency_key="K"), ask(idempotency_key="K", price="51")
        first, again, refused, last = book(scene, twin, twin, poison, ask())
        assert (first.status, first.replayed, again.status, again.replayed) == (
            201,
            False,
            201,
            True,
        )
        assert again.trade == first.trade
        assert isinstance(refused.error, IdempotencyKeyReused)
        assert last.status == 201
        assert count("trading_trade") == 2

    def test_twice_in_one_call_are_refused_once(self, scene: int) -> None:
        bad = ask(quantity="0")
        first, again = book(scene, bad, bad)
        assert (first.replayed, again.replayed) == (False, True)
        assert (codes(first), count("trading_rejectedtrade")) == (codes(again), 1)

    def test_in_flight_are_a_conflict_for_a_single_request(self, scene: int) -> None:
        request = ask()
        key = f"{scene}:key:test:trade:{request.idempotency_key}"
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
            (error,) = in_threads([lambda: book(scene, request, wait=False)])
            cursor.execute("COMMIT")
        assert isinstance(error, IdempotencyKeyInFlight)
        assert book(scene, request, wait=False)[0].status == 201

    def test_sixteen_at_once_book_one_trade(self, scene: int) -> None:
        request = ask()
        results = in_threads([lambda: book(scene, request, wait=False)] * 16)
        booked = [one[0] for one in results if isinstance(one, list)]
        assert all(isinstance(one, list | IdempotencyKeyInFlight) for one in results)
        assert [one.replayed for one in booked].count(False) == 1
        assert len({one.trade.id for one in booked if one.trade}) == 1
        assert count("trading_trade") == count("trading_idempotencykey") == 1

    def test_calls_of_many_that_share_keys_in_any_order_wait_for_each_other(
        self, scene: int
    ) -> None:
        requests = [ask() for _ in range(60)]
        orders = [requests, requests[::-1], requests[30:] + requests[:30], requests[::2]]
        results = in_threads([lambda order=order: book(scene, *order) for order in orders])
        for one in results:
            assert isinstance(one, list), one
            assert {outcome.status for outcome in one} == {201}
        assert count("trading_trade") == 60


class TestExternalIds:
    def test_booked_before_are_answered_with_that_trade(self, scene: int) -> None:
        (first,) = book(scene, ask(external_id="F-1", executed_at="2026-03-02T12:00:00Z"))
        (again,) = book(scene, ask(external_id="F-1"))
        assert (again.status, again.trade, again.replayed) == (200, first.trade, True)
        assert count("trading_trade") == 1

    def test_booked_before_and_asked_again_by_key_stay_so(self, scene: int) -> None:
        book(scene, ask(external_id="F-1"))
        request = ask(external_id="F-1")
        (first,), (again,) = book(scene, request), book(scene, request)
        assert (first.status, again.status) == (200, 200)
        assert first.trade == again.trade

    def test_booked_with_other_terms_are_a_conflict_that_names_them(self, scene: int) -> None:
        book(scene, ask(external_id="F-1", fees=[("tax", "1")]))
        request = ask(external_id="F-1", price="51", side="sell")
        (outcome,) = book(scene, request)
        assert (outcome.status, type(outcome.error)) == (409, DuplicateExternalId)
        assert codes(outcome) == [("side", "differs"), ("price", "differs"), ("fees", "differs")]
        assert RejectedTrade.objects.get().status == 409
        (again,) = book(scene, request)
        assert (again.status, again.replayed, codes(again)) == (409, True, codes(outcome))

    def test_twice_in_one_call_book_once(self, scene: int) -> None:
        outcomes = book(
            scene,
            ask(external_id="F-1"),
            ask(external_id="F-1"),
            ask(external_id="F-1", price="51"),
            ask(external_id="F-1", source="venue"),
        )
        assert [one.status for one in outcomes] == [201, 200, 409, 201]
        assert count("trading_trade") == 2

    def test_of_a_refused_trade_stay_free(self, scene: int) -> None:
        outcomes = book(
            scene,
            ask(external_id="F-1", quantity="0"),
            ask(external_id="F-1"),
            ask(external_id="F-1"),
        )
        assert [one.status for one in outcomes] == [422, 201, 200]

    def test_at_the_same_time_book_once(self, scene: int) -> None:
        results = in_threads(
            [lambda: book(scene, ask(external_id="F-1"), wait=False) for _ in range(8)]
        )
        assert sorted(one[0].status for one in results) == [200] * 7 + [201]
        assert count("trading_trade") == 1

    def test_of_calls_of_many_in_any_order_do_not_deadlock(self, scene: int) -> None:
        ids = [f"F-{index}" for index in range(60)]
        orders = [ids, ids[::-1], ids[30:] + ids[:30]]
        results = in_threads(
            [
                lambda order=order: book(scene, *[ask(external_id=one) for one in order])
                for order in orders
            ]
        )
        assert {outcome.status for one in results for outcome in one} == {200, 201}
        assert count("trading_trade") == 60

    def test_need_no_key(self, scene: int) -> None:
        request = ask(external_id="F-1", idempotency_key=None)
        assert [book(scene, request)[0].status for _ in range(2)] == [201, 200]
        assert count("trading_idempotencykey") == 0


class TestTroubles:
    def test_a_deadlock_is_tried_again(self, scene: int, monkeypatch: pytest.MonkeyPatch) -> None:
        real, troubles = writing.write, iter([psycopg.errors.DeadlockDetected("deadlock detected")])

        def write(*given: object) -> None:
            for trouble in troubles:
                raise OperationalError("deadlock detected") from trouble
            real(*given)  # type: ignore[arg-type] # what it was given

        monkeypatch.setattr(writing, "write", write)
        assert book(scene, ask())[0].status == 201
        assert count("trading_trade") == 1

    def test_an_outage_is_not(self, scene: int, monkeypatch: pytest.MonkeyPatch) -> None:
        tries = []

        def write(*_: object) -> None:
            tries.append(1)
            raise OperationalError("server closed the connection") from psycopg.OperationalError()

        monkeypatch.setattr(writing, "write", write)
        with pytest.raises(OperationalError):
            book(scene, ask())
        assert len(tries) == 1

    def test_what_does_not_end_is_given_up_and_nothing_is_booked(
        self, scene: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = []

        def write(*_: object) -> None:
            tries.append(1)
            raise writing.Raced

        monkeypatch.setattr(writing, "write", write)
        monkeypatch.setattr(execution, "PAUSE_SECONDS", 0)
        with pytest.raises(IntakeBusy):
            book(scene, ask())
        assert len(tries) == execution.TRIES
        assert count("trading_trade") == count("events_event WHERE topic = 'trade'") - 1 == 0

    def test_chunks_that_were_committed_stay_and_are_replayed(
        self, scene: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        requests = [ask() for _ in range(services.CHUNK + 5)]
        real, calls = writing.write, iter([True, False])

        def write(*given: object) -> None:
            if not next(calls):
                raise OperationalError("gone") from psycopg.OperationalError()
            real(*given)  # type: ignore[arg-type] # what it was given

        with monkeypatch.context() as patch:
            patch.setattr(writing, "write", write)
            with pytest.raises(OperationalError):
                book(scene, *requests)
        assert count("trading_trade") == services.CHUNK
        outcomes = book(scene, *requests)
        assert [one.replayed for one in outcomes] == [True] * services.CHUNK + [False] * 5
        assert count("trading_trade") == len(requests)
