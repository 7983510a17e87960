"""Months of postings: made ahead, guarded like the rest, and never missed by a booking."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction
from django.db.migrations.recorder import MigrationRecorder

from apps.events import registry
from apps.ledger import selectors, services
from apps.ledger.invariants.journal import guards_stand
from apps.tenants.models import Tenant
from tests.ledger.cast import make_draft, post, refused, sql

FAR = datetime(2031, 5, 17, 12, tzinfo=UTC)
NEAR_THE_END = datetime(2031, 5, 28, 12, tzinfo=UTC)


@pytest.fixture
def no_tables_of_2031() -> object:
    """Takes away what a test made: tables are not emptied with the rows."""
    yield
    for (table,) in sql("SELECT c.relname FROM pg_class c WHERE relname ~ '^ledger_posting_203[12]..$'"
                        " AND relkind = 'r'"):  # fmt: skip
        sql(f"ALTER TABLE ledger_posting DETACH PARTITION {table}")
        sql(f"DROP TABLE {table}")


def table_of(entry: object) -> str:
    ((name,),) = sql("SELECT DISTINCT tableoid::regclass::text FROM ledger_posting WHERE entry_id = %s",
                     [entry])  # fmt: skip
    return str(name)


def test_this_month_and_the_next_three_have_a_table(tenant: Tenant) -> None:
    migrated = MigrationRecorder.Migration.objects.get(app="ledger", name="0005_partitions")
    assert services.make_partitions(migrated.applied) == []
    assert selectors.partition_problems(migrated.applied) == []
    booked = post(make_draft(tenant.pk), at=migrated.applied)[0]
    assert table_of(booked.id) == f"ledger_posting_{migrated.applied:%Y%m}"


def test_a_month_without_a_table_is_booked_all_the_same(tenant: Tenant) -> None:
    booked = post(make_draft(tenant.pk), at=FAR)[0]
    assert table_of(booked.id) == "ledger_posting_default"
    assert selectors.partition_problems(FAR) == ["no table for the postings of 2031-05"]


def test_postings_move_into_their_month_when_it_is_made(
    tenant: Tenant, no_tables_of_2031: None
) -> None:
    booked = post(make_draft(tenant.pk), at=FAR)[0]
    before = selectors.entry(tenant.pk, booked.id)
    made = services.make_partitions(FAR)
    assert [month.isoformat() for month in made] == [
        "2031-05-01",
        "2031-06-01",
        "2031-07-01",
        "2031-08-01",
    ]
    assert table_of(booked.id) == "ledger_posting_203105"
    assert selectors.entry(tenant.pk, booked.id) == before
    assert guards_stand(None).ok


def test_years_end_where_they_should(no_tables_of_2031: None) -> None:
    made = services.make_partitions(datetime(2031, 11, 30, 23, 59, tzinfo=UTC))
    assert [month.isoformat() for month in made] == [
        "2031-11-01",
        "2031-12-01",
        "2032-01-01",
        "2032-02-01",
    ]


test_years_end_where_they_should = pytest.mark.usefixtures("tenant")(
    test_years_end_where_they_should
)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET amount = 1", "DELETE FROM {}", "TRUNCATE {}"],
    ids=["an update", "a delete", "a truncate"],
)
def test_a_new_month_refuses(tenant: Tenant, no_tables_of_2031: None, statement: str) -> None:
    services.make_partitions(FAR)
    post(make_draft(tenant.pk), at=FAR)
    with refused("journal_is_append_only"):
        sql(statement.format("ledger_posting_203105"))


def test_the_default_table_keeps_its_guards_when_postings_left_it(
    tenant: Tenant, no_tables_of_2031: None
) -> None:
    post(make_draft(tenant.pk), at=datetime(2035, 1, 1, tzinfo=UTC))
    post(make_draft(tenant.pk), at=FAR)
    services.make_partitions(FAR)
    with refused("journal_is_append_only"):
        sql("DELETE FROM ledger_posting_default")


def test_a_month_that_was_made_by_hand_still_refuses_changes(
    tenant: Tenant, no_tables_of_2031: None
) -> None:
    sql("CREATE TABLE ledger_posting_203105 PARTITION OF ledger_posting "
        "FOR VALUES FROM ('2031-05-01 00:00+00') TO ('2031-06-01 00:00+00')")  # fmt: skip
    post(make_draft(tenant.pk), at=FAR)
    with refused("journal_is_append_only"):
        sql("UPDATE ledger_posting_203105 SET amount = 1")
    check = guards_stand(None)
    assert not check.ok
    assert "ledger_posting_203105 has no working posting_is_booked" in check.failures


def test_a_guard_that_was_switched_off_is_told(tenant: Tenant) -> None:
    try:
        sql("ALTER TABLE ledger_journalentry DISABLE TRIGGER entry_is_append_only")
        failures = guards_stand(None).failures
    finally:
        sql("ALTER TABLE ledger_journalentry ENABLE ALWAYS TRIGGER entry_is_append_only")
    assert list(failures) == ["ledger_journalentry has no working entry_is_append_only"]
    assert guards_stand(None).ok


def test_the_clock_makes_months(tenant: Tenant, no_tables_of_2031: None) -> None:
    (job,) = [one for one in registry.jobs() if one.name == "ledger.make_partitions"]
    job.function(FAR)
    assert selectors.partition_problems(NEAR_THE_END) == []


def test_making_a_month_waits_for_nobody_for_long(tenant: Tenant) -> None:
    settings = sql("SELECT proconfig FROM pg_proc WHERE proname = 'ledger_make_partition'")
    assert "lock_timeout=5s" in settings[0][0]


def test_a_month_is_not_made_by_a_call_that_is_rolled_back(tenant: Tenant) -> None:
    def make_and_regret() -> None:
        with transaction.atomic():
            services.make_partitions(FAR)
            sql("SELECT 1 / 0")

    with pytest.raises(DatabaseError):
        make_and_regret()
    assert selectors.partition_problems(FAR) == ["no table for the postings of 2031-05"]
