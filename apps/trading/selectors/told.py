"""A version of a trade beside the fact that told it: the SQL that reconciliation and `verify` share.

It speaks of `t`, a row of trading_trade; `r`, its revision of that version, or null; `e`, the event.
Per cent signs are doubled, as in every query with parameters.
"""

from collections.abc import Sequence
from typing import Final

_TERMS: Final[Sequence[tuple[str, str, str]]] = (
    ("account", "t.account_id", "(e.data ->> 'account_id')::uuid"),
    ("instrument", "t.instrument_id", "(e.data ->> 'instrument_id')::uuid"),
    ("side", "t.side", "e.data ->> 'side'"),
    ("quantity", "coalesce(r.quantity, t.quantity)", "(e.data ->> 'quantity')::numeric"),
    ("price", "coalesce(r.price, t.price)", "(e.data ->> 'price')::numeric"),
    ("notional", "coalesce(r.notional, t.notional)", "(e.data ->> 'notional')::numeric"),
    ("currency", "t.currency", "e.data ->> 'currency'"),
    ("fees", "coalesce(r.fees, t.fees)", "e.data -> 'fees'"),
    ("trade date", "t.trade_date", "(e.data ->> 'trade_date')::date"),
    ("executed at", "t.executed_at", "(e.data ->> 'executed_at')::timestamptz"),
)
OTHER_TERMS: Final = "({}) IS DISTINCT FROM ({})".format(
    ", ".join(kept for _, kept, _ in _TERMS), ", ".join(told for _, _, told in _TERMS)
)
"""Whether a trade has other terms than were told. `r` is null for the first version."""

_EACH: Final = ", ".join(
    f"('{term}', ({kept})::text, ({told})::text, ({kept}) IS DISTINCT FROM ({told}))"
    for term, kept, told in _TERMS
)
WHICH_TERMS: Final = f"""(
    SELECT string_agg(format('%%s %%s, told as %%s', k.term, k.kept, k.told), '; ')
    FROM (VALUES {_EACH}) AS k (term, kept, told, differs) WHERE k.differs)"""
"""Those terms, in words: what the row holds, and what was told."""
