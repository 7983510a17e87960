"""An instruction as sese.023. What the standard cannot say exactly is refused, not rounded."""

import re
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import (
    Element,
    SubElement,
    indent,
    tostring,
)

from apps.core.money import plain
from apps.settlement.clearing.iso20022.messages import BASE, INSTRUCTION, faults_of
from apps.settlement.clearing.protocol import Instruction

VERSION: Final = 11
AMOUNT_DECIMALS: Final = 5
_ISIN: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")


class Unsayable(Exception):
    """An instruction that a sese.023 cannot state; the text says why."""


def sese_023(one: Instruction) -> bytes:
    """The message. Raises `Unsayable`."""
    _check(one)
    body = Element("SctiesSttlmTxInstr")
    _put(body, "TxId", one.id.hex)  # 35 characters at most: the id without its hyphens
    kind = SubElement(body, "SttlmTpAndAddtlParams")
    _put(kind, "SctiesMvmntTp", "RECE" if one.movement == "receive" else "DELI")
    _put(kind, "Pmt", "APMT" if one.payment == "against" else "FREE")
    trade = SubElement(body, "TradDtls")
    _put(trade, "TradDt/Dt/Dt", one.trade_date.isoformat())
    _put(trade, "SttlmDt/Dt/Dt", one.settles_on.isoformat())
    instrument = SubElement(body, "FinInstrmId")
    if is_isin(one.symbol):
        _put(instrument, "ISIN", one.symbol)
    else:
        other = SubElement(instrument, "OthrId")
        _put(other, "Id", one.symbol)
        _put(other, "Tp/Prtry", "SYMBOL")
    held = SubElement(body, "QtyAndAcctDtls")
    _put(held, "SttlmQty/Qty/Unit", plain(one.quantity))
    _put(held, "SfkpgAcct/Id", one.account)
    _put(SubElement(body, "SttlmParams"), "SctiesTxTp/Cd", "TRAD")
    _parties(body, one)
    if one.payment == "against":
        _amount(body, one)
    if faults := list(faults_of(body, INSTRUCTION)):
        raise Unsayable("; ".join(faults))
    document = Element("Document", xmlns=f"{BASE}{INSTRUCTION.name}.{VERSION:02}")
    document.append(body)
    indent(document)
    written: bytes = tostring(document, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def is_isin(symbol: str) -> bool:
    """Whether a symbol is an ISIN, by its form and its check digit (ISO 6166)."""
    if not _ISIN.fullmatch(symbol):
        return False
    digits = "".join(str(int(sign, 36)) for sign in symbol)
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def pays(one: Instruction) -> bool:
    """Whether our side pays: it does for what it receives, and the other way round below zero."""
    return (one.movement == "receive") == (one.amount >= 0)


def _check(one: Instruction) -> None:
    if one.payment == "against":
        if not re.fullmatch(r"[A-Z]{3}", one.currency):
            raise Unsayable(f"{one.currency} is no currency of ISO 4217")
        if round(one.amount, AMOUNT_DECIMALS) != one.amount:
            detail = f"an amount has at most {AMOUNT_DECIMALS} decimals here: {plain(one.amount)}"
            raise Unsayable(detail)


def _parties(body: Element, one: Instruction) -> None:
    """The other side, where it is known."""
    if one.counterparty is None:
        return
    side = "DlvrgSttlmPties" if one.movement == "receive" else "RcvgSttlmPties"
    party = SubElement(body, side)
    _put(party, "Pty1/Id/PrtryId/Id", one.counterparty)
    identified = party.find("Pty1/Id/PrtryId")
    assert identified is not None
    _put(identified, "Issr", "PARTICIPANT")


def _amount(body: Element, one: Instruction) -> None:
    amount = SubElement(body, "SttlmAmt")
    SubElement(amount, "Amt", Ccy=one.currency).text = plain(abs(Decimal(one.amount)))
    _put(amount, "CdtDbtInd", "DBIT" if pays(one) else "CRDT")


def _put(parent: Element, path: str, text: str) -> None:
    for tag in path.split("/"):
        parent = SubElement(parent, tag)
    parent.text = text
