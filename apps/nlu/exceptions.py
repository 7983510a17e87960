"""The ways this app says no."""

from apps.core.exceptions import Conflict, NotFound, Rejected


class TextRefused(Rejected):
    """A text has 1 to 2,000 characters, and none of them is NUL."""


class ExamplesRefused(Rejected):
    """These examples cannot be learned from; `errors` lists every reason."""


class TextNotKept(Rejected):
    """What was written then was not kept; the tenant's usage (`keep_texts`) says whether it is."""


class ModelNotFound(NotFound):
    """There is no such model; train one with `manage.py train_nlu`."""


class SecretUnreadable(Rejected):
    """These credentials were sealed under another SECRET_KEY: enter them again."""


class NotPromotable(Conflict):
    """Only a model that was trained to its end can be put to use."""
