"""What the API's schema says by itself: how callers authenticate, what an address may be asked and told."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from apps.tenants.forms import StrictForm


class Schema(AutoSchema):
    """The parameters of a GET are those of its view's form; a body has its fields and no others."""

    def get_override_parameters(self) -> list[Any]:
        """The form; what a view documents besides is added to it."""
        query = getattr(self.view, "query", None)
        return [query] if self.method == "GET" and query is not None and query().fields else []

    def _get_request_for_media_type(self, serializer: Any, direction: str = "request") -> Any:
        """A PATCH requires what its form requires; one that reads it in part says `partial=True`."""
        method, self.method = self.method, "PUT" if self.method == "PATCH" else self.method
        try:
            return super()._get_request_for_media_type(serializer, direction)  # type: ignore[no-untyped-call] # theirs
        finally:
            self.method = method

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        found = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call] # theirs
        if direction == "request" and isinstance(serializer, StrictForm):
            found["additionalProperties"] = False
        return found


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself
    """`Authorization: Bearer lsk_…`."""

    target_class = "apps.tenants.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """An HTTP bearer token."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: `manage.py issue_key TENANT --role ROLE` makes one.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # same
    """A signed-in person's cookie."""

    target_class = "apps.tenants.authentication.TenantSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """The session cookie; unsafe calls need the CSRF token, too."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class VisitorScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # same
    """`Authorization: Visitor <token>`."""

    target_class = "apps.conversations.api.widget.visitors.VisitorAuthentication"
    name = "visitor"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """A header, since HTTP knows no scheme of this name."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Visitor` and the token that `POST /api/v1/widget/session` gives.",
        }
