"""What every view of the API has in common: its query is read by a form, which also documents it."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from apps.tenants.forms import Query, read_query

READING = frozenset({"GET", "HEAD"})


class ApiView(APIView):
    """A view that refuses what its query does not know, once it is clear who is asking."""

    query: ClassVar[type[Query] | None] = Query
    """The form of what GET may be asked; None: the view reads its query itself."""
    asked: dict[str, Any]
    """What GET is asked, as its form read it."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After authentication, permission and throttles: the query. Raises `Malformed`."""
        super().initial(request, *args, **kwargs)
        if request.method in READING and self.query is not None:
            self.asked = read_query(self.query, request)
