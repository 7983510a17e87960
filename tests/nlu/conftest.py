"""Models in memory belong to one database."""

from collections.abc import Iterator

import pytest

from apps.nlu.services import reading


@pytest.fixture(autouse=True)
def _fresh_models() -> Iterator[None]:
    yield
    reading.forget()
