"""`bikd recommend`: what is refused before anything starts, and one that is made for real."""

import json
from statistics import fmean

import pytest

from bikd_core.cli import main
from bikd_core.events import ClassBiasesFitted, EpochDone
from bikd_core.recommend import budget
from bikd_core.store import open_run


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BIKD_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes=0"], "minutes = 0 is not possible: it must be above 0 and at most 10,080."),
        (["--minutes=nan"], "minutes = nan is not possible"),
        (["--out=result.txt"], "its name must end in .json"),
        (["--learning-rate=0.1"], "learning_rate = 0.1 is not possible with recommend"),
        (["--seed=3"], "seed = 3 is not possible with recommend"),
        (["--jobs=0"], "jobs = 0 is not possible"),
        (["--student=resnet8"], "student = 'resnet8' is not possible with digits"),
        (["--dataset=folder:absent"], "absent"),
        (["--imbalance-factor=5000"], "imbalance_factor = '5000'"),
    ],
)
def test_what_is_not_possible_is_said_before_anything_starts(options, said, home, capsys):
    assert main(["recommend", *options]) == 2
    _, err = capsys.readouterr()
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not [*home.rglob("*.json"), *home.rglob("*.jsonl")]


@pytest.mark.slow
def test_a_budget_too_small_says_how_many_minutes_it_takes(home, capsys):
    assert main(["recommend", "--minutes=0.01", "--jobs=1"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("minutes = 0.01 is not possible: 2 trials of each recipe")
    assert "nothing was started" in said
    assert not [*home.rglob("*.json"), *home.rglob("*.jsonl")]


@pytest.mark.slow
def test_a_recommendation_is_made_shown_again_and_its_student_exported(home, capsys, monkeypatch):
    monkeypatch.setattr(budget, "MOST_TRIALS", 2)
    command = ["recommend", "--student=digits_mlp", "--teacher-model=digits_cnn_s", "--jobs=2"]
    assert main([*command, "--epochs=2", "--minutes=60", "--json"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert "trials: 24 of 24" in err
    assert record["num_trials"] == 2
    for name in ("chosen", "reference"):
        one = record[name]
        kind = EpochDone if one["calibration"] == "none" else ClassBiasesFitted
        measured = []
        for run_id in one["runs"]:
            events = open_run(home / "runs", run_id).events()
            measured.append([event for event in events if isinstance(event, kind)][-1])
        for group, field in (("balanced", "accuracy"), ("few", "accuracy_few")):
            expected = fmean(getattr(event, field) for event in measured)
            assert record["groups"][group][name] == pytest.approx(expected)
    assert record["num_test"] == 580

    assert main([*command, "--epochs=2", "--minutes=5"]) == 0
    out, err = capsys.readouterr()
    assert record["sentence"].split(".")[0] in out.replace("\n", " ")
    assert "of 24" not in err  # nothing is trained again
    student = home / "student.safetensors"
    assert main(["export", record["chosen"]["runs"][0], "--student", str(student)]) == 0
    assert student.stat().st_size > 0
