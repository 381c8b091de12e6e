"""What the command line says while a run trains."""

import dataclasses

import pytest

from bikd_core.cli.progress import Reporter
from bikd_core.config import RunConfig
from bikd_core.events import TeacherEpochDone
from tests.made_up import started


def said(capsys, *events):
    """What a report of these events writes to standard error."""
    with Reporter(3, as_json=False) as reporter:
        for event in events:
            reporter.show(event)
    return " ".join(capsys.readouterr().err.split())


def teacher_epoch(epoch, fold=None):
    return TeacherEpochDone(epoch=epoch, epochs=60, seconds=0.1, accuracy=0.5, fold=fold)


@pytest.mark.parametrize(
    ("fold", "sentence", "line"),
    [
        (None, "No stored teacher fits this split, so one is trained first.", "teacher"),
        ((2, 5), "fits this split without fold 2 of 5, so one is", "teacher, fold 2 of 5"),
    ],
)
def test_a_teacher_that_is_trained_first_is_said_with_its_fold(capsys, fold, sentence, line):
    text = said(capsys, teacher_epoch(1, fold), teacher_epoch(2, fold))
    assert text.count(sentence) == 1
    assert f"{line} 2/60" in text


def test_a_run_says_that_its_images_are_judged_out_of_fold(capsys):
    run = started(RunConfig.from_flat({"method": "kd"}))
    text = said(capsys, dataclasses.replace(run, fold_teachers=("a", "b", "c")))
    assert "Teacher: digits-large, 90.0% balanced." in text
    assert "Each training image is judged by the one of 3 teachers that has not seen it." in text
    assert "judged" not in said(capsys, run)
