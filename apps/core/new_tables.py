"""Migrations without Django's work after each operation.

After every operation Django renders again whatever is related to its model, and what is related to that.
Here this is every model, by way of the tenant; an empty database took twenty seconds instead of two.
"""

from collections.abc import Collection, Hashable, Iterator
from itertools import groupby
from typing import Any

from django.db import migrations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState, StateApps

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
    """Operations of a kind that follow each other are a step, after which their own models are rendered.

    They are new tables, or parts of tables that were there before the step; of whatever else one is a step,
    after which all models are rendered. What is related to a model that was rendered alone still knows the
    one before, whose table and key are the same. Django has that too, and calls the state *delayed*: where code
    of ours runs in a migration it renders all of it first.
    """

    def apply(
        self, project_state: ProjectState, schema_editor: Any, collect_sql: bool = False
    ) -> ProjectState:
        """Take the steps, in order."""
        if collect_sql:  # `sqlmigrate`, which shows each operation by itself
            return super().apply(project_state, schema_editor, collect_sql)
        for kind, step in groupby(self.operations, key=_kind):
            operations = list(step)
            before = project_state.clone()
            rendered = project_state.__dict__.pop("apps", None)
            for operation in operations:
                operation.state_forwards(self.app_label, project_state)
            if rendered is not None and isinstance(kind, str):
                _render(
                    project_state, rendered, {key for one in operations for key in self._of(one)}
                )
            for operation in operations:
                operation.database_forwards(self.app_label, schema_editor, before, project_state)
        return project_state

    def _of(self, operation: Operation) -> Iterator[tuple[str, str]]:
        """The model that an operation makes or changes, if it is one of a model."""
        if isinstance(operation, migrations.CreateModel):
            yield self.app_label, operation.name_lower
        elif isinstance(operation, PARTS) and not isinstance(operation, migrations.RunSQL):
            yield self.app_label, operation.model_name.lower()


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


def _render(state: ProjectState, apps: StateApps, keys: Collection[tuple[str, str]]) -> None:
    """Have these models, and no others, as the state has them by now."""
    with apps.bulk_update():
        for key in keys:
            apps.unregister_model(*key)
    apps.render_multiple([state.models[key] for key in keys])
    state.apps = apps
    state.is_delayed = True


def _kind(operation: Operation) -> Hashable:
    if isinstance(operation, migrations.CreateModel):
        return "tables"
    return "parts" if isinstance(operation, PARTS) else id(operation)
