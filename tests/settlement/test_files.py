"""ISO 20022 files end to end on our side: an instruction goes out, a confirmation comes in, it is settled."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command

from apps.settlement import services
from apps.settlement.clearing.connections import folders_of
from apps.settlement.clearing.iso20022.folders import FileClearing
from apps.settlement.models import ClearingNotice
from tests.settlement.cast import Market, drive, settle_down, settlement_of
from tests.settlement.test_iso20022 import advice, confirmation
from tests.trading.cast import list_instrument, open_account


@pytest.fixture
def swiss(tenant, settings, tmp_path: Path) -> Market:
    """A market whose agent takes files."""
    settings.CLEARING_BY_FILES = ["CH"]
    settings.CLEARING_FOLDER = str(tmp_path)
    instrument = list_instrument(tenant.pk, symbol="XYZ", currency="CHF", settlement_calendar="CH")
    return Market(tenant, open_account(tenant.pk), instrument)


@pytest.fixture
def folders(swiss: Market) -> FileClearing:
    return folders_of(swiss.tenant.pk)


def arrive(folders: FileClearing, content: bytes, name: str = "a.xml") -> None:
    inbox = folders.folder / "in"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / name).write_bytes(content)


def instructed(market: Market):
    trade = market.trade()
    settle_down()
    drive()
    found = settlement_of(trade)
    assert (found.clearing, found.state) == ("iso20022", "instructed")
    return found


XYZ = "<OthrId><Id>XYZ</Id><Tp><Prtry>SYMBOL</Prtry></Tp></OthrId>"


def test_goes_out_and_comes_back_settled(swiss: Market, folders: FileClearing) -> None:
    found = instructed(swiss)
    (file,) = (folders.folder / "out").glob("*.xml")
    assert found.instruction_id.hex in file.name
    arrive(folders, confirmation(found.instruction_id, isin=XYZ, currency="CHF"))
    assert services.exchange_files(swiss.tenant.pk)["new"] == 1
    settle_down()
    found.refresh_from_db()
    assert found.state == "settled"

    arrive(folders, confirmation(found.instruction_id, isin=XYZ, currency="CHF"), "again.xml")
    assert services.exchange_files(swiss.tenant.pk)["known"] == 1


@pytest.mark.parametrize(
    "changes",
    [{"account": "ACC-2"}, {"currency": "EUR"}, {"movement": "DELI", "direction": "CRDT"}],
)
def test_what_contradicts_is_suspended_and_never_booked(
    swiss: Market, folders: FileClearing, changes: dict[str, str]
) -> None:
    found = instructed(swiss)
    told = {"isin": XYZ, "currency": "CHF"} | changes
    arrive(folders, confirmation(found.instruction_id, **told))
    services.exchange_files(swiss.tenant.pk)
    settle_down()
    found.refresh_from_db()
    assert found.state == "instructed"
    assert ClearingNotice.objects.get().state == "suspended"


def test_another_amount_is_a_persons(swiss: Market, folders: FileClearing) -> None:
    found = instructed(swiss)
    arrive(folders, confirmation(found.instruction_id, isin=XYZ, currency="CHF", amount="4999.99"))
    services.exchange_files(swiss.tenant.pk)
    settle_down()
    found.refresh_from_db()
    assert found.state == "manual"
    assert ClearingNotice.objects.get().state == "suspended"


def test_a_failing_advice_fails_it(swiss: Market, folders: FileClearing) -> None:
    found = instructed(swiss)
    status = "<SttlmSts><Flng><Rsn><Cd><Cd>LACK</Cd></Cd></Rsn></Flng></SttlmSts>"
    arrive(folders, advice(found.instruction_id, status))
    services.exchange_files()
    settle_down()
    found.refresh_from_db()
    assert (found.state, found.code) == ("failed", "LACK")


def test_by_hand_it_says_what_it_did(swiss: Market, folders: FileClearing) -> None:
    found = instructed(swiss)
    arrive(folders, confirmation(found.instruction_id, isin=XYZ, currency="CHF"))
    arrive(folders, b"<", "bad.xml")
    out = io.StringIO()
    call_command("exchange_clearing_files", "--tenant", swiss.tenant.slug, stdout=out)
    assert out.getvalue() == "1 new, 0 known, 1 refused\n"
    assert (folders.folder / "refused" / "bad.xml.reason").exists()
