"""The ways this app says no."""

from apps.core.exceptions import Conflict, Forbidden, NotFound, Rejected


class UnknownConversation(NotFound):
    """There is no such conversation."""


class UnknownCustomer(NotFound):
    """There is no such customer."""


class UnknownWidget(NotFound):
    """There is no such widget, or it was switched off."""


class WidgetRefused(Rejected):
    """The widget is not valid; `errors` lists every reason."""


class SiteNotAllowed(Forbidden):
    """This site is not among those on which the widget may be shown."""


class UnknownSession(NotFound):
    """There is no such session."""


class UnknownAttachment(NotFound):
    """There is no such file here."""


class UnknownCannedReply(NotFound):
    """There is no such canned reply."""


class NoteRefused(Rejected):
    """The note, tag, rating or reply is not valid; `errors` lists every reason."""


class ShortcutTaken(Conflict):
    """Another canned reply has this shortcut in this language."""


class AlreadyRated(Conflict):
    """This closing was rated before."""


class NotRatable(Conflict):
    """A conversation is rated when it is over."""


class AttachmentRefused(Rejected):
    """The file is not taken; `errors` lists every reason."""


class ConversationRefused(Rejected):
    """The conversation is not valid; `errors` lists every reason."""


class MessageRefused(Rejected):
    """The message is not valid; `errors` lists every reason."""


class IllegalMove(Conflict):
    """A conversation in this state does not move like that."""


class ConversationClosed(Conflict):
    """This conversation takes no more messages from this sender; open one, or reopen it."""


class OwnerChanged(Conflict):
    """The conversation has another owner by now; what was decided for the former one is void."""


class AnotherIsOpen(Conflict):
    """The customer has another open conversation on this channel."""


class NotAParticipant(Forbidden):
    """Only who takes part in this conversation may do this."""
