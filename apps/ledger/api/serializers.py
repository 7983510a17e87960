"""What the ledger takes and shows over HTTP. Amounts are strings; times ISO 8601, UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.core.money import plain
from apps.ledger.selectors import (
    Balance,
    Entry,
    Line,
    Moment,
    Owner,
    Statement,
    TrialRow,
    how_to_restore,
)
from apps.ledger.selectors.balances import LAST_LEG
from apps.ledger.services import Transfer
from apps.tenants.forms import (
    AmountField,
    AsOfField,
    Cursor,
    NameField,
    PageQuery,
    Query,
    StrictForm,
    TimeField,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MomentCursor(Cursor):
    """A place in a statement."""

    def to_internal_value(self, data: Any) -> Any:
        """The place that `moment_out` wrote."""
        try:
            at, entry, leg = super().to_internal_value(data).split("_")
            moment = Moment(_EPOCH + timedelta(microseconds=int(at)), UUID(entry), int(leg))
        except (ValueError, OverflowError) as error:
            raise self.refuse() from error
        if not 0 <= moment.leg <= LAST_LEG:
            raise self.refuse()
        return moment


def moment_out(value: Moment) -> str:
    """A place in a statement: microseconds, entry and leg."""
    return f"{(value.at - _EPOCH) // timedelta(microseconds=1)}_{value.entry}_{value.leg}"


class BalancesQuery(Query):
    """Whose balances, and as of when."""

    owner = NameField(help_text="Id or number of a client account.")
    as_of = AsOfField(
        required=False, help_text="Of what was effective by then, inclusive; a date alone: its end."
    )
    known_at = AsOfField(
        required=False, help_text="As the ledger knew it then, inclusive; a date alone: its end."
    )


class EntriesQuery(PageQuery):
    """Which entries."""

    owner = NameField(required=False, help_text="Id or number of a client account.")
    trade = serializers.UUIDField(required=False)


class StatementQuery(PageQuery):
    """Whose statement, and of which period (by time of booking)."""

    after = MomentCursor()
    owner = NameField(help_text="Id or number of a client account.")
    to = TimeField(
        required=False,
        ends_day=True,
        help_text="Exclusive; a date alone includes that day; empty: to the end.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """One by hand, because `from` is a word of Python."""
        since = TimeField(required=False, help_text="Inclusive; empty: from the beginning.")
        return {**super().get_fields(), "from": since}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A period ends after it begins."""
        if "from" in attrs and "to" in attrs and attrs["from"] >= attrs["to"]:
            detail = "A period ends after it begins."
            raise serializers.ValidationError({"to": [detail]}, code="out_of_range")
        return attrs


@extend_schema_serializer(component_name="CashTransferIn")
class TransferIn(StrictForm):
    """Cash that came in, or goes out."""

    account = serializers.CharField(help_text="Id or number of a client account.")
    currency = serializers.CharField(max_length=12)
    amount = AmountField(help_text="Signed: positive comes in, negative goes out.")
    reference = serializers.CharField(max_length=200, help_text="Used once per account.")


class LegOut(serializers.Serializer[Any]):
    """One leg."""

    account = serializers.CharField(help_text="Code in the chart of accounts.")
    owner = serializers.UUIDField(allow_null=True, help_text="Client account; null: the house.")
    owner_number = serializers.CharField()
    asset = serializers.CharField()
    side = serializers.ChoiceField(["debit", "credit"])
    amount = AmountField(help_text="Above zero; the side gives it its sign.")


class EntryOut(serializers.Serializer[Any]):
    """One journal entry."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment] # DRF's own `source` is no field
    reverses = serializers.UUIDField(allow_null=True)
    owner = serializers.UUIDField(allow_null=True)
    trade = serializers.UUIDField(allow_null=True)
    effective_at = serializers.DateTimeField()
    booked_at = serializers.DateTimeField()
    archived = serializers.BooleanField(help_text="Its legs are in a file: restore its month.")
    restore = serializers.CharField(
        allow_null=True, help_text="What brings an archived month back."
    )
    legs = LegOut(many=True)


class EntryPageOut(serializers.Serializer[Any]):
    """A page of entries, oldest first."""

    results = EntryOut(many=True)
    next = serializers.UUIDField(allow_null=True)


class BalanceOut(serializers.Serializer[Any]):
    """One balance; positive is the client's claim."""

    account = serializers.CharField()
    asset = serializers.CharField()
    amount = AmountField()
    version = serializers.IntegerField(allow_null=True)
    booked_at = serializers.DateTimeField()


class BalancesOut(serializers.Serializer[Any]):
    """A client's balances."""

    owner = serializers.UUIDField()
    owner_number = serializers.CharField()
    as_of = serializers.DateTimeField(allow_null=True)
    known_at = serializers.DateTimeField(allow_null=True)
    results = BalanceOut(many=True)


class TrialRowOut(serializers.Serializer[Any]):
    """An asset's debit and credit balances."""

    asset = serializers.CharField()
    debit = AmountField()
    credit = AmountField()


class TrialBalanceOut(serializers.Serializer[Any]):
    """The trial balance."""

    results = TrialRowOut(many=True)


class OpeningOut(serializers.Serializer[Any]):
    """A balance where a page begins or ends."""

    account = serializers.CharField()
    asset = serializers.CharField()
    balance = AmountField()


class LineOut(OpeningOut):
    """A posting, and the balance after it."""

    entry = serializers.UUIDField()
    kind = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment] # DRF's own `source` is no field
    effective_at = serializers.DateTimeField()
    booked_at = serializers.DateTimeField()
    side = serializers.ChoiceField(["debit", "credit"])
    amount = AmountField()


class StatementOut(serializers.Serializer[Any]):
    """A page of a statement."""

    owner = serializers.UUIDField()
    owner_number = serializers.CharField()
    opening = OpeningOut(many=True)
    results = LineOut(many=True)
    next = serializers.CharField(allow_null=True)


class TransferOut(EntryOut):
    """A transfer, and the entry that books it."""

    account = serializers.UUIDField()
    account_number = serializers.CharField()
    currency = serializers.CharField()
    amount = AmountField()
    reference = serializers.CharField()


# Rendered by hand: several times faster than a serializer on a page of a thousand, same shape.
def entry_out(entry: Entry) -> dict[str, Any]:
    """An entry as `EntryOut` says."""
    return {
        "id": entry.id,
        "kind": entry.kind,
        "source": entry.source,
        "reverses": entry.reverses,
        "owner": entry.owner,
        "trade": entry.trade,
        "effective_at": entry.effective_at,
        "booked_at": entry.booked_at,
        "archived": entry.archived_month is not None,
        "restore": how_to_restore(entry.archived_month) if entry.archived_month else None,
        "legs": [
            {
                "account": leg.account,
                "owner": leg.owner,
                "owner_number": leg.owner_number,
                "asset": leg.asset,
                "side": leg.side,
                "amount": plain(leg.amount.copy_abs()),
            }
            for leg in entry.legs
        ],
    }


def balance_out(one: Balance) -> dict[str, Any]:
    """A balance as `BalanceOut` says."""
    return {
        "account": one.account,
        "asset": one.asset,
        "amount": plain(one.amount),
        "version": one.version,
        "booked_at": one.booked_at,
    }


def trial_out(rows: Iterable[TrialRow]) -> dict[str, Any]:
    """A trial balance as `TrialBalanceOut` says."""
    return {
        "results": [
            {"asset": row.asset, "debit": plain(row.debit), "credit": plain(row.credit)}
            for row in rows
        ]
    }


def line_out(line: Line) -> dict[str, Any]:
    """A statement's line as `LineOut` says."""
    return {
        "booked_at": line.booked_at,
        "effective_at": line.effective_at,
        "entry": line.entry,
        "kind": line.kind,
        "source": line.source,
        "account": line.account,
        "asset": line.asset,
        "side": line.side,
        "amount": plain(line.amount.copy_abs()),
        "balance": plain(line.balance),
    }


def statement_out(owner: Owner, page: Statement) -> dict[str, Any]:
    """A page of a statement as `StatementOut` says."""
    return {
        "owner": owner.id,
        "owner_number": owner.number,
        "opening": [
            {"account": one.account, "asset": one.asset, "balance": plain(one.amount)}
            for one in page.opening
        ],
        "results": [line_out(line) for line in page.lines],
        "next": moment_out(page.next) if page.next else None,
    }


def transfer_out(transfer: Transfer) -> dict[str, Any]:
    """A transfer as `TransferOut` says."""
    return entry_out(transfer.entry) | {
        "account": transfer.owner.id,
        "account_number": transfer.owner.number,
        "currency": transfer.currency,
        "amount": plain(transfer.amount),
        "reference": transfer.reference,
    }
