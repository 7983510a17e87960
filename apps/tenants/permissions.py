"""Which role may do which. Everyone may read their own tenant; writing is by role."""

from typing import TYPE_CHECKING, ClassVar

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from apps.tenants.authentication import Caller
from apps.tenants.models import Role

if TYPE_CHECKING:  # the view module reads these classes from the settings while it loads
    from rest_framework.views import APIView

EVERYWHERE = frozenset({Role.OWNER, Role.ADMIN, Role.SERVICE})


class IsMember(BasePermission):
    """A caller of some tenant; reading only, unless a view widens it."""

    message = "Your role may not do this."
    readers: ClassVar[frozenset[str] | None] = None
    """Who may come in at all; None: every member."""
    writers: ClassVar[frozenset[str]] = frozenset()

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether this caller's role allows the method."""
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        if self.readers is not None and caller.role not in self.readers:
            return False
        if request.method not in view.allowed_methods:
            return True  # nobody may; the view says 405
        return request.method in SAFE_METHODS or caller.role in self.writers


class TraderWrites(IsMember):
    """Trades and prices: traders and operations."""

    writers = EVERYWHERE | {Role.TRADER, Role.OPERATIONS}


class OperationsWrites(IsMember):
    """Reference data and cash: operations."""

    writers = EVERYWHERE | {Role.OPERATIONS}


class BooksRead(IsMember):
    """The books as a whole: those who keep, trade on or check them; not the people of conversations.

    Operations write: they say what is made into files.
    """

    readers = EVERYWHERE | {Role.TRADER, Role.OPERATIONS, Role.AUDITOR}
    writers = EVERYWHERE | {Role.OPERATIONS}


class ConversationsWrite(IsMember):
    """Conversations: agents and supervisors, and the programs through which customers write."""

    writers = EVERYWHERE | {Role.AGENT, Role.SUPERVISOR}


class RepliesWrite(IsMember):
    """What a team keeps ready for its conversations: supervisors."""

    writers = EVERYWHERE | {Role.SUPERVISOR}


class AdminOnly(IsMember):
    """All that is kept about a person: not even to be read by anybody else."""

    readers = writers = EVERYWHERE


class AdminWrites(IsMember):
    """The tenant's own set-up."""

    writers = EVERYWHERE - {Role.SERVICE}
