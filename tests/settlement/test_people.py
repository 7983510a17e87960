"""What people do: each with a reason, a step and an event; and what takes two of them."""

from collections.abc import Callable
from datetime import date

import pytest
from rest_framework.test import APIClient

from apps.settlement.clearing.protocol import NoticeKind, Outcome
from apps.settlement.models import Settlement
from apps.tenants.models import Tenant
from apps.tenants.services import add_member, issue_key
from tests.ledger.cast import refused, sql
from tests.settlement.cast import Market, balances, drive, hear, settle_down, settlement_of
from tests.settlement.clearing import ClearingHouse

Clients = Callable[..., APIClient]
WHY = {"reason": "the custodian called"}


@pytest.fixture
def failed(market: Market, house: ClearingHouse) -> Settlement:
    house.says.append(Outcome.REJECTED)
    trade = market.trade()
    settle_down()
    drive()
    return settlement_of(trade)


def address(one: Settlement, verb: str = "") -> str:
    return f"/api/v1/settlements/{one.pk}" + (f"/{verb}" if verb else "")


def test_a_list_and_one_with_its_steps(api: APIClient, failed: Settlement) -> None:
    (found,) = api.get("/api/v1/settlements", {"state": "failed"}).json()["results"]
    assert (found["id"], found["quantity"], found["account"]) == (str(failed.pk), "100", "ACC-1")
    story = api.get(address(failed)).json()
    assert [one["step"] for one in story["steps"]] == ["validate", "instruct"]
    assert len(story["steps"][1]["request_hash"]) == 64
    for query in ({"trade": str(failed.trade_id)}, {"due": str(failed.due_on)}):
        assert len(api.get("/api/v1/settlements", query).json()["results"]) == 1
    assert api.get("/api/v1/settlements", {"due": "2001-01-01"}).json()["results"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"state": "lost"},
        {"due": "soon"},
        {"trade": "x"},
        {"after": "x"},
        {"colour": "red"},
        {"needs_person": "maybe"},
    ],
)
def test_what_makes_no_sense_is_malformed(api: APIClient, query: dict[str, str]) -> None:
    assert api.get("/api/v1/settlements", query).status_code == 400


def test_another_tenant_sees_and_does_nothing(
    failed: Settlement, other: Tenant, client_of: Clients
) -> None:
    stranger = client_of(other)
    assert stranger.get("/api/v1/settlements").json()["results"] == []
    assert stranger.get(address(failed)).status_code == 404
    assert stranger.post(address(failed, "retry"), WHY, format="json").status_code == 404


def test_a_trader_may_look_and_not_decide(
    failed: Settlement, tenant: Tenant, client_of: Clients
) -> None:
    trader = client_of(tenant, role="trader")
    assert trader.get(address(failed)).status_code == 200
    assert trader.post(address(failed, "retry"), WHY, format="json").status_code == 403


def test_a_retry_sends_a_new_instruction(
    api: APIClient, market: Market, house: ClearingHouse, failed: Settlement
) -> None:
    assert api.post(address(failed, "retry"), {}, format="json").status_code == 400
    answer = api.post(address(failed, "retry"), WHY, format="json")
    assert (answer.status_code, answer.json()["state"]) == (200, "validating")
    drive()
    again = settlement_of(failed.trade_id)
    assert again.state == "instructed"
    assert again.instruction_id != failed.instruction_id
    hear(market, house.confirm(again.instruction_id))
    answer = api.post(address(failed, "retry"), WHY, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_now")
    ((data,),) = sql("SELECT data FROM events_event WHERE name LIKE '%%settlement.decided'")
    assert "the custodian called" in str(data)


def test_two_people_settle_by_hand(
    failed: Settlement, market: Market, tenant: Tenant, client_of: Clients
) -> None:
    one, two = client_of(tenant, role="operations"), client_of(tenant, role="operations")
    place = address(failed, "manual-settlement")
    approve = {**WHY, "decision": "approve"}
    assert one.post(place, approve, format="json").status_code == 409
    assert one.post(place, WHY, format="json").status_code == 202
    assert settlement_of(failed.trade_id).state == "failed"
    # Whoever proposes does not mean to approve what somebody else has proposed meanwhile.
    propose = {**WHY, "decision": "propose"}
    assert two.post(place, propose, format="json").json()["code"] == "already_proposed"
    for client, is_yours in ((one, True), (two, False)):
        (shown,) = client.get("/api/v1/settlements/board").json()["attention"]
        assert shown["proposal"] | {"at": ""} == {
            "by": "test", "reason": WHY["reason"], "at": "", "is_yours": is_yours,
        }  # fmt: skip
    assert one.post(place, approve, format="json").status_code == 403
    assert two.post(place, approve, format="json").json()["state"] == "settled"
    assert balances(market)["SEC:SETTLED", "XYZ"] == 100
    ((by_hand,),) = sql(
        "SELECT data->>'by_hand' FROM events_event WHERE name LIKE '%%settlement.settled'"
    )
    assert by_hand == "true"


def test_a_second_person_may_refuse(failed: Settlement, tenant: Tenant, client_of: Clients) -> None:
    one, two = client_of(tenant), client_of(tenant)
    place = address(failed, "manual-settlement")
    one.post(place, WHY, format="json")
    refuse = {"reason": "it did not arrive", "decision": "refuse"}
    assert two.post(place, refuse, format="json").json()["state"] == "failed"
    assert one.post(place, WHY, format="json").status_code == 202  # a new proposal


def test_the_database_wants_two_people_too(failed: Settlement, api: APIClient) -> None:
    api.post(address(failed, "manual-settlement"), WHY, format="json")
    with refused("two_people_settle_by_hand"):
        sql(
            "UPDATE settlement_proposal SET is_approved = true, decided_by = proposed_by,"
            " decided_at = now()"
        )
    with refused("two_people_settle_by_hand"):
        sql("UPDATE settlement_settlement SET by_hand_id = (SELECT id FROM settlement_proposal)")


def test_a_person_and_their_key_are_one(
    failed: Settlement, tenant: Tenant, client_of: Clients
) -> None:
    user, _ = add_member(tenant, username="ann", role="operations")
    desk, program = APIClient(), client_of(tenant)
    desk.force_login(user)
    _, secret = issue_key(tenant, role="operations", owner="ann")
    own = APIClient(headers={"authorization": f"Bearer {secret}"})
    place = address(failed, "manual-settlement")
    assert desk.post(place, WHY, format="json").status_code == 202
    answer = own.post(place, WHY, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "second_person_needed")
    for client, is_yours in ((desk, True), (own, True), (program, False)):
        (shown,) = client.get("/api/v1/settlements/board").json()["attention"]
        assert shown["proposal"]["is_yours"] is is_yours
    with refused("two_people_settle_by_hand"):
        sql(
            "UPDATE settlement_proposal SET is_approved = true, decided_at = now(), decided_by ="
            " (SELECT 'key:' || id FROM tenants_apikey WHERE owner_id IS NOT NULL)"
        )
    assert program.post(place, WHY, format="json").json()["state"] == "settled"


def test_cancel_and_compensate_undoes_the_trade(
    api: APIClient, market: Market, house: ClearingHouse, failed: Settlement
) -> None:
    answer = api.post(address(failed, "compensation"), WHY, format="json")
    assert answer.json()["state"] == "cancelled"
    settle_down()
    assert balances(market) == {}
    assert sql("SELECT quantity FROM trading_position") == [(0,)]


def test_what_clearing_has_is_withdrawn_first(
    api: APIClient, market: Market, house: ClearingHouse
) -> None:
    trade = market.trade()
    settle_down()
    drive()
    one = settlement_of(trade)
    answer = api.post(address(one, "compensation"), WHY, format="json")
    assert answer.json()["state"] == "compensating"
    settle_down()
    drive(due=None)
    assert settlement_of(trade).state == "compensated"
    assert house.calls[-1] == ("cancel", 1)


def test_a_refused_withdrawal_needs_a_person_who_may_try_again(
    api: APIClient, market: Market, house: ClearingHouse
) -> None:
    trade = market.trade()
    settle_down()
    drive()
    house.cancels = Outcome.REJECTED
    api.post(address(settlement_of(trade), "compensation"), WHY, format="json")
    drive(due=None)
    one = settlement_of(trade)
    assert (one.state, one.code) == ("compensation_failed", "DENI")
    house.cancels = Outcome.CANCELLED
    api.post(address(one, "retry"), WHY, format="json")
    drive(due=None)
    assert settlement_of(trade).state == "compensated"


def test_a_cancelled_trade_that_had_settled_is_returned(
    api: APIClient, market: Market, house: ClearingHouse
) -> None:
    trade = market.trade(fees=(("commission", "5.00"),))
    settle_down()
    drive()
    hear(market, house.confirm(settlement_of(trade).instruction_id))
    cancel(api, trade)
    settle_down()
    back = settlement_of(trade, kind="return")
    assert (back.movement, back.quantity, back.client_cash["USD"][:4]) == ("deliver", 100, "5005")
    drive(due=date(2100, 1, 1))
    hear(market, house.confirm(settlement_of(trade, kind="return").instruction_id))
    assert balances(market) == {}
    assert settlement_of(trade).is_returned


def test_an_amended_trade_settles_in_its_new_version(
    api: APIClient, market: Market, house: ClearingHouse
) -> None:
    trade = market.trade()
    settle_down()
    amend(api, trade)
    settle_down()
    old, new = Settlement.objects.order_by("version_no")
    assert (old.state, new.state, new.amount) == ("cancelled", "awaiting_date", 5100)


def test_a_cancelled_trade_that_had_settled_in_part_returns_that_part(
    api: APIClient, market: Market, house: ClearingHouse
) -> None:
    trade = market.trade()
    settle_down()
    drive()
    hear(market, house.confirm(settlement_of(trade).instruction_id, "60"))
    cancel(api, trade)
    settle_down()
    drive()
    assert settlement_of(trade).state == "compensated"
    back = settlement_of(trade, kind="return")
    assert (back.quantity, back.amount) == (60, 3000)
    drive()
    hear(market, house.confirm(settlement_of(trade, kind="return").instruction_id))
    assert balances(market) == {}


def test_assigned_and_commented(api: APIClient, failed: Settlement) -> None:
    api.post(address(failed, "assignment"), {**WHY, "to": "Ada"}, format="json")
    answer = api.post(address(failed, "comments"), WHY, format="json")
    assert answer.json()["assigned_to"] == "Ada"
    assert [one["step"] for one in answer.json()["steps"]][-2:] == ["assign", "comment"]


def test_a_suspended_notice_is_somebodys_work(
    api: APIClient, market: Market, house: ClearingHouse
) -> None:
    hear(market, house.tell("nobody-knows", NoticeKind.SETTLED))
    (notice,) = api.get("/api/v1/settlements/notices").json()["results"]
    place = f"/api/v1/settlements/notices/{notice['id']}/resolution"
    assert api.post(place, WHY, format="json").status_code == 204
    assert api.post(place, WHY, format="json").status_code == 409
    assert api.get("/api/v1/settlements/notices").json()["results"] == []


def cancel(api: APIClient, trade: object) -> None:
    answer = api.post(
        f"/api/v1/trades/{trade}/cancellation",
        {"reason": "dealt by mistake"},
        format="json",
        headers={"Idempotency-Key": f"cancel-{trade}"},
    )
    assert answer.status_code == 201, answer.json()


def amend(api: APIClient, trade: object) -> None:
    answer = api.post(
        f"/api/v1/trades/{trade}/amendment",
        {"reason": "wrong price", "price": "51"},
        format="json",
        headers={"Idempotency-Key": f"amend-{trade}"},
    )
    assert answer.status_code == 201, answer.json()


def test_the_board_counts_what_there_is(api: APIClient, failed: Settlement) -> None:
    found = api.get("/api/v1/settlements/board").json()
    assert found["by_day"] == [{"due": str(failed.due_on), "state": "failed", "count": 1}]
    assert [one["id"] for one in found["attention"]] == [str(failed.pk)]
    assert "simulator" in {one["code"] for one in found["breakers"]}
    assert (found["suspended"], found["per_minute"]) == (0, [])
