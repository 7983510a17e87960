"""Migrations without Django's work after each operation.

Django renders again after every operation whatever is related to it. Here that is nearly every model,
by way of the tenant, and an empty database took twenty seconds instead of five.
"""

from collections.abc import Hashable
from itertools import groupby
from typing import Any

from django.db import migrations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

PARTS = (
    migrations.AddConstraint,
    migrations.AddField,
    migrations.AddIndex,
    migrations.RemoveConstraint,
    migrations.RemoveIndex,
    migrations.RunSQL,
)
"""Operations that look at nothing which another one of them does in the same step."""


class Steps(migrations.Migration):
    """Operations of a kind that follow each other are a step: models are rendered once for all of them.

    They are new tables, or parts of tables that were there before the step. Whatever else is a step by itself.
    """

    def apply(
        self, project_state: ProjectState, schema_editor: Any, collect_sql: bool = False
    ) -> ProjectState:
        """Take the steps, in order."""
        if collect_sql:  # `sqlmigrate`, which shows each operation by itself
            return super().apply(project_state, schema_editor, collect_sql)
        for _, step in groupby(self.operations, key=_kind):
            operations = list(step)
            before = project_state.clone()
            project_state.__dict__.pop("apps", None)
            for operation in operations:
                operation.state_forwards(self.app_label, project_state)
            for operation in operations:
                operation.database_forwards(self.app_label, schema_editor, before, project_state)
        return project_state


class NewTables(Steps):
    """A migration that makes new tables and changes none."""

    def apply(
        self, project_state: ProjectState, schema_editor: Any, collect_sql: bool = False
    ) -> ProjectState:
        """Make the tables. Raises `TypeError` for an operation that changes what there is."""
        for operation in self.operations:
            if not isinstance(operation, migrations.CreateModel | migrations.RunSQL):
                raise TypeError(f"{self}: {operation.describe()} is more than a new table")
        return super().apply(project_state, schema_editor, collect_sql)


def _kind(operation: Operation) -> Hashable:
    if isinstance(operation, migrations.CreateModel):
        return "tables"
    return "parts" if isinstance(operation, PARTS) else id(operation)
