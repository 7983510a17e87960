"""A client's statement as a PDF: balances before, every posting, balances after."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final
from uuid import UUID
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from apps.core.money import plain
from apps.ledger import selectors
from apps.ledger.exceptions import StatementTooLong
from apps.ledger.selectors import Balance, Line, Moment, Owner

LINES_MOST: Final = 20_000
"""Some 500 pages; who needs more takes the CSV."""
ROWS_A_TABLE: Final = 500  # a table is laid out as a whole, which takes more than twice for twice
_INK: Final = colors.HexColor("#1c2430")
_RULE: Final = colors.HexColor("#c9d1dc")
_BODY: Final = ParagraphStyle(
    "body", fontName="Helvetica", fontSize=7.5, leading=9.5, textColor=_INK
)
_RIGHT: Final = ParagraphStyle("right", parent=_BODY, alignment=TA_RIGHT, fontName="Courier")
_HEAD: Final = ParagraphStyle("head", parent=_BODY, fontName="Helvetica-Bold")
_HEAD_RIGHT: Final = ParagraphStyle("head right", parent=_HEAD, alignment=TA_RIGHT)
_TITLE: Final = ParagraphStyle("title", parent=_HEAD, fontSize=15, leading=19)
_SECTION: Final = ParagraphStyle("section", parent=_HEAD, fontSize=10, leading=14, spaceBefore=6)
_WIDTHS: Final = [one * mm for one in (28, 28, 22, 62, 31, 34, 30, 32)]
_STYLE: Final = TableStyle(
    [
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, _INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, _RULE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
    ]
)


def pdf_of(tenant: int, owner: Owner, *, since: datetime, until: datetime, named: str) -> bytes:
    """The statement of a period. `named`: the broker's name, for the head of each page.

    Raises `StatementTooLong` where there are more than `LINES_MOST` postings.
    """
    opening = selectors.balances(tenant, owner.id, as_of=Moment.just_before(since))
    closing = selectors.balances(tenant, owner.id, as_of=Moment.just_before(until))
    lines = _lines(tenant, owner.id, since, until)
    story: list[Flowable] = [
        Paragraph(f"Statement of account {escape(owner.number)}", _TITLE),
        Paragraph(f"{_period(since, until)}, by time of booking (UTC). Account {owner.id}.", _BODY),
        Paragraph("Balances before", _SECTION),
        _balances(opening),
        Paragraph(f"Postings ({len(lines):,})", _SECTION),
        *_postings(lines),
        Paragraph("Balances after", _SECTION),
        _balances(closing),
        Spacer(1, 4 * mm),
        Paragraph(
            "Positive amounts are the client's claim (debit). Units of an instrument are an asset"
            " like a currency. Every line is one leg of a journal entry whose legs sum to zero.",
            _BODY,
        ),
    ]
    return _render(story, f"{named}: statement of {owner.number}")


def _lines(tenant: int, owner: UUID, since: datetime, until: datetime) -> list[Line]:
    found: list[Line] = []
    for line in selectors.statement_lines(tenant, owner, since=since, until=until):
        if len(found) == LINES_MOST:
            raise StatementTooLong(most=LINES_MOST)
        found.append(line)
    return found


def _period(since: datetime, until: datetime) -> str:
    begin = "the beginning" if since.year <= 1970 else f"{since:%Y-%m-%d %H:%M}"  # noqa: PLR2004 - the widest period
    end = "now" if until.year >= 9999 else f"{until:%Y-%m-%d %H:%M}"  # noqa: PLR2004 - same
    return f"From {begin} to {end}"


def _balances(found: Sequence[Balance]) -> Flowable:
    if not found:
        return Paragraph("None.", _BODY)
    rows = [["Account", "Asset", "Balance"]]
    rows += [[one.account, one.asset, plain(one.amount)] for one in found]
    return _table(rows, [50 * mm, 40 * mm, 50 * mm], right=(2,))


def _postings(lines: Sequence[Line]) -> Iterator[Flowable]:
    if not lines:
        yield Paragraph("None.", _BODY)
    head = ["Effective", "Booked", "Kind", "Source", "Account", "Asset", "Amount", "Balance"]
    for start in range(0, len(lines), ROWS_A_TABLE):
        rows = [
            [
                f"{one.effective_at:%Y-%m-%d %H:%M:%S}",
                f"{one.booked_at:%Y-%m-%d %H:%M:%S}",
                one.kind.replace("_", " "),  # so that it breaks between words
                one.source,
                one.account,
                one.asset,
                plain(one.amount),
                plain(one.balance),
            ]
            for one in lines[start : start + ROWS_A_TABLE]
        ]
        yield _table([head, *rows], _WIDTHS, right=(6, 7))


def _table(rows: list[list[str]], widths: list[float], *, right: Sequence[int]) -> Table:
    head, *body = rows
    cells = [
        [
            Paragraph(escape(text), _HEAD_RIGHT if column in right else _HEAD)
            for column, text in enumerate(head)
        ]
    ]
    cells += [
        [
            Paragraph(escape(text), _RIGHT if column in right else _BODY)
            for column, text in enumerate(row)
        ]
        for row in body
    ]
    table = Table(cells, colWidths=widths, repeatRows=1, hAlign="LEFT")
    table.setStyle(_STYLE)
    return table


def _render(story: list[Flowable], title: str) -> bytes:
    file = BytesIO()
    document = BaseDocTemplate(
        file,
        pagesize=landscape(A4),
        leftMargin=15 * mm,
        rightMargin=15 * mm,
        topMargin=18 * mm,
        bottomMargin=14 * mm,
        title=title,
    )
    width, height = landscape(A4)
    frame = Frame(15 * mm, 14 * mm, width - 30 * mm, height - 32 * mm, id="page")

    def furniture(canvas: Canvas, page: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 7)
        canvas.setFillColor(_INK)
        canvas.drawString(15 * mm, height - 11 * mm, title)
        canvas.drawRightString(width - 15 * mm, 8 * mm, f"Page {page.page}")
        canvas.restoreState()

    document.addPageTemplates([PageTemplate(id="all", frames=[frame], onPage=furniture)])
    document.build(story)
    return file.getvalue()
