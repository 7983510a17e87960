"""The ways this app says no."""

from apps.core.exceptions import Conflict, NotFound, Rejected


class EndpointNotFound(NotFound):
    """There is no such webhook."""


class DeliveryNotFound(NotFound):
    """There is no such delivery."""


class AddressRefused(Rejected):
    """A webhook's address is https (or http), public, without a user name, at most 2,000 characters."""


class PatternRefused(Rejected):
    """An event pattern is an event's name, the beginning of one with `.*`, or `*`; 1 to 50 of them."""


class TooManyEndpoints(Conflict):
    """A tenant has at most 50 webhooks."""


class NotOver(Conflict):
    """The delivery is still being tried."""
