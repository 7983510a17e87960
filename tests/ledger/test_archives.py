"""Months that are taken out and put back: no number changes, nothing half done, nothing believed unproven."""

import gzip
import json
import os
import resource
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.events.services import replay
from apps.ledger import selectors, services
from apps.ledger.archives import Month
from apps.ledger.exceptions import (
    ArchiveBusy,
    ArchiveDiffers,
    ArchiveMissing,
    ArchiveNotWritten,
    EarlierMonthFirst,
    EntryRefused,
    LedgerBusy,
    MonthArchived,
    MonthIsOpen,
    NotArchived,
    NothingToArchive,
)
from apps.ledger.invariants import INVARIANTS
from apps.ledger.invariants.chain import archived_months_are_as_archived, blocks_are_as_sealed
from apps.ledger.journal import BookedEntry, Code, entry_for_trade, reversal_of
from apps.ledger.models import Archive, JournalEntry
from apps.ledger.selectors import Moment
from apps.ledger.selectors.owners import HANDLER
from apps.ledger.services import archive_files, archiving, sealing
from apps.tenants.models import Tenant, User
from tests.ledger.books import reconcile
from tests.ledger.cast import (
    ACCOUNT,
    at_once,
    guards_off,
    make_draft,
    make_trade,
    post,
    refused,
    sql,
)

JAN, FEB, MAR, APR = (Month(date(2024, number, 1)) for number in (1, 2, 3, 4))
NOW = datetime(2024, 4, 20, tzinfo=UTC)
TABLES = [month.table for month in (JAN, FEB, MAR, APR)]


def day(month: Month, number: int, hour: int = 12) -> datetime:
    return month.starts_at.replace(day=number, hour=hour)


def deposit(
    tenant: Tenant, at: datetime, *, effective: datetime | None = None, **where: Any
) -> None:
    post(make_draft(tenant.pk, effective_at=effective or at), at=at, **where)


@pytest.fixture
def months(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four months of business: trades of two clients, cash, a reversal in a later month; all sealed."""
    monkeypatch.setattr(sealing, "BLOCK", 3)
    for month in (JAN, FEB, MAR, APR):
        sql("SELECT ledger_make_partition(%s)", [month.first])
    for month in (JAN, FEB, MAR):
        trades = [
            entry_for_trade(make_trade(side=side, executed_at=day(month, 5)), tenant=tenant.pk)
            for side in ("buy", "sell")
        ]
        post(*trades, at=day(month, 5), partition=3)
        deposit(tenant, day(month, 9), partition=7)
    draft = make_draft(tenant.pk, effective_at=day(FEB, 28))
    (booked,) = post(draft, at=day(FEB, 28))
    post(reversal_of(BookedEntry(booked.id, booked.booked_at, draft)), at=day(MAR, 2))
    deposit(tenant, day(APR, 1, 0))
    services.seal_blocks(slack=-timedelta(seconds=5))
    yield
    for table in TABLES:
        if sql("SELECT to_regclass(%s)", [table]) != [(None,)]:
            sql(f"ALTER TABLE ledger_posting DETACH PARTITION {table}")
            sql(f"DROP TABLE {table}")


def archive(month: Month, folder: Path, **options: Any) -> Archive:
    return services.archive_month(month, folder=folder, by="test", now=NOW, **options)


def restore(month: Month, folder: Path, **options: Any) -> Archive:
    return services.restore_month(month, folder=folder, by="test", **options)


def broken() -> list[str]:
    """Invariants that do not hold; the trades here were never told, so those of the log are left out."""
    checks = [one(None) for one in INVARIANTS if not one.__module__.endswith(".trading")]
    return [failure for check in checks for failure in check.failures]


def postings() -> list[tuple[Any, ...]]:
    return sql("SELECT p.*, p.amount::text FROM ledger_posting p ORDER BY entry_id, leg")


def balances(tenant: Tenant, at: datetime) -> list[tuple[str, str, Decimal]]:
    found = selectors.balances(tenant.pk, ACCOUNT, as_of=at)
    return [(one.account, one.asset, one.amount) for one in found]


@pytest.mark.usefixtures("months")
class TestAMonthThatIsTakenOut:
    def test_changes_no_number(self, tenant: Tenant, tmp_path: Path) -> None:
        """Of the present and of all times after it; and it comes back bit for bit."""
        before, trial = postings(), selectors.trial_balance(tenant.pk)
        times = [day(FEB, 1, 0), day(FEB, 9), day(MAR, 20), day(APR, 15)]
        told = [balances(tenant, at) for at in times]
        statement = list(
            selectors.statement_lines(tenant.pk, ACCOUNT, since=FEB.starts_at, until=APR.starts_at)
        )
        assert len(statement) == 12
        assert broken() == []

        archive(JAN, tmp_path)
        assert sql("SELECT to_regclass(%s)", [JAN.table]) == [(None,)]
        assert len(postings()) == len(before) - 10
        assert selectors.trial_balance(tenant.pk) == trial
        assert [balances(tenant, at) for at in times] == told
        assert statement == list(
            selectors.statement_lines(tenant.pk, ACCOUNT, since=FEB.starts_at, until=APR.starts_at)
        )
        assert broken() == []

        archive(FEB, tmp_path)
        assert [balances(tenant, at) for at in times[2:]] == told[2:]
        assert broken() == []
        restore(JAN, tmp_path)
        restore(FEB, tmp_path)
        assert postings() == before
        assert [balances(tenant, at) for at in times] == told
        assert broken() == []

    def test_two_times_are_right_or_refused(self, tenant: Tenant, tmp_path: Path) -> None:
        def at(effective: datetime, known: datetime) -> list[Decimal]:
            found = selectors.balances_at(tenant.pk, ACCOUNT, effective=effective, known=known)
            return [one.amount for one in found]

        late = day(MAR, 25)
        deposit(tenant, late, effective=day(FEB, 20))
        deposit(tenant, day(FEB, 27), effective=day(APR, 10))
        services.seal_blocks(slack=-timedelta(seconds=5))
        told = [
            at(day(MAR, 1), day(MAR, 1)),
            at(day(FEB, 20), late),
            at(day(APR, 12), day(APR, 12)),
        ]
        archive(JAN, tmp_path)
        assert told == [
            at(day(MAR, 1), day(MAR, 1)), at(day(FEB, 20), late), at(day(APR, 12), day(APR, 12)),
        ]  # fmt: skip
        archive(FEB, tmp_path)
        assert at(day(APR, 12), day(APR, 12)) == told[2]
        with pytest.raises(MonthArchived):  # what was booked in February, effective in April
            at(day(MAR, 1), day(MAR, 1))
        with pytest.raises(MonthArchived):
            at(FEB.starts_at - timedelta(seconds=30), late)

    def test_is_refused_where_it_would_be_read(
        self, tenant: Tenant, tmp_path: Path, api: APIClient
    ) -> None:
        archive(JAN, tmp_path)
        owner = f"owner={ACCOUNT}"
        for path in (
            f"balances?{owner}&as_of=2024-01-15T00:00:00Z",
            f"balances?{owner}&as_of=2024-01-31T23:59:59.999999Z",
            f"statement?{owner}",
            f"statement?{owner}&from=2024-01-10",
            f"statement?{owner}&from=2023-12-01&to=2024-01-01&format=csv",
            f"statement?{owner}&format=pdf",
        ):
            answer = api.get(f"/api/v1/ledger/{path}")
            assert answer.status_code == 409, path
            problem = answer.json()
            assert (problem["code"], problem["month"]) == ("month_archived", "2024-01")
            assert "restore" in problem["detail"]
        for path in (
            f"balances?{owner}",
            f"balances?{owner}&as_of=2024-02-01T00:00:00Z",
            f"statement?{owner}&from=2024-02-01",
            f"statement?{owner}&from=2024-02-01&format=csv",
            f"statement?{owner}&to=2023-12-30&format=csv",
        ):
            assert api.get(f"/api/v1/ledger/{path}").status_code == 200, path
        listed = api.get(f"/api/v1/ledger/entries?{owner}").json()["results"]
        assert [one["archived"] for one in listed] == [not one["legs"] for one in listed]
        assert [one["archived"] for one in listed].count(True) == 3
        assert {one["restore"] for one in listed} == {None, "manage.py restore_ledger 2024-01"}
        selectors.refuse_archived(tenant.pk, None, FEB.starts_at)
        with pytest.raises(MonthArchived):
            selectors.refuse_archived(tenant.pk, None, day(JAN, 31), day(FEB, 3))

    def test_an_entry_says_where_its_legs_are(
        self, tenant: Tenant, tmp_path: Path, client: Client
    ) -> None:
        """In the back office, too: archived, or missing, but never an empty table."""
        client.force_login(User.objects.create_superuser("boss", password="x"))
        entry, at = sql("SELECT id, booked_at FROM ledger_journalentry ORDER BY booked_at LIMIT 1")[
            0
        ]
        page = reverse("admin:ledger_journalentry_change", args=[entry])
        assert "SEC:UNSETTLED" in client.get(page).content.decode()
        archive(JAN, tmp_path)
        said = client.get(page).content.decode()
        assert "archived with the postings of 2024-01" in said
        assert "manage.py restore_ledger 2024-01" in said
        restore(JAN, tmp_path)
        assert "SEC:UNSETTLED" in client.get(page).content.decode()
        with guards_off("ledger_posting"):
            sql("DELETE FROM ledger_posting WHERE entry_id = %s AND booked_at = %s", [entry, at])
        assert "no archive has them" in client.get(page).content.decode()
        assert not selectors.entry(tenant.pk, entry).archived_month

    def test_says_nothing_of_a_client_that_it_did_not_touch(
        self, tenant: Tenant, tmp_path: Path
    ) -> None:
        archive(JAN, tmp_path)
        someone = make_trade().trade_id
        draft = make_draft(
            tenant.pk,
            (Code.CASH_SETTLED, someone, "USD", "9"),
            (Code.NOSTRO, None, "USD", "-9"),
            owner=someone,
            owner_number="ACC-9",
        )
        post(draft, at=day(APR, 3))
        assert selectors.balances(tenant.pk, someone, as_of=day(JAN, 15)) == []
        lines = selectors.statement_lines(tenant.pk, someone, since=JAN.starts_at, until=NOW)
        assert [one.balance for one in lines if one.account == Code.CASH_SETTLED] == [9]

    def test_is_closed_for_ever(self, tenant: Tenant, tmp_path: Path) -> None:
        archive(JAN, tmp_path)
        for at in (day(JAN, 20), day(JAN, 1) - timedelta(days=400)):
            with pytest.raises(EntryRefused) as caught:
                post(make_draft(tenant.pk), at=at)
            assert caught.value.facts["rule"] == "month_is_closed"
        restore(JAN, tmp_path)
        with pytest.raises(EntryRefused) as caught:
            post(make_draft(tenant.pk), at=day(JAN, 20))
        assert caught.value.facts["rule"] == "month_is_closed"
        with refused("journal_is_append_only"):
            sql(f"DELETE FROM {JAN.table}")

    def test_lets_nobody_reverse_what_he_cannot_see(self, tenant: Tenant, tmp_path: Path) -> None:
        entry = JournalEntry.objects.filter(kind="TRADE").order_by("id")[0]
        trade = make_trade(trade_id=entry.trade_id)
        archive(JAN, tmp_path)
        again = entry_for_trade(trade, tenant=tenant.pk)
        with pytest.raises(MonthArchived):  # neither "booked before" nor "differs": nobody can tell
            post(again)
        legs = [("CASH:SETTLED", ACCOUNT, "USD", "1"), ("NOSTRO", None, "USD", "-1")]
        forged = make_draft(tenant.pk, *legs, kind="REVERSAL", reverses=entry.pk)
        with pytest.raises(MonthArchived):
            post(forged)

    def test_is_told_to_every_tenant_of_it(
        self, tenant: Tenant, other: Tenant, tmp_path: Path
    ) -> None:
        post(make_draft(other.pk), at=day(JAN, 30))
        services.seal_blocks(slack=-timedelta(seconds=5))
        row = archive(JAN, tmp_path)
        restore(JAN, tmp_path)
        told = sql(
            "SELECT tenant_id, name, data ->> 'sha256' FROM events_event WHERE name LIKE"
            " 'ledger.month.%%' ORDER BY name, tenant_id", []
        )  # fmt: skip
        assert told == [
            (one.pk, name, row.sha256)
            for name in ("ledger.month.archived", "ledger.month.restored")
            for one in sorted((tenant, other), key=lambda one: one.pk)
        ]

    def test_makes_no_false_break(self, tenant: Tenant, tmp_path: Path) -> None:
        archive(JAN, tmp_path)
        archive(FEB, tmp_path)
        found = {one["name"]: one for one in reconcile(tenant).checks}
        for name in (
            "entries have all their legs",
            "reversals undo their entries (I9)",
            "balances are marks and postings (I3)",
            "the day's blocks are as they were sealed (I11)",
        ):
            assert (found[name]["status"], found[name]["found"]) == ("clean", 0), name
        services.receive_statement(
            tenant.pk, day=date(2024, 1, 10), kind="nostro", source="B", by="t", balances={}
        )
        run = reconcile(tenant, date(2024, 1, 10))
        (asked,) = [one for one in run.checks if "(I12)" in one["name"]]
        assert (asked["status"], "archived" in asked["missing"]) == ("not_run", True)

    def test_is_left_out_of_a_replay(self, tenant: Tenant, tmp_path: Path) -> None:
        archive(JAN, tmp_path)
        assert replay(HANDLER).differences["legs"] != []  # the other months were never told
        archive(FEB, tmp_path)
        archive(MAR, tmp_path)
        assert replay(HANDLER).differences["legs"] == []


@pytest.mark.usefixtures("months")
class TestRefusals:
    def test_in_their_order(self, tmp_path: Path) -> None:
        with pytest.raises(EarlierMonthFirst):
            archive(FEB, tmp_path)
        with pytest.raises(MonthIsOpen):
            archive(APR, tmp_path)
        with pytest.raises(NothingToArchive):
            archive(JAN.later(-1), tmp_path)
        with pytest.raises(NotArchived):
            restore(JAN, tmp_path)
        assert list(tmp_path.iterdir()) == []
        first = archive(JAN, tmp_path)
        assert archive(JAN, tmp_path).changed_at == first.changed_at, "once is enough"
        restore(JAN, tmp_path)
        with pytest.raises(NotArchived):
            restore(JAN, tmp_path)
        again = archive(JAN, tmp_path)
        assert (again.sha256, again.facts()) == (first.sha256, first.facts())

    def test_what_is_not_sealed_stays(self, tenant: Tenant, tmp_path: Path) -> None:
        post(make_draft(tenant.pk), at=day(JAN, 30))
        with pytest.raises(MonthIsOpen, match="sealed"):
            archive(JAN, tmp_path)

    def test_what_was_tampered_with_is_not_archived(self, tmp_path: Path) -> None:
        """It would otherwise be gone for good, with a file that says what the tamperer says."""
        ((entry,),) = sql(f"SELECT entry_id FROM {JAN.table} ORDER BY entry_id, leg LIMIT 1")
        with guards_off(JAN.table):
            sql(f"UPDATE {JAN.table} SET amount = amount * 2 WHERE entry_id = '{entry}'")
        with pytest.raises(ArchiveDiffers) as caught:
            archive(JAN, tmp_path)
        assert caught.value.facts["entry"] == f"{entry} was changed"
        assert list(tmp_path.iterdir()) == []

    def test_a_posting_that_a_superuser_took_away_is_missed(self, tmp_path: Path) -> None:
        ((entry,),) = sql(f"SELECT max(entry_id::text) FROM {JAN.table}")
        with guards_off(JAN.table):
            sql(f"DELETE FROM {JAN.table} WHERE entry_id = '{entry}'")
        with pytest.raises(ArchiveDiffers):
            archive(JAN, tmp_path)

    def test_two_at_once(self, tenant: Tenant, tmp_path: Path) -> None:
        done = at_once([lambda: archive(JAN, tmp_path)] * 3)
        assert [one for one in done if not isinstance(one, ArchiveBusy)].count(None) >= 1
        assert all(one is None or isinstance(one, ArchiveBusy) for one in done)
        assert Archive.objects.get().postings == 10
        assert broken() == []

    def test_bookings_go_on_meanwhile(self, tenant: Tenant, tmp_path: Path) -> None:
        def book() -> None:
            for _ in range(20):
                post(make_draft(tenant.pk))

        calls = [book, book, lambda: archive(JAN, tmp_path), book]
        assert at_once(calls) == [None] * 4
        assert Archive.objects.count() == 1
        assert broken() == []

    def test_a_reader_that_does_not_end_is_not_waited_for(self, tmp_path: Path) -> None:
        sql("ALTER FUNCTION ledger_take_out SET lock_timeout = '50ms'")
        reader = connection.copy()
        try:
            reader.set_autocommit(False)
            with reader.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM ledger_posting")
            with pytest.raises(LedgerBusy):
                archive(JAN, tmp_path)
        finally:
            reader.close()
            sql("ALTER FUNCTION ledger_take_out SET lock_timeout = '5s'")
        archive(JAN, tmp_path)


STAGES = ["proving", "writing", "reading back", "taking out"]


def after_stage(stage: str, kill: Callable[[], Any]) -> Callable[[str, int], None]:
    def tell(now: str, _postings: int) -> None:
        if now == stage:
            kill()

    return tell


def in_a_child(work: Callable[[], Any]) -> int:
    """Run something in a process of its own that may die; its exit status."""
    connection.close()
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    # Its session ends when PostgreSQL notices: with it goes the lock that it may hold.
    sql("SELECT pg_advisory_lock(%s), pg_advisory_unlock(%s)", [archiving.LOCK, archiving.LOCK])
    return os.waitstatus_to_exitcode(status)


@pytest.mark.usefixtures("months")
class TestKilledAtAnyStep:
    @pytest.mark.parametrize("stage", STAGES)
    def test_a_month_is_archived_or_it_is_not(
        self, tenant: Tenant, tmp_path: Path, stage: str
    ) -> None:
        before = postings()
        code = in_a_child(
            lambda: archive(JAN, tmp_path, tell=after_stage(stage, lambda: os._exit(9)))
        )
        assert code == 9
        assert postings() == before
        assert Archive.objects.count() == 0
        assert broken() == []
        archive(JAN, tmp_path)
        assert broken() == []
        assert sorted(file.name for file in tmp_path.iterdir()) == [JAN.file, JAN.manifest]

    def test_also_inside_the_last_transaction(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = postings()
        monkeypatch.setattr(archiving, "_tenants", lambda _month: os._exit(9))
        assert in_a_child(lambda: archive(JAN, tmp_path)) == 9
        monkeypatch.undo()
        assert (postings(), Archive.objects.count()) == (before, 0)
        archive(JAN, tmp_path)

    @pytest.mark.parametrize("stage", ["loading", "proving"])
    def test_a_month_is_restored_or_it_is_not(self, tmp_path: Path, stage: str) -> None:
        before = postings()
        archive(JAN, tmp_path)
        code = in_a_child(
            lambda: restore(JAN, tmp_path, tell=after_stage(stage, lambda: os._exit(9)))
        )
        assert code == 9
        assert Archive.objects.get().state == "archived"
        assert broken() == []
        restore(JAN, tmp_path)
        assert postings() == before

    def test_a_full_disk_leaves_nothing(self, tmp_path: Path) -> None:
        """A file that may not grow, as on a full disk: an error while writing."""

        def full() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
            with pytest.raises(ArchiveNotWritten):
                archive(JAN, tmp_path)
            os._exit(0)

        before = postings()
        assert in_a_child(full) == 0
        assert list(tmp_path.iterdir()) == []
        assert (postings(), Archive.objects.count()) == (before, 0)

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ArchiveNotWritten):
            archive(JAN, tmp_path / "file")


@pytest.mark.usefixtures("months")
class TestFiles:
    @pytest.fixture
    def folder(self, months: None, tmp_path: Path) -> Path:
        archive(JAN, tmp_path)
        archive(FEB, tmp_path)
        return tmp_path

    @staticmethod
    def refuse(folder: Path, why: type[Exception] = ArchiveDiffers) -> dict[str, Any]:
        """Neither believed nor restored, and nothing has changed."""
        state = sorted(sql("SELECT month, state FROM ledger_archive"))
        for call in (
            lambda: services.verify_archive(JAN, folder=folder),
            lambda: restore(JAN, folder),
        ):
            with pytest.raises(why) as caught:
                call()
        assert sorted(sql("SELECT month, state FROM ledger_archive")) == state
        assert sql("SELECT to_regclass(%s)", [JAN.table]) == [(None,)]
        assert broken() == []
        facts: dict[str, Any] = getattr(caught.value, "facts", {})
        return facts

    def test_are_what_was_sealed(self, folder: Path) -> None:
        row = services.verify_archive(JAN, folder=folder)
        lines = gzip.decompress((folder / JAN.file).read_bytes()).decode().splitlines()
        assert len(lines) == row.postings == 10
        told = json.loads((folder / JAN.manifest).read_text())
        assert told == row.facts()

    def test_that_are_others_are_refused(self, folder: Path) -> None:
        """Of another month, with one bit turned, cut short, with something behind the end, gone."""
        file = folder / JAN.file
        good = file.read_bytes()
        turned = bytearray(good)
        turned[len(good) // 2] ^= 4
        for content in (
            (folder / FEB.file).read_bytes(),
            bytes(turned),
            good[:-9],
            good + gzip.compress(b"more\n"),
            good + b"\x00",
            b"",
        ):
            file.write_bytes(content)
            assert self.refuse(folder)["file"] == JAN.file
        file.unlink()
        self.refuse(folder, ArchiveMissing)
        file.write_bytes(good)
        restore(JAN, folder)

    def test_with_a_manifest_that_was_tampered_with(self, folder: Path) -> None:
        manifest = folder / JAN.manifest
        good = manifest.read_text()
        for field in ("sha256", "postings", "headers", "added"):
            manifest.write_text(json.dumps({**json.loads(good), field: "1"}))
            assert self.refuse(folder)["field"] == field
        for text in ("[]", "{"):
            manifest.write_text(text)
            assert "reason" in self.refuse(folder)
        manifest.unlink()
        self.refuse(folder, ArchiveMissing)

    def test_with_manifest_and_database_tampered_with(self, folder: Path) -> None:
        """A superuser with the disk, too, makes all hashes fit: the sealed blocks still do not."""
        lines = gzip.decompress((folder / JAN.file).read_bytes()).decode().splitlines()
        parts = lines[0].split("\t")
        parts[4] = str(Decimal(parts[4]) + 1)
        forged = "\n".join(["\t".join(parts), *lines[1:], ""]).encode()
        row = Archive.objects.get(pk=JAN.first)
        written = archive_files.write_rows(folder, JAN.file, [forged], archiving.quietly)
        row.sha256, row.rows_sha256, row.bytes = written.sha256, written.rows_sha256, written.bytes
        archive_files.write_manifest(folder, JAN, row.facts())
        with guards_off("ledger_archive"):
            sql("UPDATE ledger_archive SET sha256 = %s, rows_sha256 = %s, bytes = %s WHERE month = %s",
                [row.sha256, row.rows_sha256, row.bytes, JAN.first])  # fmt: skip
        for call in (services.verify_archive, services.restore_month):
            options = {"by": "t"} if call is services.restore_month else {}
            with pytest.raises(ArchiveDiffers) as caught:
                call(JAN, folder=folder, **options)  # type: ignore[operator] # two services
            assert caught.value.facts["entry"] == f"{parts[0]} was changed"
        check = archived_months_are_as_archived(None)
        assert check.failures[0] == "month 2024-01: the log was told of another file"


@pytest.mark.usefixtures("months")
class TestASuperuser:
    """Who switches the triggers off after a month was archived."""

    def test_who_changes_a_header_is_seen(self, tmp_path: Path) -> None:
        archive(JAN, tmp_path)
        ((entry,),) = sql(
            "SELECT id FROM ledger_journalentry WHERE booked_at < %s ORDER BY id LIMIT 1",
            [FEB.starts_at],
        )
        with guards_off("ledger_journalentry"):
            sql("UPDATE ledger_journalentry SET effective_at = now() WHERE id = %s", [entry])
        assert archived_months_are_as_archived(None).failures == [
            "month 2024-01: a header in block 1 is not as it was"
        ]
        with pytest.raises(ArchiveDiffers) as caught:
            services.verify_archive(JAN, folder=tmp_path)
        assert caught.value.facts["entry"] == f"{entry} was changed"

    def test_who_deletes_a_header_is_seen(self, tmp_path: Path) -> None:
        archive(JAN, tmp_path)
        ((entry,),) = sql(
            "SELECT id FROM ledger_journalentry WHERE booked_at < %s ORDER BY id LIMIT 1",
            [FEB.starts_at],
        )
        with guards_off("ledger_journalentry"):
            sql("DELETE FROM ledger_journalentry WHERE id = %s", [entry])
        assert blocks_are_as_sealed(None).failures[0] == f"block 1: entry {entry} is gone"

    def test_who_changes_a_carried_balance_is_seen(self, tmp_path: Path) -> None:
        archive(JAN, tmp_path)
        with guards_off("ledger_archivedbalance"):
            sql("UPDATE ledger_archivedbalance SET amount = amount + 1, closing = closing + 1"
                " WHERE closing IS NOT NULL")  # fmt: skip
        assert any("balance" in failure for failure in broken())

    def test_without_that_is_refused(self, tmp_path: Path) -> None:
        archive(JAN, tmp_path)
        for table in ("ledger_archive", "ledger_archivedbalance"):
            for statement in (
                "UPDATE {0} SET month = month",
                "DELETE FROM {0}",
                "TRUNCATE {0}",
                "INSERT INTO {0} SELECT * FROM {0}",
            ):
                with refused("archives_are_kept"):
                    sql(statement.format(table))


def test_by_hand(months: None, tenant: Tenant, tmp_path: Path) -> None:
    def run(name: str, *months_: str, **options: Any) -> Any:
        out = StringIO()
        call_command(name, *months_, folder=tmp_path, json=True, stdout=out, **options)
        return [(one["month"], one["state"]) for one in json.loads(out.getvalue())]

    assert run("archive_ledger", older_than=13) == [
        ("2024-01", "archived"), ("2024-02", "archived"), ("2024-03", "archived"),
        ("2024-04", "archived"),
    ]  # fmt: skip
    assert run("archive_ledger", verify=True) == run("archive_ledger", list=True)
    assert run("restore_ledger", "2024-02") == [("2024-02", "restored")]
    assert run("archive_ledger", older_than=13) == [], "what was restored stays, until it is named"
    assert run("archive_ledger", "2024-02") == [("2024-02", "archived")]
    out = StringIO()
    call_command("archive_ledger", list=True, folder=tmp_path, stdout=out)
    assert "2024-02: archived: 12 postings of 4 entries" in out.getvalue()
    with pytest.raises(CommandError, match="2023-01"):
        call_command("restore_ledger", "2023-01", folder=tmp_path, stdout=StringIO())
    assert broken() == []


def test_statements_continue_page_by_page(months: None, tenant: Tenant, tmp_path: Path) -> None:
    archive(JAN, tmp_path)
    after: Moment | None = Moment.just_before(FEB.starts_at)
    seen = 0
    while after is not None:
        page = selectors.statement(tenant.pk, ACCOUNT, after=after, until=NOW, limit=3)
        seen += len(page.lines)
        after = page.next
    assert seen == 13
