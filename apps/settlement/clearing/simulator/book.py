"""The simulator's book: instructions, what will happen to them, what is to be told, what is held.

SQLite in a file: one process, one thread, and nothing is forgotten when it is killed.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4, uuid5

import msgspec

from apps.core.money import exact, plain, round_to, scale_of
from apps.settlement.clearing import wire
from apps.settlement.clearing.protocol import NoticeKind
from apps.settlement.clearing.simulator.behaviour import Act

SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS instruction (
    participant INTEGER, id TEXT, wanted TEXT, reference TEXT, status TEXT, code TEXT, detail TEXT,
    quantity TEXT DEFAULT '0', amount TEXT DEFAULT '0', way TEXT, PRIMARY KEY (participant, id));
CREATE TABLE IF NOT EXISTS act (
    at REAL, participant INTEGER, id TEXT, act TEXT);
CREATE INDEX IF NOT EXISTS act_at ON act (at);
CREATE TABLE IF NOT EXISTS telling (
    at REAL, participant INTEGER, notice TEXT, tries INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS telling_at ON telling (at);
CREATE TABLE IF NOT EXISTS holding (
    participant INTEGER, account TEXT, asset TEXT, amount TEXT,
    PRIMARY KEY (participant, account, asset));
"""
LACK: Final = "LACK"
PART: Final = Decimal("0.6")
REPEAT_SECONDS: Final = 0.05
_notice = msgspec.json.Decoder(wire.Told).decode
_act = msgspec.json.Decoder(Act).decode
_wanted = msgspec.json.Decoder(wire.Wanted).decode


@dataclass(frozen=True, slots=True)
class Telling:
    """A notice on its way."""

    row: int
    participant: int
    notice: wire.Told
    tries: int


class Book:
    """The book of one simulator."""

    def __init__(self, file: Path | None) -> None:
        """Open the file; without one the book is in memory."""
        self._db = sqlite3.connect(str(file) if file else ":memory:", isolation_level=None)
        self._db.executescript(SCHEMA)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def accept(
        self, participant: int, wanted: wire.Wanted, way: str, acts: Sequence[Act], now: float
    ) -> wire.Result:
        """Take an instruction, once: again it is answered as before, and changed it is refused."""
        text = wire.encode(wanted).decode()
        known = self._db.execute(
            "SELECT wanted FROM instruction WHERE participant = ? AND id = ?",
            [participant, str(wanted.id)],
        ).fetchone()
        if known is not None:
            if known[0] != text:
                return wire.Result(
                    wanted.id, "rejected", code="REFE", detail="another instruction has this id"
                )
            return self.result(participant, wanted.id)
        refused = way == "reject"
        self._db.execute(
            "INSERT INTO instruction (participant, id, wanted, reference, status, code, detail, way)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                participant, str(wanted.id), text, f"SIM-{uuid5(wanted.id, 'reference').hex[:16]}",
                "rejected" if refused else "accepted", "DSEC" if refused else "",
                "unknown security" if refused else "", way,
            ],
        )  # fmt: skip
        self._db.executemany(
            "INSERT INTO act VALUES (?, ?, ?, ?)",
            [
                (now + act.after, participant, str(wanted.id), msgspec.json.encode(act).decode())
                for act in acts
            ],
        )
        return self.result(participant, wanted.id)

    def result(self, participant: int, uid: UUID) -> wire.Result:
        """How an instruction stands."""
        row = self._db.execute(
            "SELECT reference, status, code, detail, quantity, amount FROM instruction"
            " WHERE participant = ? AND id = ?",
            [participant, str(uid)],
        ).fetchone()
        if row is None:
            return wire.Result(uid, "absent")
        reference, status, code, detail, quantity, amount = row
        settled = Decimal(quantity)
        return wire.Result(
            uid, status, reference, code, detail,
            settled or None, Decimal(amount) if settled else None,
        )  # fmt: skip

    def cancel(self, participant: int, uid: UUID, *, granted: bool) -> wire.Result:
        """Withdraw what has not settled."""
        found = self.result(participant, uid)
        if found.status != "accepted":
            return found
        if not granted:
            return msgspec.structs.replace(found, status="refused", code="DCAN")
        where = [participant, str(uid)]
        self._db.execute(
            "UPDATE instruction SET status = 'cancelled' WHERE participant = ? AND id = ?", where
        )
        self._db.execute("DELETE FROM act WHERE participant = ? AND id = ?", where)
        return self.result(participant, uid)

    def play(self, now: float) -> int:
        """Let everything happen whose time has come; how much that was."""
        rows = self._db.execute(
            "SELECT rowid, participant, id, act FROM act WHERE at <= ? ORDER BY at LIMIT 500", [now]
        ).fetchall()
        if not rows:
            return 0
        with self.writing(), exact():
            for row, participant, uid, text in rows:
                self._db.execute("DELETE FROM act WHERE rowid = ?", [row])
                self._happen(participant, uid, _act(text), now)
        return len(rows)

    def tellings(self, now: float, limit: int) -> list[Telling]:
        """What is to be told by now."""
        rows = self._db.execute(
            "SELECT rowid, participant, notice, tries FROM telling WHERE at <= ? ORDER BY at LIMIT ?",
            [now, limit],
        ).fetchall()
        return [Telling(row, who, _notice(text), tries) for row, who, text, tries in rows]

    def told(self, done: Sequence[Telling]) -> None:
        """These were taken."""
        with self.writing():
            self._db.executemany(
                "DELETE FROM telling WHERE rowid = ?", [(one.row,) for one in done]
            )

    def put_off(self, failed: Sequence[Telling], now: float) -> None:
        """These were not: they are told again, later each time."""
        with self.writing():
            self._db.executemany(
                "UPDATE telling SET at = ?, tries = tries + 1 WHERE rowid = ?",
                [(now + min(0.25 * 2 ** min(one.tries, 6), 10.0), one.row) for one in failed],
            )

    def next_at(self) -> float | None:
        """When there is something to do again."""
        row = self._db.execute(
            "SELECT min(at) FROM (SELECT min(at) AS at FROM act UNION ALL"
            " SELECT min(at) FROM telling)"
        ).fetchone()
        found: float | None = row[0]
        return found

    def holdings(self, participant: int) -> list[wire.Held]:
        """What is held for a participant."""
        rows = self._db.execute(
            "SELECT account, asset, amount FROM holding WHERE participant = ? ORDER BY 1, 2",
            [participant],
        )
        return [wire.Held(account, asset, Decimal(amount)) for account, asset, amount in rows]

    def counts(self) -> dict[str, int]:
        """How many instructions there are, by status and by the way they go."""
        rows = self._db.execute("SELECT status, way, count(*) FROM instruction GROUP BY 1, 2")
        found: dict[str, int] = {}
        for status, way, count in rows:
            found[status] = found.get(status, 0) + count
            name = f"way:{way or 'well'}"
            found[name] = found.get(name, 0) + count
        found["tellings"] = self._db.execute("SELECT count(*) FROM telling").fetchone()[0]
        found["acts"] = self._db.execute("SELECT count(*) FROM act").fetchone()[0]
        return found

    def _happen(self, participant: int, uid: str, act: Act, now: float) -> None:
        row = self._db.execute(
            "SELECT wanted, status, quantity, amount FROM instruction"
            " WHERE participant = ? AND id = ?",
            [participant, uid],
        ).fetchone()
        if row is None or row[1] != "accepted":
            return
        wanted = _wanted(row[0])
        if act.what == "failing":
            self._db.execute(
                "UPDATE instruction SET code = ? WHERE participant = ? AND id = ?",
                [LACK, participant, uid],
            )
            self._tell(participant, wanted, NoticeKind.FAILING, now, code=LACK)
        elif act.what == "bounce":
            self._db.execute(
                "UPDATE instruction SET status = 'rejected', code = 'CMIS'"
                " WHERE participant = ? AND id = ?",
                [participant, uid],
            )
            self._tell(participant, wanted, NoticeKind.REJECTED, now, code="CMIS")
        else:
            self._settle(participant, wanted, (Decimal(row[2]), Decimal(row[3])), act, now)

    def _settle(
        self, participant: int, wanted: wire.Wanted, before: tuple[Decimal, Decimal], act: Act,
        now: float,
    ) -> None:  # fmt: skip
        quantity, amount = wanted.quantity - before[0], wanted.amount - before[1]
        if act.what == "part" and (part := _part(wanted.quantity)):
            share = wanted.amount * part / wanted.quantity
            quantity, amount = part, round_to(share, scale_of(wanted.currency))
        status = "settled" if before[0] + quantity == wanted.quantity else "accepted"
        self._db.execute(
            "UPDATE instruction SET status = ?, quantity = ?, amount = ?, code = ''"
            " WHERE participant = ? AND id = ?",
            [
                status, plain(before[0] + quantity), plain(before[1] + amount), participant,
                str(wanted.id),
            ],
        )  # fmt: skip
        sign = 1 if wanted.movement == "receive" else -1
        self._hold(participant, wanted.account, wanted.symbol, sign * quantity)
        self._hold(participant, wanted.account, wanted.currency, -sign * amount)
        kind = NoticeKind.SETTLED if status == "settled" else NoticeKind.PARTIAL
        stated = amount + 1 if act.wrongly else amount
        for count in range(act.told):
            self._tell(
                participant, wanted, kind, now + count * REPEAT_SECONDS,
                moved=(quantity, stated), number=plain(before[0]),
            )  # fmt: skip
        if act.strayed:
            stray = msgspec.structs.replace(wanted, id=uuid4())
            self._tell(participant, stray, kind, now, moved=(quantity, amount))

    def _hold(self, participant: int, account: str, asset: str, change: Decimal) -> None:
        row = self._db.execute(
            "SELECT amount FROM holding WHERE participant = ? AND account = ? AND asset = ?",
            [participant, account, asset],
        ).fetchone()
        amount = Decimal(row[0] if row else 0) + change
        self._db.execute(
            "INSERT INTO holding VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET amount = excluded.amount",
            [participant, account, asset, plain(amount)],
        )

    def _tell(
        self,
        participant: int,
        wanted: wire.Wanted,
        kind: NoticeKind,
        at: float,
        *,
        code: str = "",
        moved: tuple[Decimal, Decimal] | None = None,
        number: str = "",
    ) -> None:
        notice = wire.Told(
            id=f"N-{uuid5(wanted.id, f'{kind}:{number}').hex}",
            instruction=str(wanted.id),
            kind=kind,
            at=datetime.fromtimestamp(int(at), UTC),
            quantity=moved[0] if moved else None,
            amount=moved[1] if moved else None,
            code=code,
        )
        self._db.execute(
            "INSERT INTO telling (at, participant, notice) VALUES (?, ?, ?)",
            [at, participant, wire.encode(notice).decode()],
        )


def _part(quantity: Decimal) -> Decimal:
    """The first of two parts, in as many decimals as the whole; nothing where there is only one unit."""
    exponent = Decimal(1).scaleb(min(int(quantity.as_tuple().exponent), 0))
    part = (quantity * PART).quantize(exponent, ROUND_DOWN)
    return part if part < quantity else Decimal(0)
