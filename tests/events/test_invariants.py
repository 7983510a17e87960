"""The log's own checks: they find what they are there to find."""

import pytest

from apps.events import invariants
from apps.events.services import drain
from tests.events.helpers import HERE, TOPIC, append, query


@pytest.fixture
def busy(make_handler):
    handler = make_handler()
    append(1, 2, 3)
    drain(handler.name, TOPIC, HERE)
    return handler


def broken() -> dict[str, list[str]]:
    checks = [check(None) for check in invariants.INVARIANTS]
    return {check.name: list(check.failures) for check in checks if not check.ok}


class TestInvariants:
    def test_hold(self, busy):
        assert broken() == {}
        assert [check(None).checked for check in invariants.INVARIANTS][:1] == [3]

    def test_find_a_gap(self, busy):
        query("SET session_replication_role = replica")
        query('DELETE FROM events_event WHERE "offset" = 2')
        query("SET session_replication_role = origin")
        [[failure]] = broken().values()
        assert failure == f"{TOPIC}/{HERE} holds 2 events between 1 and 3, archived up to 0"

    def test_find_that_the_first_is_gone(self, busy):
        query("SET session_replication_role = replica")
        query('DELETE FROM events_event WHERE "offset" = 1')
        query("SET session_replication_role = origin")
        [[failure]] = broken().values()
        assert failure == f"{TOPIC}/{HERE} holds 2 events between 2 and 3, archived up to 0"

    def test_a_floor_is_no_gap(self, busy):
        query("UPDATE events_partition SET floor = 3 WHERE topic = %s AND number = %s", TOPIC, HERE)
        query('DELETE FROM events_event WHERE "offset" <= 3')
        assert broken() == {}

    def test_find_a_cursor_ahead_of_the_log(self, busy):
        query(
            'UPDATE events_cursor SET "offset" = 4 WHERE handler = %s AND partition = %s',
            busy.name,
            HERE,
        )
        [[failure]] = broken().values()
        assert failure == f"{busy.name} in {TOPIC}/{HERE} stands at 4"

    def test_find_an_event_that_nobody_could_resume(self, busy):
        query(
            'INSERT INTO events_parkedevent (handler, topic, partition, "offset", key)'
            " VALUES (%s, %s, %s, 2, 'account-1')",
            busy.name,
            TOPIC,
            HERE,
        )
        [[failure]] = broken().values()
        assert failure == f"{busy.name} {TOPIC}/{HERE} offset 2"
