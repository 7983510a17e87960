"""Refusals: five kinds, each with a status, a code for machines and a sentence for people."""

import pytest

from apps.core import exceptions
from apps.core.exceptions import (
    Conflict,
    DomainError,
    Forbidden,
    NotFound,
    Rejected,
    Unavailable,
)


class AccountIsFrozen(Rejected):
    """This account takes no orders."""


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (NotFound, 404, "not_found"),
        (Forbidden, 403, "forbidden"),
        (Conflict, 409, "conflict"),
        (Rejected, 422, "rejected"),
        (Unavailable, 503, "unavailable"),
    ],
)
def test_each_kind_has_its_status_and_its_code(
    kind: type[DomainError], status: int, code: str
) -> None:
    assert kind.status == status
    assert kind().code == code


def test_there_are_five_kinds_and_no_sixth() -> None:
    kinds = {
        value
        for value in vars(exceptions).values()
        if isinstance(value, type) and DomainError in value.__bases__
    }

    assert kinds == {NotFound, Forbidden, Conflict, Rejected, Unavailable}


def test_the_docstring_is_the_message_unless_another_is_given() -> None:
    assert str(AccountIsFrozen()) == "This account takes no orders."
    assert str(AccountIsFrozen("Frozen since Monday.")) == "Frozen since Monday."


def test_an_apps_own_refusal_keeps_its_kinds_status_and_has_its_own_code() -> None:
    refusal = AccountIsFrozen()

    assert refusal.status == 422
    assert refusal.code == "account_is_frozen"
    assert isinstance(refusal, Rejected)


def test_facts_stay_apart_from_the_sentence() -> None:
    refusal = AccountIsFrozen(account="ACC-1", errors=[{"field": "account"}])

    assert refusal.facts == {"account": "ACC-1", "errors": [{"field": "account"}]}
    assert "ACC-1" not in str(refusal)
