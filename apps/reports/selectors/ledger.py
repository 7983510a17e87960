"""Reports about the ledger: cash, fees, statement, reconciliations, breaks."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from apps.ledger import selectors as ledger
from apps.ledger.selectors import Moment
from apps.ledger.selectors.balances import LAST_LEG
from apps.ledger.selectors.cash import cash, fees
from apps.ledger.selectors.reconciliation import breaks_by_kind, run_history
from apps.reports import registry
from apps.reports.registry import Ask, Asked, Chart, Column, Kind, Page, Parameter, Report
from apps.reports.selectors.reading import bad_cursor

YEAR: Final = timedelta(days=400)
MONTH: Final = timedelta(days=30)


def _owner(asked: Asked) -> UUID | None:
    name = asked["account"]
    return ledger.owner_of(asked.tenant, name).id if name else None


def _cash(asked: Asked) -> Page:
    owner = _owner(asked)
    found = cash(asked.tenant, asked["from"], asked["to"], limit=asked.limit, owner=owner)
    return Page(
        [
            (one.owner, one.account, one.currency, one.opening, one.transfers, one.trades,
             one.settlements, one.fees, one.penalties, one.others, one.closing, one.postings)
            for one in found
        ]
    )  # fmt: skip


CASH: Final = registry.register(
    Report(
        name="cash",
        title="Cash",
        group="ledger",
        about="Every account's cash: what it began with, what moved it and why, what it ended with."
        " Above zero is its holder's claim. The house's accounts are those without an owner, so a"
        " column sums to zero in each currency.",
        columns=(
            Column("owner", "Owner", about="Empty: the house."),
            Column("account", "Account"),
            Column("currency", "Currency"),
            Column("opening", "Opening", Kind.AMOUNT),
            Column("transfers", "In and out", Kind.AMOUNT),
            Column("trades", "Trades", Kind.AMOUNT, "With their fees and reversals."),
            Column("settlements", "Settlements", Kind.AMOUNT),
            Column("fees", "Fees", Kind.AMOUNT, "Charged by themselves, not with a trade."),
            Column("penalties", "Penalties", Kind.AMOUNT),
            Column("others", "Others", Kind.AMOUNT, "Adjustments and corporate actions."),
            Column("closing", "Closing", Kind.AMOUNT),
            Column("postings", "Postings", Kind.COUNT),
        ),
        parameters=(registry.SINCE, registry.UNTIL, registry.ACCOUNT),
        reads=_cash,
        chart=Chart("bars", ("owner", "account"), ("opening", "closing"), split="currency"),
    )
)


def _fees(asked: Asked) -> Page:
    owner = _owner(asked)
    found = fees(asked.tenant, asked["from"], asked["to"], limit=asked.limit, owner=owner)
    return Page([(one.owner, one.account, one.currency, one.charged, one.entries) for one in found])


FEES: Final = registry.register(
    Report(
        name="fees",
        title="Fees",
        group="ledger",
        about="What clients were charged: commissions, exchange fees, taxes and penalties, less what"
        " reversals gave back.",
        columns=(
            Column("owner", "Client"),
            Column("account", "For", about="The house's account that received it."),
            Column("currency", "Currency"),
            Column("charged", "Charged", Kind.AMOUNT),
            Column("entries", "Entries", Kind.COUNT),
        ),
        parameters=(registry.SINCE, registry.UNTIL, registry.ACCOUNT),
        reads=_fees,
        chart=Chart("bars", ("owner",), ("charged",), split="currency"),
    )
)


def _statement(asked: Asked) -> Page:
    owner = ledger.owner_of(asked.tenant, asked["account"])
    begin = _moment(asked.after) or Moment.just_before(asked["from"])
    found = ledger.statement(
        asked.tenant, owner.id, after=begin, until=asked["to"], limit=asked.limit
    )
    rows = [
        (one.booked_at, one.effective_at, one.kind, one.source, one.account, one.asset, one.amount,
         one.balance, one.entry)
        for one in found.lines
    ]  # fmt: skip
    after = found.next
    return Page(
        rows, None if after is None else f"{after.at.isoformat()}_{after.entry}_{after.leg}"
    )


def _moment(after: str | None) -> Moment | None:
    if not after:
        return None
    try:
        at, entry, leg = after.split("_")
        found = Moment(datetime.fromisoformat(at), UUID(entry), int(leg))
    except ValueError:
        raise bad_cursor() from None
    if found.at.tzinfo is None or not 0 <= found.leg <= LAST_LEG:
        raise bad_cursor()
    return found


CLIENT: Final = Parameter(
    "account", "Account", Ask.ACCOUNT, is_required=True, about="Id or number."
)
STATEMENT: Final = registry.register(
    Report(
        name="statement",
        title="Account statement",
        group="ledger",
        about="Every posting of a client's account, oldest first, with the balance that it left. With"
        " opening balances, and as a PDF: /api/v1/ledger/statement.",
        columns=(
            Column("booked_at", "Booked", Kind.TIME),
            Column("effective_at", "Effective", Kind.TIME),
            Column("kind", "Kind"),
            Column("source", "Source"),
            Column("account", "Account"),
            Column("asset", "Asset", about="A currency, or an instrument whose units move."),
            Column("amount", "Amount", Kind.AMOUNT, "Above zero: in the client's favour."),
            Column("balance", "Balance", Kind.AMOUNT, "Of this account and asset, after it."),
            Column("entry", "Entry"),
        ),
        parameters=(
            CLIENT,
            registry.SINCE,
            registry.UNTIL,
        ),
        reads=_statement,
        longest=YEAR,
        usual=MONTH,
        is_paged=True,
    )
)


def _balances(asked: Asked) -> Page:
    owner = ledger.owner_of(asked.tenant, asked["account"])
    as_of, known_at = asked["as_of"], asked["known_at"]
    if as_of is None and known_at is None:
        found = ledger.balances(asked.tenant, owner.id)
    else:
        found = ledger.balances_at(asked.tenant, owner.id, effective=as_of, known=known_at)
    return Page([(one.account, one.asset, one.amount, one.booked_at) for one in found])


BALANCES: Final = registry.register(
    Report(
        name="balances",
        title="Balances",
        group="ledger",
        about="A client's balances in money and in units, settled and not, now or as of a time and as"
        " the ledger knew them at a time. Above zero is the client's claim.",
        columns=(
            Column("account", "Account"),
            Column("asset", "Asset", about="A currency, or an instrument in units."),
            Column("amount", "Balance", Kind.AMOUNT),
            Column("booked_at", "Moved", Kind.TIME, "When it was last booked on."),
        ),
        parameters=(
            CLIENT,
            registry.AS_OF,
            registry.KNOWN_AT,
        ),
        reads=_balances,
    )
)


def _reconciliations(asked: Asked) -> Page:
    found = run_history(asked.tenant, asked["from"], asked["to"], limit=asked.limit)
    return Page(
        [
            (one.day, one.status, one.checks, one.not_run, one.found, one.opened, one.open,
             one.assigned, one.explained, one.closed, one.finished_at, one.started_by)
            for one in found
        ]
    )  # fmt: skip


RECONCILIATIONS: Final = registry.register(
    Report(
        name="reconciliations",
        title="Reconciliations",
        group="ledger",
        about="Every day's reconciliation, the newest first, and where the breaks stand by now that"
        " it opened.",
        columns=(
            Column("day", "Day", Kind.DAY),
            Column("status", "Status"),
            Column("checks", "Checks", Kind.COUNT),
            Column("not_run", "Not run", Kind.COUNT),
            Column("found", "Differences", Kind.COUNT, "That the run saw, older ones included."),
            Column("opened", "New breaks", Kind.COUNT),
            Column("open", "Open", Kind.COUNT),
            Column("assigned", "Assigned", Kind.COUNT),
            Column("explained", "Explained", Kind.COUNT),
            Column("closed", "Closed", Kind.COUNT),
            Column("finished_at", "Finished", Kind.TIME),
            Column("started_by", "Started by"),
        ),
        parameters=(registry.FIRST_DAY, registry.LAST_DAY),
        reads=_reconciliations,
        chart=Chart("bars", ("day",), ("closed", "assigned", "explained", "open")),
        longest=YEAR,
        usual=MONTH,
    )
)


def _breaks(asked: Asked) -> Page:
    found = breaks_by_kind(asked.tenant, asked["from"], asked["to"], limit=asked.limit)
    return Page(
        [
            (one.kind, one.open, one.assigned, one.explained, one.closed, one.oldest,
             one.seconds_to_close)
            for one in found
        ]
    )  # fmt: skip


BREAKS: Final = registry.register(
    Report(
        name="breaks",
        title="Breaks",
        group="ledger",
        about="Breaks by kind and state, of those that were found in a time.",
        columns=(
            Column("kind", "Kind"),
            Column("open", "Open", Kind.COUNT),
            Column("assigned", "Assigned", Kind.COUNT),
            Column("explained", "Explained", Kind.COUNT),
            Column("closed", "Closed", Kind.COUNT),
            Column("oldest", "Oldest", Kind.TIME, "Of those that are not closed."),
            Column("seconds_to_close", "Seconds to close", Kind.COUNT, "On average."),
        ),
        parameters=(registry.SINCE, registry.UNTIL),
        reads=_breaks,
        chart=Chart("bars", ("kind",), ("closed", "assigned", "explained", "open")),
        longest=YEAR,
        usual=MONTH,
    )
)
