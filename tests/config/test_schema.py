"""The schema of the whole API is valid, and nothing in it was guessed."""

import io

from django.core.management import call_command


def test_the_schema_is_valid_and_without_a_warning() -> None:
    schema = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=schema)
    assert "/api/v1/trades" in schema.getvalue()
