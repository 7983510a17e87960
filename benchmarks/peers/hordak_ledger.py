"""The ledger's work under django-hordak, as its guide has it: legs through the ORM, one by one."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from moneyed import Money

OWNERS = 100
SEED_ENTRIES = """
INSERT INTO hordak_transaction (uuid, timestamp, date, description)
SELECT gen_random_uuid(), at, at::date, 'seed'
FROM generate_series(1, %s) n, LATERAL (SELECT now() - (%s - n) * interval '1 second') AS t (at)
"""
SEED_LEGS = """
INSERT INTO hordak_leg (uuid, transaction_id, account_id, debit, credit, currency, description)
SELECT gen_random_uuid(), t.id, a.id, CASE a.code WHEN 'street' THEN 1.25 END,
       CASE a.code WHEN '0' THEN 1.25 END, 'USD', ''
FROM hordak_transaction t, hordak_account a
WHERE t.description = 'seed' AND a.code IN ('0', 'street')
"""
_accounts: dict[str, Any] = {}


def _models() -> Any:
    from hordak import models  # noqa: PLC0415 - only the clients that have its settings may

    return models


def prepare() -> None:
    """Open the accounts: an asset and a fee account for the house, a liability for each client."""
    models = _models()
    for number in range(OWNERS):
        models.Account.objects.create(
            name=f"client {number}", type=models.AccountType.liability, code=str(number)
        )
    models.Account.objects.create(name="street", type=models.AccountType.asset, code="street")
    models.Account.objects.create(name="fees", type=models.AccountType.income, code="fees")


def post_one() -> int:
    """One trade's cash: client, street and fee."""
    models = _models()
    if not _accounts:
        _accounts.update({one.code: one for one in models.Account.objects.all()})
    with transaction.atomic():
        entry = models.Transaction.objects.create(description="trade")
        client = _accounts[str(random.randrange(OWNERS))]
        models.Leg.objects.create(transaction=entry, account=client, debit=Money("5007.25", "USD"))
        models.Leg.objects.create(
            transaction=entry, account=_accounts["street"], credit=Money("5005.25", "USD")
        )
        models.Leg.objects.create(
            transaction=entry, account=_accounts["fees"], credit=Money("2.00", "USD")
        )
    return 1


def seed(total: int) -> None:
    """Give one client a long history, in bulk and past the triggers, which would take hours."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(SEED_ENTRIES, [total, total])
        cursor.execute(SEED_LEGS)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("ANALYZE hordak_transaction, hordak_leg")


def balance_as_of(seconds: int) -> int:
    """That client's balance as of some day of its history."""
    client = _models().Account.objects.get(code="0")
    at = datetime.now(UTC) - timedelta(seconds=random.randrange(seconds))
    client.get_balance(as_of=at.date())
    return 1
