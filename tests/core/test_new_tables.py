"""Migrations by steps make what Django makes of them operation by operation."""

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from apps.core.new_tables import NewTables, Steps

KEY = ("id", models.BigAutoField(primary_key=True))


def operations():
    """New tables, one of which points at another; then every kind of part; then an alteration."""
    owner = models.ForeignKey("toys.Owner", models.CASCADE, related_name="+")
    return [
        migrations.CreateModel("Owner", [KEY]),
        migrations.CreateModel("Toy", [KEY, ("owner", owner), ("size", models.IntegerField())]),
        migrations.AddField("toy", "name", models.CharField(max_length=9, default="")),
        migrations.AddField(
            "owner", "loves", models.ForeignKey("toys.Toy", models.CASCADE, null=True)
        ),
        migrations.AddConstraint(
            "toy", models.CheckConstraint(condition=models.Q(size__gt=0), name="toy_has_a_size")
        ),
        migrations.AddIndex("toy", models.Index(fields=["name", "size"], name="toys_by_name")),
        migrations.RunSQL("COMMENT ON TABLE toys_toy IS 'said last'"),
        migrations.AlterField("toy", "name", models.TextField(default="")),
        migrations.RemoveConstraint("toy", "toy_has_a_size"),
        migrations.AddConstraint(
            "toy", models.CheckConstraint(condition=models.Q(size__gt=1), name="toy_has_a_size")
        ),
    ]


class Toys:
    """A migration of some kind, of an app that is not there."""

    def __init__(self, kind, made):
        self.migration = type("Migration", (kind,), {"operations": made})("0001_toys", "toys")

    def apply(self):
        with connection.schema_editor() as editor:
            return self.migration.apply(ProjectState(), editor)


def made():
    """What PostgreSQL says of the tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT table_name, column_name, data_type, is_nullable, character_maximum_length
               FROM information_schema.columns WHERE table_name LIKE 'toys_%' ORDER BY 1, 2"""
        )
        columns = cursor.fetchall()
        cursor.execute(
            """SELECT conrelid::regclass::text, regexp_replace(conname, '_[0-9a-f]{8}_', '_'),
                      pg_get_constraintdef(oid)
               FROM pg_constraint WHERE conrelid::regclass::text LIKE 'toys_%' ORDER BY 1, 2"""
        )
        constraints = cursor.fetchall()
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'toys_%' ORDER BY 1")
        indexes = cursor.fetchall()
        cursor.execute("SELECT obj_description('toys_toy'::regclass)")
        return columns, constraints, indexes, cursor.fetchone()


@pytest.fixture
def gone(db):
    """Between two ways, nothing is there."""

    def drop():
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE toys_owner, toys_toy CASCADE")

    return drop


def test_steps_make_the_same_tables(gone):
    by_operation = Toys(migrations.Migration, operations()).apply()
    expected = made()
    gone()
    by_steps = Toys(Steps, operations()).apply()

    assert made() == expected
    assert by_steps.models == by_operation.models
    assert expected[1]
    assert expected[3] == ("said last",)


def test_models_are_rendered_once_a_step(db, monkeypatch):
    rendered = []
    render = migrations.state.ModelState.render

    def noted(self, apps):
        rendered.append(self.name)
        return render(self, apps)

    monkeypatch.setattr(migrations.state.ModelState, "render", noted)
    Toys(Steps, operations()).apply()
    assert rendered.count("Toy") == 4  # tables, parts, the alteration, parts
    assert rendered.count("Owner") == 3  # the last parts are not its own


def test_code_in_a_migration_finds_models_that_know_each_other(db):
    related = []

    def look(apps, _editor):
        field = apps.get_model("toys", "Toy")._meta.get_field("owner")
        related.append(field.related_model is apps.get_model("toys", "Owner"))

    last = migrations.AddField("owner", "age", models.IntegerField(default=1))
    Toys(Steps, [*operations(), last, migrations.RunPython(look)]).apply()
    assert related == [True]


def test_new_tables_are_no_more_than_that(db):
    with pytest.raises(TypeError, match="more than a new table"):
        Toys(NewTables, operations()).apply()
