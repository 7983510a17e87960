"""What the board shows, and what it costs."""

import json
import time
from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.agents import services as agents
from apps.agents.selectors import find_agent as agents_of
from apps.conversations.models import Message
from apps.conversations.services import open_conversation, send_message
from apps.events import registry, services
from apps.events.services import announce
from apps.events.services.clock import tick
from apps.trading.models import Trade
from apps.web import selectors, snapshots
from tests.agents.cast import make_agent, queue
from tests.web.conftest import take_everything

QUERIES_MAX = 12


def board(api):
    snapshots.forget()
    answer = api.get("/api/v1/board")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    return answer.json()


def handler(found, name="ledger.book_trades"):
    return next(
        one for one in found["handlers"] if (one["handler"], one["topic"]) == (name, "trade")
    )


def serve_all_queues(name="w1@test"):
    queues = {f"{one.lane}.{shard}" for one in registry.handlers() for shard in range(2)}
    announce(name, [*queues, "housekeeping"], 4711)


def test_an_empty_platform_is_shown_whole(api):
    serve_all_queues()
    found = board(api)
    assert found["status"]["state"] == "healthy"
    assert found["tenant"] == {"slug": "acme", "name": "Acme Brokers"}
    assert found["flow"]["per_second"] == [0] * 120
    assert found["conversations"]["flow"]["per_second"] == [0] * 120
    assert found["agents"] == {"online": 0, "signed_on": 0, "load": 0.0, "capacity": 0.0}
    assert found["conversations"]["open"] == found["conversations"]["longest_wait_seconds"] == 0
    assert (found["trades"], found["parked"]) == ([], {"count": 0, "keys": []})
    assert found["trial_balance"] == {"assets": 0, "off": 0, "rows": []}
    assert {one["state"] for one in found["status"]["reasons"]} == set()
    assert all(set(one["states"]) == {"idle"} for one in found["handlers"])


def test_trades_flow_and_are_booked(api, trade):
    trade(3, take=False)
    found = board(api)
    assert [one["booked"] for one in found["trades"]] == [False] * 3
    assert handler(found)["behind"] == 4  # the account's opening, too
    assert handler(found)["worst_seconds"] > 0

    take_everything()
    found = board(api)
    first = found["trades"][0]
    assert first | {"id": "", "at": ""} == {
        "id": "", "account": "ACC-1", "instrument": "XYZ", "side": "buy", "quantity": "100",
        "price": "50", "currency": "USD", "at": "", "state": "executed", "booked": True,
    }  # fmt: skip
    assert handler(found)["behind"] == 0
    assert handler(found)["taken"] == 4
    assert sorted(set(handler(found)["states"])) == ["idle", "ok"]


def test_conversations_are_counted_by_where_they_stand(api, tenant, other, monkeypatch):
    for number, owner in enumerate(["bot", "queue", "queue"]):
        talk = open_conversation(tenant.pk, external_id=f"c{number}", owner=owner).conversation
        send_message(tenant.pk, talk.id, sender="customer", client_id="1", body="Hello")
    open_conversation(other.pk, external_id="somebody else's")
    now = Message.objects.latest("sent_at").sent_at.timestamp() + 2
    monkeypatch.setattr(selectors.time, "time", lambda: now)
    found = board(api)["conversations"]
    assert (found["open"], found["with_bot"], found["waiting"], found["with_agents"]) == (
        3,
        1,
        2,
        0,
    )
    assert found["longest_wait_seconds"] >= 2
    assert (found["flow"]["total"], found["flow"]["rate"]) == (3, 0.3)


def test_agents_who_are_there_are_counted_with_what_they_have(api, tenant, other):
    make_agent(tenant.pk, "anna", status="online", capacity=2)
    make_agent(tenant.pk, "bob", status="away")
    make_agent(tenant.pk, "carl")
    make_agent(other.pk, "zoe", status="online")
    agents.reassign_work(tenant.pk, queue(tenant.pk), agents_of(tenant.pk, "anna").pk)
    assert board(api)["agents"] == {"online": 1, "signed_on": 2, "load": 1.0, "capacity": 2.0}


def test_the_flow_counts_whole_seconds(api, trade, monkeypatch):
    trade(5, take=False)
    now = Trade.objects.latest("booked_at").booked_at.timestamp() + 2
    monkeypatch.setattr(selectors.time, "time", lambda: now)
    flow = board(api)["flow"]
    assert (flow["total"], sum(flow["per_second"])) == (5, 5)
    assert flow["rate"] == 0.5
    assert flow["peak"] == max(flow["per_second"])


def test_the_books_balance(api, trade):
    trade(2)
    trial = board(api)["trial_balance"]
    assert (trial["assets"], trial["off"]) == (2, 0)
    rows = {row["asset"]: row for row in trial["rows"]}
    assert rows["USD"]["debit"] == rows["USD"]["credit"] == "10000"
    assert rows["XYZ"]["difference"] == "0"


def test_books_that_are_off_come_first_and_degrade(api, trade, monkeypatch):
    trade(1)
    real = selectors.ledger.trial_balance

    def broken(tenant):
        return [*real(tenant), selectors.ledger.TrialRow("ZZZ", Decimal("1.50"), Decimal(1))]

    monkeypatch.setattr(selectors.ledger, "trial_balance", broken)
    found = board(api)
    assert found["trial_balance"]["rows"][0] == {
        "asset": "ZZZ", "debit": "1.5", "credit": "1", "difference": "0.5",
    }  # fmt: skip
    assert found["trial_balance"]["off"] == 1
    assert found["status"]["reasons"][0]["code"] == "ledger_unbalanced"


def test_what_stands_still_or_fails_is_told(api, trade):
    serve_all_queues()
    trade(1, take=False)
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE events_cursor SET failures = 2, error = 'OperationalError: no route'
               WHERE handler = 'ledger.book_trades' AND topic = 'trade' AND partition = 5"""
        )
    services.stop_partition("ledger.book_trades", "trade", 7, reason="by hand")
    found = board(api)
    assert [handler(found)["states"][number] for number in (5, 7)] == ["failing", "stopped"]
    assert {"stopped", "failing"} <= {one["code"] for one in found["status"]["reasons"]}


def test_parked_keys_are_the_tenants_own(api, tenant, other, client_of):
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO events_parkedkey
               (handler, topic, partition, key, tenant_id, first_offset, policy, error)
               VALUES ('ledger.book_trades', 'trade', 1, %s, %s, 1, 'hold', 'ValueError: no')""",
            [("mine", tenant.pk), ("theirs", other.pk)],
        )
    assert [one["key"] for one in board(api)["parked"]["keys"]] == ["mine"]
    assert [one["key"] for one in board(client_of(other))["parked"]["keys"]] == ["theirs"]


def test_another_tenant_sees_nothing_of_the_business(trade, other, client_of):
    trade(2)
    found = board(client_of(other))
    assert (found["trades"], found["flow"]["total"]) == ([], 0)
    assert found["trial_balance"]["rows"] == []


def test_workers_and_the_queues_that_nobody_serves(api):
    queues = ["ledger.0", "ledger.1", "positions.0"]
    announce("w1@test", queues, 4711)
    found = board(api)
    assert [(one["name"], one["online"], one["queues"]) for one in found["workers"]] == [
        ("w1@test", True, queues)
    ]
    unserved = {one["queue"] for one in found["queues"] if not one["served"]}
    assert {"positions.1", "housekeeping"} <= unserved
    assert not unserved & set(queues)
    assert "unserved" in {one["code"] for one in found["status"]["reasons"]}


def test_a_worker_that_fell_silent_serves_nothing(api, monkeypatch):
    serve_all_queues()
    now = time.time() + 20
    monkeypatch.setattr("apps.events.selectors.heartbeats.time.time", lambda: now)
    found = board(api)
    assert [one["online"] for one in found["workers"]] == [False]
    assert not any(one["served"] for one in found["queues"])
    monkeypatch.setattr("apps.events.selectors.heartbeats.time.time", lambda: now + 600)
    assert board(api)["workers"] == []


def test_a_worker_that_takes_its_leave_is_gone_at_once(api):
    serve_all_queues()
    services.take_leave("w1@test")
    assert board(api)["workers"] == []


def test_without_redis_the_board_goes_on(api, trade, no_redis):
    trade(1)
    found = board(api)
    assert (found["workers"], found["queues"]) == ([], [])
    assert [one["code"] for one in found["status"]["reasons"]] == ["redis"]
    assert found["trades"][0]["booked"] is True


def test_the_clocks_jobs_are_told(api):
    assert {one["period"] for one in board(api)["clock"]} == {None}
    tick(timezone.now())
    runs = board(api)["clock"]
    assert {one["job"] for one in runs} == {job.name for job in registry.jobs()}
    assert all(one["finished_at"] for one in runs)


def test_a_snapshot_costs_few_queries_whatever_there_is(tenant, trade):
    selectors.board(tenant)
    with CaptureQueriesContext(connection) as empty:
        selectors.board(tenant)
    trade(30)
    selectors.forget()
    with CaptureQueriesContext(connection) as full:
        selectors.board(tenant)
    assert len(empty) <= len(full) <= QUERIES_MAX


def test_who_asks_at_once_shares_a_snapshot(tenant, monkeypatch):
    made = []
    monkeypatch.setattr(
        snapshots.selectors, "board", lambda who: made.append(who) or {"n": len(made)}
    )
    assert snapshots.snapshot(tenant) == snapshots.snapshot(tenant)
    now = time.monotonic() + snapshots.FRESH_SECONDS + 0.01
    monkeypatch.setattr(snapshots.time, "monotonic", lambda: now)
    assert json.loads(snapshots.snapshot(tenant)) == {"n": 2}


def test_nobody_sees_the_board(db, client):
    assert client.get("/api/v1/board").status_code == 401
