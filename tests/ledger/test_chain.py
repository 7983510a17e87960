"""The chain of sealed blocks: whatever a stranger changes, the first changed entry is named."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from apps.core.ids import uuid7
from apps.ledger import services
from apps.ledger.chain import GENESIS, chained, first_difference
from apps.ledger.invariants.chain import blocks_are_as_sealed
from apps.ledger.models import Block, JournalEntry
from apps.ledger.services import sealing
from apps.tenants.models import Tenant
from tests.ledger.cast import at_once, guards_off, make_draft, post, sql

NOW = timedelta(0)


@pytest.fixture
def sealed(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Ten entries in blocks of four."""
    monkeypatch.setattr(sealing, "BLOCK", 4)
    post(*(make_draft(tenant.pk) for _ in range(10)))
    assert services.seal_blocks(slack=-timedelta(seconds=5)) == 3
    return list(JournalEntry.objects.for_tenant(tenant).order_by("id").values_list("id", flat=True))


def faults() -> list[str]:
    return list(blocks_are_as_sealed(None).failures)


def test_seals_each_entry_once(sealed: list[UUID], tenant: Tenant) -> None:
    assert list(Block.objects.order_by("number").values_list("entries", flat=True)) == [4, 4, 2]
    assert services.seal_blocks(slack=-timedelta(seconds=5)) == 0
    post(make_draft(tenant.pk))
    assert services.seal_blocks(slack=timedelta(minutes=5)) == 0, "too young: it may have siblings"
    assert services.seal_blocks(slack=-timedelta(seconds=5)) == 1
    assert faults() == []
    assert blocks_are_as_sealed(None).checked == 4


def test_many_seal_at_once(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BLOCK", 2)
    post(*(make_draft(tenant.pk) for _ in range(9)))
    calls = [lambda: services.seal_blocks(slack=-timedelta(seconds=5))] * 4
    assert at_once(calls) == [None] * 4
    services.seal_blocks(slack=-timedelta(seconds=5))
    assert sum(Block.objects.values_list("entries", flat=True)) == 9
    assert faults() == []


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("ledger_posting", "UPDATE ledger_posting SET amount = amount * 2 WHERE entry_id = '{5}'",
         "block 2: entry {5} was changed"),
        ("ledger_journalentry", "UPDATE ledger_journalentry SET effective_at = now() WHERE id = '{1}'",
         "block 1: entry {1} was changed"),
        ("ledger_journalentry", "DELETE FROM ledger_journalentry WHERE id = '{6}'",
         "block 2: entry {6} is gone"),
        ("ledger_posting", "DELETE FROM ledger_posting WHERE entry_id = '{9}' AND leg = 1",
         "block 3: entry {9} was changed"),
        ("ledger_block", "DELETE FROM ledger_block WHERE number = 2",
         "block 3 does not follow block 1: one is missing"),
    ],
)  # fmt: skip
def test_names_the_first_entry_that_was_changed(
    sealed: list[UUID], table: str, change: str, said: str
) -> None:
    with guards_off(table):
        sql(change.format(*sealed))
    assert faults()[0] == said.format(*sealed)


def test_a_chain_that_was_made_anew_differs_from_what_was_told(sealed: list[UUID]) -> None:
    """A superuser changes an entry and re-seals everything after it: the log has kept the hashes."""
    with guards_off("ledger_posting"):
        sql(f"UPDATE ledger_posting SET amount = amount * 2 WHERE entry_id = '{sealed[0]}'")
    with guards_off("ledger_block"):
        previous = GENESIS
        for block in Block.objects.order_by("number"):
            digests, _ = sealing.digests_of(block.low, block.high)
            made = chained(previous, digests)
            Block.objects.filter(pk=block.pk).update(digests=digests, previous=previous, hash=made)
            previous = made
    assert faults()[0] == "block 1 has another hash than was told when it was sealed"


def test_verify_ledger_says_it(sealed: list[UUID]) -> None:
    out = StringIO()
    call_command("verify_ledger", json=True, stdout=out)
    assert json.loads(out.getvalue())["ok"] is True
    with guards_off("ledger_posting"):
        sql(f"UPDATE ledger_posting SET amount = amount * 3 WHERE entry_id = '{sealed[2]}'")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_ledger", json=True, stdout=out)
    report = json.loads(out.getvalue())
    assert (report["ok"], report["first_fault"]) == (
        False,
        f"block 1: entry {sealed[2]} was changed",
    )
    with pytest.raises(SystemExit):
        call_command("verify_ledger", stdout=StringIO())


def test_differences_are_found_by_id() -> None:
    def rows(*pairs: tuple[int, int]) -> bytes:
        return b"".join(UUID(int=a).bytes + UUID(int=b).bytes for a, b in pairs)

    sealed = rows((1, 1), (2, 2), (3, 3))
    cases: list[tuple[bytes, Any]] = [
        (sealed, None),
        (rows((1, 1), (3, 3)), (UUID(int=2), "is gone")),
        (rows((1, 1), (2, 9), (3, 3)), (UUID(int=2), "was changed")),
        (rows((0, 1), (1, 1), (2, 2), (3, 3)), (UUID(int=0), "was put in")),
    ]
    for found, said in cases:
        assert first_difference(sealed, found) == said
    assert chained(GENESIS, sealed) != chained(chained(GENESIS, b""), sealed)
    assert uuid7() != uuid7()
