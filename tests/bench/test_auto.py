"""The benchmark that makes the table of "auto"."""

import json

import pytest

from bikd_core.bench import auto as bench
from bikd_core.config import ConfigError
from bikd_core.config.auto import TABLE, Measured


@pytest.mark.slow
def test_what_is_measured_is_a_row_of_the_table_and_replaces_that_of_the_same_student(tmp_path):
    [row] = bench.measure(("digits_mlp",), 1, 8, tmp_path)
    measured = Measured.model_validate(row)
    assert measured.student == "digits_mlp"
    assert "digits, batches of 8" in measured.source
    assert 0 < measured.finite_difference_error < 0.2

    table = tmp_path / "auto.json"
    table.write_text(TABLE.read_text(encoding="utf-8"), encoding="utf-8")
    bench.merge([row], table)
    entry = (row["student"], row["device"])
    expected = json.loads(TABLE.read_text(encoding="utf-8"))
    expected[[(old["student"], old["device"]) for old in expected].index(entry)] = row
    assert json.loads(table.read_text(encoding="utf-8")) == expected


def test_a_student_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"'resnet9' is not possible: .* resnet8,"):
        bench.measure(("resnet9",), 1, 8, tmp_path)
