"""`bikd study`: list, run, show."""

import json
from dataclasses import replace

import pytest

from bikd_core.cli import main
from bikd_core.studies.questions import NAMES, learned_weights


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BIKD_HOME", str(tmp_path))
    return tmp_path


def test_the_list_names_every_study_its_question_and_who_asks(capsys):
    assert main(["study", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == [*NAMES]
    assert all(one["question"].endswith("?") and one["why"] for one in listed)
    assert main(["study", "list"]) == 0
    assert "val_size" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "colour"], "study = 'colour' is not possible: it must be one of falsification"),
        (
            ["run", "val_size", "--val-per-class=7"],
            "val_per_class = 7 is not possible with val_size",
        ),
        (["run", "val_size", "--seeds=9-0"], "seeds = '9-0' is not possible"),
        (
            ["run", "val_size", "--student=resnet8"],
            "student = 'resnet8' is not possible with digits",
        ),
        (["run", "stability", "--jobs=0"], "jobs = 0 is not possible"),
        (["run", "stability", "--ray=127.0.0.1:1"], "ray "),
        (["show", "stability", "--dataset=kmnist"], "`bikd study run stability` trains it"),
        (["show", "stability", "--export=all.pdf"], "must end in .csv"),
    ],
)
def test_what_is_not_possible_is_said_before_anything_starts(arguments, said, home, capsys):
    assert main(["study", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not [*home.rglob("*.jsonl")]


@pytest.mark.slow
def test_a_study_is_run_resumed_shown_and_exported(home, capsys, monkeypatch):
    cells = learned_weights.cells("cifar10")[:2]  # KD, and learned weights over it
    small = replace(learned_weights.STUDY, cells=lambda dataset: cells)
    monkeypatch.setattr(learned_weights, "STUDY", small)
    command = ["study", "run", "learned_weights", "--seeds=0", "--epochs=1", "--jobs=1", "--json"]
    assert main([*command, "--student=digits_mlp"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert [row["state"] for row in data["rows"]] == ["finished"] * 2
    assert data["base"]["epochs"] == 1
    assert "To train: 2 runs of 2, 1 at a time: at most" in err
    assert "2 of 2 runs" in err
    assert main([*command, "--student=digits_mlp"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == data
    assert "To train" not in err
    file = home / "rows.csv"
    assert main(["study", "show", "learned_weights", f"--export={file}"]) == 0
    shown = capsys.readouterr().out
    assert "To cite this: Bilevel Distillation Lab" in shown
    assert len(file.read_text().splitlines()) == 3
