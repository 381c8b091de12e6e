"""Ids, names and moments at their limits."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from bikd_core.config import RunConfig
from bikd_core.store import StoreError, create_run
from bikd_core.store.record import MAX_ID_LENGTH, MAX_NAME_LENGTH, RunRecord, is_id, new_id
from tests import made_up


def test_a_name_may_be_as_long_as_the_limit(tmp_path):
    run = made_up.make_run(tmp_path)
    run.rename("n" * MAX_NAME_LENGTH)
    assert run.record().name == "n" * MAX_NAME_LENGTH
    with pytest.raises(StoreError, match=f"at most {MAX_NAME_LENGTH} characters"):
        run.rename("n" * (MAX_NAME_LENGTH + 1))


def test_an_id_may_be_as_long_as_the_limit():
    assert is_id("a" * MAX_ID_LENGTH)
    assert not is_id("a" * (MAX_ID_LENGTH + 1))


def test_an_id_says_what_kind_of_tail_it_was():
    assert new_id(RunConfig.from_flat({"imbalance_factor": 2.5})).startswith("digits-bikd-2_5-s0-")
    natural = RunConfig.from_flat({"imbalance": "natural", "seed": 3})
    assert new_id(natural).startswith("digits-bikd-natural-s3-")


@pytest.mark.parametrize(
    ("year", "is_possible"), [(1970, False), (1971, True), (2999, True), (3000, False)]
)
def test_a_moment_is_one_that_every_system_can_show(tmp_path, year, is_possible):
    values = create_run(tmp_path, RunConfig()).record().model_dump()
    values["created"] = datetime(year, 6, 1, tzinfo=UTC)
    if is_possible:
        assert RunRecord.model_validate(values).created.year == year
        return
    with pytest.raises(ValidationError, match=f"the year {year} is not from 1971 to 2999"):
        RunRecord.model_validate(values)
