"""Figures that are kept: a row at a time, never losing those of another run of that day."""

import json

from benchmarks import kept


def found(*keys, at="10:00:00", load=0.1):
    return {
        "date": f"2026-11-26T{at}+00:00",
        "machine": {"load_before": load},
        "chapters": [{"key": key, "title": f"{key} at {at}"} for key in keys],
    }


def rows(runs):
    return [
        (run["machine"]["load_before"], [one["key"] for one in run["chapters"]]) for run in runs
    ]


def test_a_row_measured_later_leaves_the_others_with_their_own_machine(tmp_path):
    kept.keep(found("P1.1", "P1.2", "P12"), tmp_path)
    file = kept.keep(found("P4.1", at="11:00:00", load=2.5), tmp_path)

    assert rows(kept.read(file)) == [(0.1, ["P1.1", "P1.2", "P12"]), (2.5, ["P4.1"])]


def test_a_row_measured_anew_is_replaced_whole(tmp_path):
    kept.keep(found("P1.1", "P1.2", "P12"), tmp_path)
    file = kept.keep(found("P1.1", at="11:00:00", load=2.5), tmp_path)

    assert rows(kept.read(file)) == [(0.1, ["P12"]), (2.5, ["P1.1"])]


def test_a_run_whose_rows_were_all_measured_anew_is_gone(tmp_path):
    kept.keep(found("P12"), tmp_path)
    file = kept.keep(found("P12", at="11:00:00", load=2.5), tmp_path)

    assert rows(kept.read(file)) == [(2.5, ["P12"])]


def test_a_file_of_a_single_run_is_read_too(tmp_path):
    file = tmp_path / "2026-11-26.json"
    file.write_text(json.dumps(found("P12")))

    assert rows(kept.read(kept.keep(found("P1.1", at="12:00:00"), tmp_path))) == [
        (0.1, ["P12"]),
        (0.1, ["P1.1"]),
    ]


def test_another_day_has_a_file_of_its_own(tmp_path):
    kept.keep(found("P12"), tmp_path)
    later = found("P12")
    later["date"] = "2026-11-27T00:00:00+00:00"

    assert kept.keep(later, tmp_path).name == "2026-11-27.json"
    assert len(list(tmp_path.iterdir())) == 2
