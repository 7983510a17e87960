"""What every view of the API has in common: nothing that it is sent is ignored."""

from typing import Any, ClassVar, Final

from rest_framework.parsers import BaseParser, FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.tenants.forms import NoBody, Query, read_form, read_query

READING: Final = frozenset({"GET", "HEAD"})
WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
POST: Final = frozenset({"POST"})
FORMS: Final = (FormParser, MultiPartParser)


class ApiView(APIView):
    """A view that refuses what its query or its body does not know, once it is clear who is asking.

    What GET may be asked is a form; other methods have no query. A method that takes a body reads it
    with `read_form`; those that take none are named, and a body with anything in it is refused.
    """

    query: ClassVar[type[Query] | None] = Query
    """The form of what GET may be asked; None: the view reads its query itself."""
    bodiless: ClassVar[frozenset[str]] = frozenset({"DELETE"})
    """The writing methods that take no body."""
    asked: dict[str, Any]
    """What GET is asked, as its form read it."""

    def get_parsers(self) -> list[BaseParser]:
        """Where there is to be no body, an empty form is none either."""
        method = getattr(self.request, "method", None)  # the schema asks without a request
        return [*super().get_parsers(), *(one() for one in FORMS if method in self.bodiless)]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After authentication, permission and throttles: query and body. Raises `Malformed`."""
        super().initial(request, *args, **kwargs)
        if request.method in READING and self.query is not None:
            self.asked = read_query(self.query, request)
        elif request.method in WRITING:
            read_query(Query, request)
            if request.method in self.bodiless:
                read_form(NoBody, request.data)
