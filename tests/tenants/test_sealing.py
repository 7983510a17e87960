"""Secrets at rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tenants import sealing
from apps.tenants.exceptions import Unsealable


@given(st.text())
def test_a_secret_comes_back(text):
    sealed = sealing.seal(text)
    assert sealing.unseal(sealed) == text
    assert not text or text not in sealed or len(text) < 4


def test_two_seals_of_a_secret_differ():
    assert sealing.seal("s3cret") != sealing.seal("s3cret")


def test_an_earlier_key_still_opens_and_a_foreign_one_does_not(settings):
    sealed = sealing.seal("s3cret")
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    with pytest.raises(Unsealable):
        sealing.unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert sealing.unseal(sealed) == "s3cret"


def test_what_was_changed_does_not_open():
    sealed = sealing.seal("s3cret")
    with pytest.raises(Unsealable):
        sealing.unseal(sealed[:-4] + "AAAA")


def test_the_field_stands_sealed_and_reads_plain():
    field = sealing.SealedTextField()
    stored = field.get_prep_value("s3cret")
    assert "s3cret" not in stored
    assert field.from_db_value(stored) == "s3cret"
    assert field.get_prep_value("") == ""
