"""Who calls from a site: a visitor with their own token, on a page that the widget allows."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from apps.conversations import services
from apps.conversations.services import Visitor
from apps.sockets.limits import Limit
from apps.tenants.addresses import address_of
from apps.tenants.views import ApiView

SCHEME = "visitor"
PREFLIGHT_SECONDS = 3_600
CALLS = Limit("visitor-calls", most=300, seconds=60)
UPLOADS = Limit("visitor-uploads", most=20, seconds=60)
"""What one visitor may do; a socket has limits of its own."""


class VisitorAuthentication(BaseAuthentication):
    """`Authorization: Visitor <token>`."""

    def authenticate(self, request: Request) -> tuple[None, Visitor] | None:
        """The visitor; nothing without a token. Raises 401 on a bad one, 403 from a site not allowed."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME:
            return None
        visitor = services.visitor_of(token.strip())
        if visitor is None:
            raise AuthenticationFailed("This visitor is not known any more.")
        origin, is_ours = origin_of(request)
        if origin:  # a browser leaves it out where page and server are one site
            services.check_site(visitor.widget, origin, is_ours=is_ours)
        return None, visitor

    def authenticate_header(self, request: Request) -> str:
        """Makes DRF answer 401 rather than 403."""
        return "Visitor"


class IsVisitor(BasePermission):
    """A visitor with a token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether there is one."""
        return isinstance(request.auth, Visitor)


class VisitorThrottle(BaseThrottle):
    """So many calls of one visitor."""

    _wait = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether this one is still within the limit."""
        self._wait = self.limit().count(*self.who(request))
        return not self._wait

    def wait(self) -> int:
        """Seconds, for Retry-After."""
        return self._wait

    def limit(self) -> Limit:
        """How many."""
        return CALLS

    def who(self, request: Request) -> tuple[str, ...]:
        """Who is counted."""
        return (visitor_in(request).id.hex,)


class UploadThrottle(VisitorThrottle):
    """So many files of one visitor."""

    def limit(self) -> Limit:
        """How many."""
        return UPLOADS


class VisitThrottle(VisitorThrottle):
    """So many visits of one widget from one address: behind it may sit a school, or one program."""

    def limit(self) -> Limit:
        """As many as the installation says."""
        return Limit("visits", settings.WIDGET_SESSIONS, 60)

    def who(self, request: Request) -> tuple[str, ...]:
        """The widget that is asked for, whether it exists or not, and the address."""
        key = request.data.get("key", "") if isinstance(request.data, dict) else ""
        return (str(key)[:100], address_of(request))


class SiteView(ApiView):
    """A view that pages of other sites may call.

    Without cookies, so another site's page can do nothing that its own server could not do as well; the
    answer may therefore be read anywhere. What a call may do rests on the token and on the widget's sites.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = (VisitorAuthentication,)
    permission_classes: Sequence[type[BasePermission]] = (IsVisitor,)
    throttle_classes: Sequence[type[BaseThrottle]] = (VisitorThrottle,)

    def options(self, request: HttpRequest, *args: object, **kwargs: object) -> Response:
        """A browser's question before the call."""
        return Response(status=204)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Who calls; nobody needs a token to ask before the call."""
        if request.method != "OPTIONS":
            super().initial(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: object, **kwargs: object
    ) -> Response:
        """Any page may read the answer."""
        found = super().finalize_response(request, response, *args, **kwargs)
        found["Access-Control-Allow-Origin"] = "*"
        found["Access-Control-Allow-Methods"] = "GET, POST"
        found["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        found["Access-Control-Expose-Headers"] = "Retry-After"
        found["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        found["Cross-Origin-Resource-Policy"] = "cross-origin"
        found["Cache-Control"] = "no-store"
        return found


def visitor_in(request: Request) -> Visitor:
    """The visitor; only behind `IsVisitor`."""
    assert isinstance(request.auth, Visitor)
    return request.auth


def origin_of(request: Request) -> tuple[str, bool]:
    """The calling page's origin, and whether it is one of our own hosts."""
    origin = request.headers.get("Origin", "")
    try:
        host = split_domain_port(urlsplit(origin).netloc)[0]
    except ValueError:  # a bracket without its pair: no browser sends it
        host = ""
    return origin, bool(host) and validate_host(host, settings.ALLOWED_HOSTS)
