"""sese.024 and sese.025 as notices.

A confirmation is held against the instruction that was sent. One that names another account, another
instrument, another currency or the other direction is told under a name that no instruction has, so
that it is suspended for a person and never booked.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

from apps.core.money import parse_amount
from apps.settlement.clearing.iso20022.messages import (
    ADVICE,
    CONFIRMATION,
    INSTRUCTION,
    Message,
    Unreadable,
    parse,
)
from apps.settlement.clearing.protocol import Notice, NoticeKind

RAW_MAX: Final = 16_000
SENT = Callable[[UUID], bytes | None]
"""The instruction that was sent under an id, where there is one."""
_STATUSES: Final = (
    ("PrcgSts/Rjctd", NoticeKind.REJECTED),
    ("PrcgSts/Canc", NoticeKind.CANCELLED),
    ("SttlmSts/Flng", NoticeKind.FAILING),
    ("SttlmSts/Pdg", NoticeKind.PENDING),
    ("MtchgSts/Umtchd", NoticeKind.PENDING),
    ("IfrrdMtchgSts/Umtchd", NoticeKind.PENDING),
    ("PrcgSts/AckdAccptd", NoticeKind.PENDING),
    ("PrcgSts/PdgPrcg", NoticeKind.PENDING),
    ("MtchgSts/Mtchd", NoticeKind.PENDING),
    ("IfrrdMtchgSts/Mtchd", NoticeKind.PENDING),
)


def read(content: bytes, sent: SENT, now: datetime) -> Notice:
    """The notice that a file is. Raises `Unreadable` with every reason."""
    message = parse(content, ADVICE, CONFIRMATION)
    digest = hashlib.sha256(content).hexdigest()[:24]
    identifier = f"{message.header_id}:{digest}" if message.header_id else digest
    raw = content[:RAW_MAX].decode(errors="replace").replace("\0", "")
    if message.shape is ADVICE:
        return _advice(message, identifier, raw, now)
    return _confirmation(message, identifier, raw, sent)


def _advice(message: Message, identifier: str, raw: str, now: datetime) -> Notice:
    for path, kind in _STATUSES:
        if message.body.find(path) is not None:
            return Notice(
                id=identifier,
                instruction=_instruction(message.text("TxId/AcctOwnrTxId")),
                kind=kind,
                at=now,  # an advice has no time of its own
                code=message.text(f"{path}/Rsn/Cd/Cd") or message.text(f"{path}/Rsn/Cd/Prtry/Id"),
                detail=message.text(f"{path}/Rsn/AddtlRsnInf"),
                raw=raw,
            )
    raise Unreadable("it states a status that is not taken here")


def _confirmation(message: Message, identifier: str, raw: str, sent: SENT) -> Notice:
    name = message.text("TxIdDtls/AcctOwnrTxId")
    instruction = _instruction(name)
    differences = list(_differences(message, instruction, sent))
    if differences:
        instruction = f"{instruction} (another {', '.join(differences)})"
    quantity = _number(message, "QtyAndAcctDtls/SttldQty/Qty/Unit") or _number(
        message, "QtyAndAcctDtls/SttldQty/Qty/FaceAmt"
    )
    if quantity is None:
        raise Unreadable("QtyAndAcctDtls/SttldQty/Qty has neither Unit nor FaceAmt")
    remaining = _number(message, "QtyAndAcctDtls/RmngToBeSttldQty/Unit")
    is_part = message.text("AddtlParams/PrtlSttlm") == "PAIN" or bool(remaining)
    on = message.text("TradDtls/FctvSttlmDt/Dt/Dt")
    time = message.text("TradDtls/FctvSttlmDt/Dt/DtTm")
    return Notice(
        id=identifier,
        instruction=instruction,
        kind=NoticeKind.PARTIAL if is_part else NoticeKind.SETTLED,
        at=_moment(on or time),
        quantity=quantity,
        amount=_amount(message),
        detail=f"it names another {', '.join(differences)}" if differences else "",
        raw=raw,
    )


def _differences(message: Message, instruction: str, sent: SENT) -> Iterator[str]:
    """In what a confirmation differs from what was sent."""
    try:
        content = sent(UUID(instruction))
    except ValueError:
        return
    if content is None:
        return
    ours = parse(content, INSTRUCTION)
    pairs = (
        ("movement", "SttlmTpAndAddtlParams/SctiesMvmntTp", "TxIdDtls/SctiesMvmntTp"),
        ("payment", "SttlmTpAndAddtlParams/Pmt", "TxIdDtls/Pmt"),
        ("account", "QtyAndAcctDtls/SfkpgAcct/Id", "QtyAndAcctDtls/SfkpgAcct/Id"),
    )
    for name, mine, theirs in pairs:
        if ours.text(mine) != message.text(theirs):
            yield name
    if _instrument(ours) != _instrument(message):
        yield "instrument"
    if _currency(ours, "SttlmAmt/Amt") != _currency(message, "SttldAmt/Amt"):
        yield "currency"
    if ours.text("SttlmAmt/CdtDbtInd") != message.text("SttldAmt/CdtDbtInd"):
        yield "direction of the cash"


def _amount(message: Message) -> Decimal | None:
    """The cash: against the securities above zero, with them below; none is 0 where none is paid."""
    found = _number(message, "SttldAmt/Amt")
    if found is None:
        return Decimal(0) if message.text("TxIdDtls/Pmt") == "FREE" else None
    receives = message.text("TxIdDtls/SctiesMvmntTp") == "RECE"
    is_paid = message.text("SttldAmt/CdtDbtInd") == "DBIT"
    return found if receives == is_paid else found.copy_negate()


def _number(message: Message, path: str) -> Decimal | None:
    text = message.text(path)
    try:
        return parse_amount(text.removeprefix("+")) if text else None
    except (ValueError, InvalidOperation) as error:
        raise Unreadable(f"{path}: {error}") from error


def _instrument(message: Message) -> str:
    return message.text("FinInstrmId/ISIN") or message.text("FinInstrmId/OthrId/Id")


def _currency(message: Message, path: str) -> str:
    found = message.body.find(path)
    return found.get("Ccy", "") if found is not None else ""


def _instruction(name: str) -> str:
    """Our id in its usual form, where it is one of ours."""
    try:
        return str(UUID(hex=name))
    except ValueError:
        return name


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable(f"TradDtls/FctvSttlmDt: {error}") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
