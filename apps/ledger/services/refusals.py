"""From a database refusal to ours: the name of the broken rule decides."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import psycopg
from django.db import IntegrityError

from apps.core.exceptions import DomainError
from apps.ledger.exceptions import (
    AlreadyReversed,
    AmountRefused,
    AppendOnly,
    BalanceLimitReached,
    EntryRefused,
    MonthArchived,
    NotReversible,
    TooFewLegs,
    Unbalanced,
)

REFUSALS: Mapping[str, type[DomainError]] = MappingProxyType(
    {
        "entry_balances_per_asset": Unbalanced,
        "entry_has_at_least_two_legs": TooFewLegs,
        "posting_amount_is_not_zero": AmountRefused,
        "posting_amount_is_finite_and_below_1e20": AmountRefused,
        "posting_is_within_its_assets_scale": AmountRefused,
        "account_may_not_be_negative": BalanceLimitReached,
        "account_may_not_be_positive": BalanceLimitReached,
        "entry_is_reversed_once": AlreadyReversed,
        "reversal_names_an_entry": NotReversible,
        "reversal_is_not_reversed": NotReversible,
        "reversal_follows_its_entry": NotReversible,
        "reversal_negates_every_leg": NotReversible,
        "reversed_entry_is_here": MonthArchived,
        "journal_is_append_only": AppendOnly,
        "account_keeps_its_identity": AppendOnly,
        "balances_follow_postings": AppendOnly,
    }
)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise our refusal where the database raises one; any other rule becomes EntryRefused."""
    try:
        yield
    except IntegrityError as error:
        raise refusal_of(error) from error


def refusal_of(error: IntegrityError) -> DomainError:
    """Our refusal for a database error, with the rule and the database's own sentence."""
    cause = error.__cause__
    diagnostics = cause.diag if isinstance(cause, psycopg.Error) else None
    rule = (diagnostics.constraint_name if diagnostics else None) or "integrity"
    sentence = (diagnostics.message_primary if diagnostics else None) or str(error)
    return REFUSALS.get(rule, EntryRefused)(rule=rule, reason=sentence)
