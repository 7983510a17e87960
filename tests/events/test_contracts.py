"""Events: where a key goes, how facts are written, and how older and newer ones are read."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.events import contracts, selectors
from apps.events.contracts import (
    PARTITIONS,
    Event,
    Moment,
    contract_of,
    decode,
    encode,
    event,
    partition_of,
    upcasts,
)
from apps.events.exceptions import UnknownEvent
from apps.events.services import drain
from tests.events.conftest import ThingAdded, seen
from tests.events.helpers import HERE, TOPIC, append, cursor_row, query

GOLDEN_PARTITIONS = {
    "": 0,
    "a": 3,
    "123456789": 38,  # the published check value 0xCBF43926
    "account-1": 48,
    "ACC-0001": 49,
    "00000000-0000-0000-0000-000000000000": 9,
    "019234ab-cdef-7000-8000-0123456789ab": 37,
    "ffffffff-ffff-ffff-ffff-ffffffffffff": 15,
    "Zürich": 62,
    "株式": 5,
    "🙂": 41,
}
"""Pinned for ever: another value would move a key's new events past its old ones."""


class TestPartitions:
    """R12: the partition of a key never changes, whatever runs it."""

    def test_are_pinned(self):
        assert {key: partition_of(key) for key in GOLDEN_PARTITIONS} == GOLDEN_PARTITIONS
        assert PARTITIONS == 64

    def test_do_not_depend_on_the_process(self):
        """As Python's own `hash` does."""
        script = "from apps.events.contracts import partition_of as p; print(p('account-1'))"
        for seed in ("1", "2"):
            done = subprocess.run(
                [sys.executable, "-c", script],
                env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
                capture_output=True,
                check=True,
                text=True,
            )
            assert done.stdout.strip() == "48"

    @given(st.text())
    def test_are_in_range(self, key):
        assert 0 <= partition_of(key) < PARTITIONS

    def test_are_spread_evenly(self):
        counts = [0] * PARTITIONS
        for number in range(64_000):
            counts[partition_of(f"account-{number}")] += 1
        assert 800 < min(counts) <= max(counts) < 1_200


class Part(msgspec.Struct, frozen=True):
    name: str
    amount: Decimal


@event("test.everything.happened", topic="test-everything")
class EverythingHappened(Event):
    uid: UUID
    amount: Decimal
    at: Moment
    text: str
    count: int
    flag: bool
    parts: tuple[Part, ...]
    note: str | None = None


amounts = st.decimals(allow_nan=False, allow_infinity=False, places=18, max_value=10**20)
texts = st.text(st.characters(exclude_categories=["Cs"]))


class TestEncoding:
    @given(
        st.builds(
            EverythingHappened,
            uid=st.uuids(),
            amount=amounts,
            at=st.datetimes(timezones=st.just(UTC)),
            text=texts,
            count=st.integers(-(2**53), 2**53),
            flag=st.booleans(),
            parts=st.lists(st.builds(Part, texts, amounts)).map(tuple),
            note=st.none() | texts,
        )
    )
    def test_what_is_read_is_what_was_told(self, fact):
        assert decode("test.everything.happened", 1, encode(fact)) == fact

    def test_decimals_travel_as_strings(self):
        fact = ThingAdded(amount=Decimal("0.100000000000000001"), number=1)
        assert encode(fact) == '{"amount":"0.100000000000000001","number":1}'

    def test_naive_times_are_refused(self):
        class Timed(msgspec.Struct):
            at: Moment

        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(b'{"at":"2024-01-01T00:00:00"}', type=Timed)

    def test_unknown_fields_of_a_later_release_are_ignored(self):
        data = '{"amount":"1","number":1,"colour":"blue"}'
        assert decode("test.thing.added", 1, data) == ThingAdded(amount=Decimal(1), number=1)

    @pytest.mark.parametrize(
        "data", ['{"amount":"1"}', '{"amount":"much","number":1}', '{"amount":"1","number":"1"}']
    )
    def test_data_that_breaks_its_contract_is_refused(self, data):
        with pytest.raises(msgspec.ValidationError):
            decode("test.thing.added", 1, data)


class TestDeclaring:
    def test_a_name_belongs_to_one_class(self):
        with pytest.raises(ValueError, match="declared twice"):

            @event("test.thing.added", topic="test-things")
            class Another(Event):
                pass

    def test_a_topic_must_exist(self):
        with pytest.raises(ValueError, match="no topic"):
            event("test.thing.lost", topic="things")

    def test_an_undeclared_class_has_no_contract(self):
        class Undeclared(Event):
            pass

        with pytest.raises(TypeError, match="not declared"):
            contract_of(Undeclared)

    def test_events_do_not_change(self):
        with pytest.raises(AttributeError):
            ThingAdded(amount=Decimal(1), number=1).number = 2


@event("test.price.set", topic="test-prices", version=3)
class PriceSet(Event):
    """Version 1 said `price` in cents; version 2 in units; version 3 adds the currency."""

    price: Decimal
    currency: str
    at: Moment


@upcasts("test.price.set", from_version=1)
def _from_cents(older):
    return older | {"price": str(Decimal(older["price"]) / 100)}


@upcasts("test.price.set", from_version=2)
def _with_currency(older):
    return older | {"currency": "USD"}


class TestUpcasting:
    AT = "2024-01-01T00:00:00Z"
    NOW = PriceSet(price=Decimal("1.5"), currency="USD", at=datetime(2024, 1, 1, tzinfo=UTC))

    def test_older_versions_are_read_as_the_newest(self):
        one = f'{{"price":150,"at":"{self.AT}"}}'
        two = f'{{"price":"1.5","at":"{self.AT}"}}'
        three = f'{{"price":"1.5","currency":"USD","at":"{self.AT}"}}'
        read = [decode("test.price.set", 1 + i, data) for i, data in enumerate((one, two, three))]
        assert read == [self.NOW] * 3

    def test_an_upcaster_must_meet_the_contract(self, monkeypatch):
        monkeypatch.setitem(contracts._upcasters, ("test.price.set", 2), lambda older: older)
        with pytest.raises(msgspec.ValidationError):
            decode("test.price.set", 2, f'{{"price":"1.5","at":"{self.AT}"}}')

    def test_a_missing_upcaster_is_found(self, monkeypatch):
        assert contracts.missing_upcasters() == []
        monkeypatch.delitem(contracts._upcasters, ("test.price.set", 2))
        assert contracts.missing_upcasters() == [("test.price.set", 2)]


class TestNewerReleases:
    """A newer release's events wait for it; they are nobody's fault."""

    def test_are_not_understood(self):
        with pytest.raises(UnknownEvent):
            decode("test.thing.added", 2, "{}")
        with pytest.raises(UnknownEvent):
            decode("test.thing.never.heard.of", 1, "{}")

    def test_back_off_the_partition_and_park_nothing(self, make_handler):
        handler = make_handler()
        append(1, 2, 3)
        query("SET session_replication_role = replica")
        query('UPDATE events_event SET version = 2 WHERE "offset" = 2')
        query("SET session_replication_role = origin")
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert (row["offset"], row["failures"], row["attempts"]) == (0, 1, 0)
        assert row["retry_at"] is not None
        assert selectors.parked_count() == {}
        assert seen() == []
