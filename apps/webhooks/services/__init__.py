"""What is done with webhooks: made, changed, fed from the log, called."""

from apps.webhooks.services.calling import call_due
from apps.webhooks.services.collecting import collect
from apps.webhooks.services.endpoints import (
    add_endpoint,
    change_endpoint,
    forget_deliveries,
    remove_endpoint,
    renew_secret,
    send_again,
)

__all__ = [
    "add_endpoint",
    "call_due",
    "change_endpoint",
    "collect",
    "forget_deliveries",
    "remove_endpoint",
    "renew_secret",
    "send_again",
]
