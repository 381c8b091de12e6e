"""A ledger in memory is what its file says, so that whoever goes on chooses alike."""

import pytest

from bikd_core.answer.ledger import MEASURES as ANSWERED
from bikd_core.answer.ledger import Ledger, Result, Run
from bikd_core.studies.executors import MEASURES
from bikd_core.studies.questions import study_named
from bikd_core.studies.results import Kept, StudyLedger
from bikd_core.studies.study import grid_of
from tests.studies.results_of import MADE_BY, outcome

THIRD = 1 / 3


def answer(tmp_path):
    value = Result(dict.fromkeys(ANSWERED, THIRD), dict.fromkeys(ANSWERED, None), THIRD)
    bad = Result({}, {}, 0.123456789, "The loss is not finite.")
    found = {Run("kd", 1): value, Run("kd", 1, True): value._replace(biased={}), Run("ce", 2): bad}
    return (lambda: Ledger(tmp_path / "runs.jsonl", {})), found


def study(tmp_path):
    grid = grid_of(study_named("ablation"), (0, 1), {"dataset": "digits"})
    cell = grid.cells[0].written
    value = Kept(outcome(THIRD, **dict.fromkeys(MEASURES[1:], THIRD)), MADE_BY)
    return (lambda: StudyLedger(tmp_path / "study.jsonl", grid)), {(cell, 0): value}


@pytest.mark.parametrize("kind", [answer, study])
def test_results_that_were_added_are_those_that_are_read(tmp_path, kind):
    opened, found = kind(tmp_path)
    ledger = opened()
    with ledger.held():
        ledger.add(found.items())
    assert ledger.results.keys() == found.keys()
    assert ledger.results == opened().results
