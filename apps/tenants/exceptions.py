"""The ways this app says no."""

from apps.core.exceptions import NotFound, Rejected, Unavailable


class TenantNotFound(NotFound):
    """There is no such tenant; `manage.py create_tenant SLUG` makes one."""


class InvalidSlug(Rejected):
    """A slug is 1 to 50 letters, digits, hyphens and underscores."""


class UnknownRole(Rejected):
    """There is no such role."""


class Unsealable(Unavailable):
    """A stored secret was sealed with another SECRET_KEY; put that one in SECRET_KEY_FALLBACKS."""


class UnknownMember(NotFound):
    """The tenant has no active member of this name."""
