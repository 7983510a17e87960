"""The ways this app says no."""

from apps.core.exceptions import NotFound, Rejected


class TenantNotFound(NotFound):
    """There is no such tenant; `manage.py create_tenant SLUG` makes one."""


class UnknownRole(Rejected):
    """There is no such role."""
