"""Many writers on the same accounts, in any order: no deadlock, nothing lost, balances right."""

import random
from decimal import Decimal
from functools import partial
from uuid import UUID

from apps.ledger import selectors
from apps.ledger.invariants.journal import balances_are_the_sum_of_their_postings
from apps.ledger.journal import Code, EntryDraft
from apps.ledger.models import JournalEntry
from apps.tenants.models import Tenant
from tests.ledger.cast import at_once, make_draft, post

WRITERS = 20
ROUNDS = 6
NO_ERRORS = [None] * WRITERS
OWNERS = [UUID(int=number) for number in range(1, 7)]


def between(tenant: Tenant, one: UUID, other: UUID, amount: int) -> EntryDraft:
    legs = [
        (Code.CASH_SETTLED, one, "USD", str(amount)),
        (Code.CASH_SETTLED, other, "USD", str(-amount)),
    ]
    return make_draft(tenant.pk, *legs, owner=one, owner_number="")


def run(work: list[list[list[EntryDraft]]]) -> list[BaseException | None]:
    """Every writer posts its batches, all at once; what each of them raised."""

    def write(number: int, batches: list[list[EntryDraft]]) -> None:
        for batch in batches:
            post(*batch, partition=number % 4)

    return at_once([partial(write, *one) for one in enumerate(work)])


def test_twenty_writers_with_accounts_in_any_order(tenant: Tenant) -> None:
    rng = random.Random(7)
    expected = dict.fromkeys(OWNERS, Decimal(0))
    work: list[list[list[EntryDraft]]] = []
    for _ in range(WRITERS):
        batches = []
        for _ in range(ROUNDS):
            batch = []
            for _ in range(rng.randrange(1, 9)):
                one, other = rng.sample(OWNERS, 2)
                amount = rng.randrange(1, 100)
                expected[one] += amount
                expected[other] -= amount
                batch.append(between(tenant, one, other, amount))
            batches.append(batch)
        work.append(batches)
    assert run(work) == NO_ERRORS
    held = {
        owner: selectors.balance(tenant.pk, owner, Code.CASH_SETTLED, "USD") for owner in OWNERS
    }
    assert held == expected
    assert JournalEntry.objects.count() == sum(len(batch) for one in work for batch in one)
    assert balances_are_the_sum_of_their_postings(None).ok


def test_twenty_writers_that_all_open_the_same_accounts(tenant: Tenant) -> None:
    drafts = [between(tenant, OWNERS[0], OWNERS[1], 1) for _ in range(WRITERS)]
    assert run([[[draft]] for draft in drafts]) == NO_ERRORS
    assert selectors.balance(tenant.pk, OWNERS[0], Code.CASH_SETTLED, "USD") == WRITERS


def test_twenty_writers_of_the_same_sources_book_each_once(tenant: Tenant) -> None:
    drafts = [between(tenant, OWNERS[0], OWNERS[1], 1) for _ in range(10)]
    rng = random.Random(11)
    assert run([[rng.sample(drafts, len(drafts))] for _ in range(WRITERS)]) == NO_ERRORS
    assert selectors.balance(tenant.pk, OWNERS[0], Code.CASH_SETTLED, "USD") == 10
