"""The ways this app says no."""

from apps.core.exceptions import Unavailable


class TicketsUnavailable(Unavailable):
    """Tickets for sockets are kept in Redis, which is not answering; poll over HTTP meanwhile."""
