"""Take an app's tables back and forth between migrations, inside a test's transaction.

What PostgreSQL defines is as transactional as what it stores: the test's database is as before, once
the test has ended (`db`, not `transactional_db`).
"""

from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def migrate(app: str, name: str) -> None:
    """Take an app there, as if all that was written before had been committed."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    MigrationExecutor(connection).migrate([(app, name)])


def insert(table: str, **row: Any) -> Any:
    """Write a row in whatever shape its table has; its id."""
    columns = ", ".join(f'"{name}"' for name in row)
    places = ", ".join(["%s"] * len(row))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({places}) RETURNING id", list(row.values())
        )
        return cursor.fetchone()[0]
