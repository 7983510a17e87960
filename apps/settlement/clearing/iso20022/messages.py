"""XML that is safe to read, and the shape that each message has: what must be there, and in which order.

The shapes are those parts of the schemas (iso20022.org, business area sese) that we write or read; what
else a message holds is let through. Entities, document types and anything above a megabyte are not.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

SIZE_MAX: Final = 1_000_000  # bytes
BASE: Final = "urn:iso:std:iso:20022:tech:xsd:"
_TEXT35: Final = r"\S.{0,34}"
_CODE4: Final = r"[A-Z0-9]{1,4}"
_DATE: Final = r"\d{4}-\d{2}-\d{2}"
_AMOUNT: Final = r"\d{1,18}(\.\d{0,5})?"
_QUANTITY: Final = r"\+?\d{1,18}(\.\d{0,17})?"
_MOVEMENT: Final = "DELI|RECE"
_PAYMENT: Final = "APMT|FREE"


class Unreadable(Exception):
    """A file that is no message we know; the text says every reason."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of message: its element, versions, the order of its parts, and what its leaves look like."""

    name: str
    element: str
    versions: frozenset[int]
    order: tuple[str, ...]
    required: tuple[str, ...]
    """Paths that are there; `a|b`: one of them."""
    leaves: Mapping[str, str]
    """Paths whose text matches, where they are there."""


INSTRUCTION: Final = Shape(
    "sese.023.001",
    "SctiesSttlmTxInstr",
    frozenset({11}),
    ("TxId", "SttlmTpAndAddtlParams", "NbCounts", "Lnkgs", "TradDtls", "FinInstrmId",
     "FinInstrmAttrbts", "QtyAndAcctDtls", "SttlmParams", "StgSttlmInstrDtls", "DlvrgSttlmPties",
     "RcvgSttlmPties", "CshPties", "SttlmAmt", "OthrAmts", "OthrBizPties",
     "AddtlPhysOrRegnDtls", "SplmtryData"),
    ("TxId", "SttlmTpAndAddtlParams/SctiesMvmntTp", "SttlmTpAndAddtlParams/Pmt",
     "TradDtls/SttlmDt/Dt/Dt", "FinInstrmId/ISIN|FinInstrmId/OthrId/Id",
     "QtyAndAcctDtls/SttlmQty/Qty/Unit", "QtyAndAcctDtls/SfkpgAcct/Id", "SttlmParams/SctiesTxTp/Cd"),
    {"TxId": _TEXT35, "SttlmTpAndAddtlParams/SctiesMvmntTp": _MOVEMENT,
     "SttlmTpAndAddtlParams/Pmt": _PAYMENT, "TradDtls/TradDt/Dt/Dt": _DATE,
     "TradDtls/SttlmDt/Dt/Dt": _DATE, "FinInstrmId/ISIN": r"[A-Z]{2}[A-Z0-9]{9}[0-9]",
     "FinInstrmId/OthrId/Id": _TEXT35, "QtyAndAcctDtls/SttlmQty/Qty/Unit": _QUANTITY,
     "QtyAndAcctDtls/SfkpgAcct/Id": _TEXT35, "SttlmAmt/Amt": _AMOUNT,
     "SttlmAmt/CdtDbtInd": "CRDT|DBIT"},
)  # fmt: skip
ADVICE: Final = Shape(
    "sese.024.001",
    "SctiesSttlmTxStsAdvc",
    frozenset({10, 11, 12, 13}),
    ("TxId", "Lnkgs", "PrcgSts", "IfrrdMtchgSts", "MtchgSts", "SttlmSts", "TxDtls", "SplmtryData"),
    ("TxId/AcctOwnrTxId", "PrcgSts|IfrrdMtchgSts|MtchgSts|SttlmSts"),
    {"TxId/AcctOwnrTxId": _TEXT35, "TxId/AcctSvcrTxId": _TEXT35,
     "PrcgSts/Rjctd/Rsn/Cd/Cd": _CODE4, "SttlmSts/Pdg/Rsn/Cd/Cd": _CODE4,
     "SttlmSts/Flng/Rsn/Cd/Cd": _CODE4, "MtchgSts/Umtchd/Rsn/Cd/Cd": _CODE4},
)  # fmt: skip
CONFIRMATION: Final = Shape(
    "sese.025.001",
    "SctiesSttlmTxConf",
    frozenset({9, 10, 11, 12, 13}),
    ("TxIdDtls", "Lnkgs", "AddtlParams", "TradDtls", "FinInstrmId", "FinInstrmAttrbts",
     "QtyAndAcctDtls", "SttlmParams", "StgSttlmInstrDtls", "DlvrgSttlmPties", "RcvgSttlmPties",
     "CshPties", "SttldAmt", "OthrAmts", "OthrBizPties", "AddtlPhysOrRegnDtls", "SplmtryData"),
    ("TxIdDtls/AcctOwnrTxId", "TxIdDtls/SctiesMvmntTp", "TxIdDtls/Pmt", "TradDtls/FctvSttlmDt/Dt",
     "FinInstrmId", "QtyAndAcctDtls/SttldQty/Qty", "QtyAndAcctDtls/SfkpgAcct/Id",
     "SttlmParams/SctiesTxTp"),
    {"TxIdDtls/AcctOwnrTxId": _TEXT35, "TxIdDtls/AcctSvcrTxId": _TEXT35,
     "TxIdDtls/SctiesMvmntTp": _MOVEMENT, "TxIdDtls/Pmt": _PAYMENT,
     "AddtlParams/PrtlSttlm": "PAIN|PARC", "TradDtls/FctvSttlmDt/Dt/Dt": _DATE,
     "QtyAndAcctDtls/SttldQty/Qty/Unit": _QUANTITY,
     "QtyAndAcctDtls/SttldQty/Qty/FaceAmt": _QUANTITY,
     "QtyAndAcctDtls/RmngToBeSttldQty/Unit": _QUANTITY,
     "SttldAmt/Amt": _AMOUNT, "SttldAmt/CdtDbtInd": "CRDT|DBIT"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has its shape."""

    shape: Shape
    version: int
    body: Element
    """Without namespaces."""
    header_id: str
    """The business message identifier of its header, where it came with one."""

    def text(self, path: str) -> str:
        """The text at a path; nothing where it is not there."""
        return (self.body.findtext(path) or "").strip()


def parse(content: bytes, *shapes: Shape) -> Message:
    """The message of a file: a document by itself, or with its business header around it.

    Raises `Unreadable`.
    """
    if len(content) > SIZE_MAX:
        raise Unreadable(f"a message has at most {SIZE_MAX} bytes")
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable(f"not XML that is taken here: {error}") from error
    document = next((one for one in root.iter() if _local(one.tag) == "Document"), None)
    if document is None:
        raise Unreadable("there is no Document in it")
    shape, version = _shape_of(document, shapes)
    header = next((one for one in root.iter() if _local(one.tag) == "BizMsgIdr"), None)
    body = next(iter(document), None)
    if body is None or _local(body.tag) != shape.element:
        raise Unreadable(f"a {shape.name} holds {shape.element}")
    _strip(body)
    if faults := list(faults_of(body, shape)):
        raise Unreadable("; ".join(faults))
    identifier = (header.text or "").strip() if header is not None else ""
    return Message(shape, version, body, identifier)


def faults_of(body: Element, shape: Shape) -> Iterator[str]:
    """In what a message has not its shape."""
    places = [shape.order.index(one.tag) for one in body if one.tag in shape.order]
    if unknown := [one.tag for one in body if one.tag not in shape.order]:
        yield f"unknown parts: {', '.join(unknown)}"
    if places != sorted(places):
        yield "its parts are out of order"
    for paths in shape.required:
        if all(body.find(path) is None for path in paths.split("|")):
            yield f"{paths} is missing"
    for path, pattern in shape.leaves.items():
        for leaf in body.findall(path):
            if not re.fullmatch(pattern, (leaf.text or "").strip(), re.ASCII | re.DOTALL):
                yield f"{path} is not as it should be"


def _shape_of(document: Element, shapes: tuple[Shape, ...]) -> tuple[Shape, int]:
    namespace = document.tag.rpartition("}")[0].removeprefix("{")
    for shape in shapes:
        prefix = f"{BASE}{shape.name}."
        version = namespace.removeprefix(prefix)
        if version != namespace and version.isascii() and version.isdigit():
            if int(version) not in shape.versions:
                known = ", ".join(f"{one:02}" for one in sorted(shape.versions))
                raise Unreadable(f"version {version} of {shape.name}; known are {known}")
            return shape, int(version)
    raise Unreadable(f"{namespace or 'no namespace'} is no message that is taken here")


def _strip(element: Element) -> None:
    for one in element.iter():
        one.tag = _local(one.tag)


def _local(tag: object) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
