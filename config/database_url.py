"""Where a database is, for those whom Django's settings do not reach."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def database_url(known: Mapping[str, Any], name: str = "") -> str:
    """The URL of Django's settings of a database, password included; or of `name` on its server."""
    user = ":".join(quote(known[part], safe="") for part in ("USER", "PASSWORD"))
    return f"postgresql://{user}@{known['HOST']}:{known['PORT']}/{name or known['NAME']}"
