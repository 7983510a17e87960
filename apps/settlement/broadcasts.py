"""Telling connected screens which settlements have moved."""

from collections.abc import Iterable

import msgspec

from apps.sockets.broadcasts import Broadcast, group, publish_many

SHOWN_MAX = 200
"""Settlements in one frame; a screen that is told of more asks for the page again."""

Change = tuple[int, str, str, str, str, str]
"""Tenant, settlement, account, symbol, from, to."""
_encode = msgspec.json.Encoder().encode


def tell_moved(changes: Iterable[Change]) -> None:
    """One frame a tenant. After the commit; never raises."""
    by_tenant: dict[int, list[dict[str, str]]] = {}
    for tenant, settlement, account, symbol, before, after in changes:
        by_tenant.setdefault(tenant, []).append(
            {
                "settlement": settlement,
                "account": account,
                "instrument": symbol,
                "from": before,
                "to": after,
            }
        )
    publish_many(
        Broadcast(
            group(tenant, "settlements"),
            _encode({"type": "settlements", "count": len(moved), "moved": moved[:SHOWN_MAX]}),
        )
        for tenant, moved in by_tenant.items()
    )
