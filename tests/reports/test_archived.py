"""Months of the ledger that were taken out: reports that would read them say so, others are right."""

from pathlib import Path

import pytest
from rest_framework.test import APIClient

from tests.ledger.cast import ACCOUNT
from tests.ledger.test_archives import JAN, archive, months

assert months  # a fixture


@pytest.mark.usefixtures("months")
def test_a_month_in_a_file_is_refused_and_later_ones_are_told(
    api: APIClient, tmp_path: Path
) -> None:
    later = {"from": "2024-02-01", "to": "2024-02-28"}
    account = {"account": str(ACCOUNT)}

    def ask(name: str, **query: str) -> tuple[int, list[object]]:
        answer = api.get(f"/api/v1/reports/{name}", query)
        body = answer.json()
        if answer.status_code == 409:
            assert (body["code"], body["month"]) == ("month_archived", "2024-01")
        return answer.status_code, body.get("results", [])

    before = {name: ask(name, **later, **account) for name in ("cash", "fees", "statement")}
    assert all(status == 200 for status, _ in before.values())
    assert before["cash"][1]
    archive(JAN, tmp_path)
    for name, told in before.items():
        old = {"from": "2024-01-10", "to": "2024-01-31", **account}
        assert ask(name, **old)[0] == 409, name
        assert ask(name, **later, **account) == told, name
