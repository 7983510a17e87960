"""How far the copy in Redis was from the tables, as the sweep found it."""

from collections.abc import Sequence

from apps.agents.models import DriftCheck


def drifts() -> Sequence[tuple[str, int, int]]:
    """Of each tenant: slug, copies that were wrong at the newest comparison, and since the beginning."""
    rows = DriftCheck.objects.order_by("tenant_id")
    return list(rows.values_list("tenant__slug", "drifted", "drifted_total"))
