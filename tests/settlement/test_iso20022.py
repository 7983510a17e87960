"""ISO 20022 files: what goes out has its shape, what comes in is read safely or refused with reasons."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from defusedxml.ElementTree import fromstring

from apps.core.ids import uuid7
from apps.settlement.clearing.iso20022.folders import FileClearing
from apps.settlement.clearing.iso20022.messages import INSTRUCTION, Unreadable, parse
from apps.settlement.clearing.iso20022.reading import read
from apps.settlement.clearing.iso20022.writing import Unsayable, is_isin, sese_023
from apps.settlement.clearing.protocol import Instruction, Notice, Outcome
from tests.settlement.test_clearing_http import instruction

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
NS = "urn:iso:std:iso:20022:tech:xsd:"
GOLDEN = Path(__file__).with_name("sese.023.golden.xml")


def nobody(_: UUID) -> bytes | None:
    return None


def confirmation(uid: UUID, version: str = "11", **changes: str) -> bytes:
    parts = {
        "id": uid.hex,
        "movement": "RECE",
        "payment": "APMT",
        "params": "",
        "isin": "<ISIN>US0378331005</ISIN>",
        "quantity": "<Unit>100</Unit>",
        "remaining": "",
        "account": "ACC-1",
        "currency": "USD",
        "amount": "5000.00",
        "direction": "DBIT",
        "date": "<Dt>2026-03-03</Dt>",
    } | changes
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{NS}sese.025.001.{version}"><SctiesSttlmTxConf>
<TxIdDtls><AcctOwnrTxId>{parts["id"]}</AcctOwnrTxId><AcctSvcrTxId>CSD-1</AcctSvcrTxId>
<SctiesMvmntTp>{parts["movement"]}</SctiesMvmntTp><Pmt>{parts["payment"]}</Pmt></TxIdDtls>{parts["params"]}
<TradDtls><FctvSttlmDt><Dt>{parts["date"]}</Dt></FctvSttlmDt></TradDtls>
<FinInstrmId>{parts["isin"]}</FinInstrmId>
<QtyAndAcctDtls><SttldQty><Qty>{parts["quantity"]}</Qty></SttldQty>{parts["remaining"]}
<SfkpgAcct><Id>{parts["account"]}</Id></SfkpgAcct></QtyAndAcctDtls>
<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams>
<SttldAmt><Amt Ccy="{parts["currency"]}">{parts["amount"]}</Amt><CdtDbtInd>{parts["direction"]}</CdtDbtInd></SttldAmt>
</SctiesSttlmTxConf></Document>""".encode()


def advice(uid: UUID, status: str, version: str = "12") -> bytes:
    return f"""<Document xmlns="{NS}sese.024.001.{version}"><SctiesSttlmTxStsAdvc>
<TxId><AcctOwnrTxId>{uid.hex}</AcctOwnrTxId></TxId>{status}</SctiesSttlmTxStsAdvc></Document>""".encode()


def apple(**changes: Any) -> Instruction:
    return instruction(**{"symbol": "US0378331005"} | changes)


class TestGoingOut:
    def test_an_instruction_is_this_message(self) -> None:
        one = apple(
            id=UUID("0195571c-2c00-7000-8000-000000000001"),
            counterparty="BROKER-7",
            amount=Decimal("5000.00000"),
        )
        assert sese_023(one) == GOLDEN.read_bytes()

    @pytest.mark.parametrize(
        ("changes", "path", "text"),
        [
            ({"movement": "deliver"}, "SttlmTpAndAddtlParams/SctiesMvmntTp", "DELI"),
            ({"movement": "deliver"}, "SttlmAmt/CdtDbtInd", "CRDT"),
            ({"movement": "receive"}, "SttlmAmt/CdtDbtInd", "DBIT"),
            ({"amount": Decimal("-12.5")}, "SttlmAmt/CdtDbtInd", "CRDT"),
            ({"amount": Decimal("-12.5")}, "SttlmAmt/Amt", "12.5"),
            ({"symbol": "XYZ"}, "FinInstrmId/OthrId/Id", "XYZ"),
            ({"quantity": Decimal("0.00000001")}, "QtyAndAcctDtls/SttlmQty/Qty/Unit", "0.00000001"),
            ({"symbol": "A&B<C>"}, "FinInstrmId/OthrId/Id", "A&B<C>"),
        ],
    )
    def test_terms_stand_where_they_belong(
        self, changes: dict[str, Any], path: str, text: str
    ) -> None:
        assert parse(sese_023(apple(**changes)), INSTRUCTION).text(path) == text

    def test_free_of_payment_states_no_amount(self) -> None:
        found = parse(sese_023(apple(payment="free", amount=Decimal(0))), INSTRUCTION)
        assert found.body.find("SttlmAmt") is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"currency": "USDT"},
            {"amount": Decimal("0.000001")},
            {"symbol": "X" * 36},
            {"account": "A" * 36},
        ],
    )
    def test_what_it_cannot_say_exactly_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(Unsayable):
            sese_023(apple(**changes))

    @pytest.mark.parametrize(
        ("symbol", "expected"),
        [("US0378331005", True), ("US0378331006", False), ("DE0007164600", True), ("XYZ", False)],
    )
    def test_an_isin_has_its_check_digit(self, symbol: str, expected: bool) -> None:
        assert is_isin(symbol) == expected


class TestConfirmations:
    def read(self, content: bytes, sent: Instruction | None = None) -> Notice:
        return read(content, (lambda _: sese_023(sent)) if sent else nobody, NOW)

    @pytest.mark.parametrize("version", ["09", "10", "11", "12", "13"])
    def test_are_read_in_every_version(self, version: str) -> None:
        one = apple()
        found = self.read(confirmation(one.id, version), one)
        assert (found.instruction, found.kind) == (str(one.id), "settled")
        assert (found.quantity, found.amount) == (100, 5000)
        assert found.at == datetime(2026, 3, 3, tzinfo=UTC)

    @pytest.mark.parametrize(
        "changes",
        [
            {"params": "<AddtlParams><PrtlSttlm>PAIN</PrtlSttlm></AddtlParams>"},
            {"remaining": "<RmngToBeSttldQty><Unit>40</Unit></RmngToBeSttldQty>"},
        ],
    )
    def test_of_a_part_say_so(self, changes: dict[str, str]) -> None:
        assert self.read(confirmation(uuid7(), **changes)).kind == "partial"

    def test_of_the_last_part_are_whole(self) -> None:
        last = "<AddtlParams><PrtlSttlm>PARC</PrtlSttlm></AddtlParams>"
        none = "<RmngToBeSttldQty><Unit>0</Unit></RmngToBeSttldQty>"
        found = self.read(confirmation(uuid7(), params=last, remaining=none))
        assert found.kind == "settled"

    @pytest.mark.parametrize(
        ("changes", "difference"),
        [
            ({"movement": "DELI", "direction": "CRDT"}, "movement"),
            ({"account": "ACC-2"}, "account"),
            ({"isin": "<ISIN>DE0007164600</ISIN>"}, "instrument"),
            ({"currency": "EUR"}, "currency"),
            ({"direction": "CRDT"}, "direction of the cash"),
            ({"payment": "FREE"}, "payment"),
        ],
    )
    def test_that_contradict_what_was_sent_fit_no_instruction(
        self, changes: dict[str, str], difference: str
    ) -> None:
        one = apple()
        found = self.read(confirmation(one.id, **changes), one)
        assert difference in found.instruction
        assert found.instruction != str(one.id)
        assert difference in found.detail

    def test_the_same_file_is_the_same_notice(self) -> None:
        content = confirmation(uuid7())
        assert self.read(content).id == self.read(content).id
        assert self.read(content).id != self.read(content + b" ").id

    def test_may_come_in_an_envelope_with_its_header(self) -> None:
        document = confirmation(uuid7()).split(b"?>", 1)[1]
        wrapped = (
            b'<Msg><AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02">'
            b"<BizMsgIdr>M-1</BizMsgIdr></AppHdr>" + document + b"</Msg>"
        )
        assert self.read(wrapped).id.startswith("M-1:")


class TestAdvices:
    @pytest.mark.parametrize(
        ("status", "kind", "code"),
        [
            ("<PrcgSts><AckdAccptd><NoSpcfdRsn>NORE</NoSpcfdRsn></AckdAccptd></PrcgSts>", "pending", ""),
            ("<PrcgSts><Rjctd><Rsn><Cd><Cd>DSEC</Cd></Cd></Rsn></Rjctd></PrcgSts>", "rejected", "DSEC"),
            ("<PrcgSts><Canc><NoSpcfdRsn>NORE</NoSpcfdRsn></Canc></PrcgSts>", "cancelled", ""),
            ("<SttlmSts><Pdg><Rsn><Cd><Cd>FUTU</Cd></Cd></Rsn></Pdg></SttlmSts>", "pending", "FUTU"),
            ("<SttlmSts><Flng><Rsn><Cd><Cd>LACK</Cd></Cd></Rsn></Flng></SttlmSts>", "failing", "LACK"),
            ("<MtchgSts><Umtchd><Rsn><Cd><Cd>CMIS</Cd></Cd></Rsn></Umtchd></MtchgSts>", "pending", "CMIS"),
            (
                "<MtchgSts><Mtchd/></MtchgSts><SttlmSts><Flng><Rsn><Cd><Cd>MONY</Cd></Cd></Rsn></Flng></SttlmSts>",
                "failing",
                "MONY",
            ),
        ],
    )  # fmt: skip
    def test_say_how_an_instruction_stands(self, status: str, kind: str, code: str) -> None:
        uid = uuid7()
        found = read(advice(uid, status), nobody, NOW)
        assert (found.instruction, found.kind, found.code) == (str(uid), kind, code)


ENTITIES = b"""<!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.025.001.11">&b;</Document>"""
OUTSIDE = b"""<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.025.001.11">&x;</Document>"""


class TestWhatIsNoMessage:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "not XML"),
            (b"\x00\xff", "not XML"),
            (b"<a>", "not XML"),
            (ENTITIES, "not XML that is taken"),
            (OUTSIDE, "not XML that is taken"),
            (b'<?xml version="1.0" encoding="no-such"?><a/>', "not XML"),
            (b"<a/>", "no Document"),
            (b"<Document/>", "no namespace"),
            (b'<Document xmlns="urn:x"/>', "urn:x is no message"),
            (f'<Document xmlns="{NS}sese.023.001.11"/>'.encode(), "no message that is taken"),
            (f'<Document xmlns="{NS}sese.025.001.11"/>'.encode(), "holds SctiesSttlmTxConf"),
            (f'<Document xmlns="{NS}sese.025.001.08"/>'.encode(), "version 08"),
            (f'<Document xmlns="{NS}sese.024.001.99"/>'.encode(), "version 99"),
            (b" " * 1_000_001, "at most"),
            (confirmation(uuid7(), id=""), "TxIdDtls/AcctOwnrTxId is not"),
            (confirmation(uuid7(), movement="GIVE"), "SctiesMvmntTp is not"),
            (confirmation(uuid7(), quantity="<Unit>NaN</Unit>"), "Unit is not"),
            (confirmation(uuid7(), quantity="<Unit>1e99</Unit>"), "Unit is not"),
            (confirmation(uuid7(), quantity="<Unit>-1</Unit>"), "Unit is not"),
            (confirmation(uuid7(), quantity="<Other>1</Other>"), "neither Unit nor FaceAmt"),
            (confirmation(uuid7(), amount="1.123456"), "SttldAmt/Amt is not"),
            (confirmation(uuid7(), date="<Dt>2026-02-30</Dt>"), "FctvSttlmDt"),
            (confirmation(uuid7(), date=""), "FctvSttlmDt"),
            (confirmation(uuid7(), params="<Evil/>"), "unknown parts: Evil"),
            (
                confirmation(uuid7(), params="<SttlmParams><SctiesTxTp/></SttlmParams>"),
                "out of order",
            ),
            (advice(uuid7(), ""), "is missing"),
            (advice(uuid7(), "<PrcgSts><CxlReqd/></PrcgSts>"), "not taken here"),
        ],
    )
    def test_is_refused_with_its_reason(self, content: bytes, reason: str) -> None:
        with pytest.raises(Unreadable, match=reason.replace("(", r"\(")):
            read(content, nobody, NOW)

    def test_every_fault_is_named(self) -> None:
        content = confirmation(uuid7(), movement="GIVE", payment="GIFT", direction="UP")
        with pytest.raises(Unreadable) as refusal:
            read(content, nobody, NOW)
        assert str(refusal.value).count("is not as it should be") == 3


class TestFolders:
    @pytest.fixture
    def clearing(self, tmp_path: Path) -> FileClearing:
        return FileClearing(tmp_path)

    def test_an_instruction_goes_out_once(self, clearing: FileClearing) -> None:
        one = apple()
        first, again = clearing.instruct([one])[0], clearing.instruct([one])[0]
        assert first == again
        assert first.outcome is Outcome.ACCEPTED
        (file,) = (clearing.folder / "out").iterdir()
        assert file.read_bytes() == sese_023(one)
        changed = apple(id=one.id, quantity=Decimal(1))
        assert clearing.instruct([changed])[0].code == "REFE"

    def test_what_was_fetched_is_not_put_out_again(self, clearing: FileClearing) -> None:
        one = apple()
        clearing.instruct([one])
        for file in (clearing.folder / "out").iterdir():
            file.unlink()
        clearing.instruct([one])
        assert list((clearing.folder / "out").iterdir()) == []
        assert clearing.ask([one.id])[0].outcome is Outcome.ACCEPTED
        assert clearing.cancel([one.id])[0].outcome is Outcome.REJECTED

    def test_what_nobody_fetched_is_taken_back(self, clearing: FileClearing) -> None:
        one = apple()
        clearing.instruct([one])
        assert clearing.cancel([one.id])[0].outcome is Outcome.CANCELLED
        assert clearing.ask([one.id])[0].outcome is Outcome.ABSENT
        assert clearing.cancel([one.id])[0].outcome is Outcome.ABSENT

    def test_what_cannot_be_said_is_rejected_with_the_reason(self, clearing: FileClearing) -> None:
        (found,) = clearing.instruct([apple(currency="USDT")])
        assert (found.outcome, found.code) == (Outcome.REJECTED, "NARR")
        assert "USDT" in found.detail

    def test_a_folder_that_cannot_be_written_leaves_it_unknown(
        self, clearing: FileClearing
    ) -> None:
        (clearing.folder / "out").mkdir()
        one = apple()
        (clearing.folder / "out" / f"sese.023-{one.id.hex}.xml").mkdir()
        assert clearing.instruct([one])[0].outcome is Outcome.UNKNOWN

    def test_files_that_come_in_are_put_away_with_reasons(self, clearing: FileClearing) -> None:
        one = apple()
        clearing.instruct([one])
        inbox = clearing.folder / "in"
        inbox.mkdir()
        (inbox / "good.xml").write_bytes(confirmation(one.id))
        (inbox / "bad.xml").write_bytes(ENTITIES)
        (inbox / "half.tmp").write_bytes(b"<")
        found = list(clearing.arrived(NOW))
        for file in found:
            clearing.put_away(file)
        assert [file.notice is not None for file in found] == [True, False]
        assert [file.name for file in inbox.iterdir()] == ["half.tmp"]
        assert (clearing.folder / "done" / "good.xml").exists()
        reason = (clearing.folder / "refused" / "bad.xml.reason").read_text()
        assert "not XML that is taken" in reason


def test_the_golden_message_is_well_formed() -> None:
    root = fromstring(GOLDEN.read_bytes())
    assert root.tag == f"{{{NS}sese.023.001.11}}Document"
    assert [one.tag.split("}")[1] for one in root[0]][:2] == ["TxId", "SttlmTpAndAddtlParams"]
    assert date.fromisoformat(root.find(".//{*}SttlmDt/{*}Dt/{*}Dt").text) == date(2026, 3, 3)
