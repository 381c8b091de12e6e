"""`bikd data look` says what is in somebody's pictures, and `bikd run` trains on them."""

import json
import shutil

import pytest

from bikd_core.cli import main
from bikd_core.config.own_data import known_facts
from bikd_core.places import Places
from bikd_core.store import open_run, run_ids
from bikd_core.store.archive import export_run, import_run
from tests.data.own.own_pictures import make_folder, noise, save


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BIKD_DATA", raising=False)
    monkeypatch.delenv("BIKD_RUNS", raising=False)
    return Places.from_environment()


@pytest.fixture
def scans(tmp_path):
    """Small grey pictures, which the digits' networks take: a run takes seconds."""
    counts = {"Ärger <b>": 30, "ねこ": 9, "c [red]": 3}
    return make_folder(tmp_path / "scans", counts, size=(8, 8), channels=1)


def test_a_folder_is_described_from_head_to_tail(home, scans, capsys):
    (scans / "ねこ" / "broken.png").write_text("no picture")
    assert main(["data", "look", str(scans), "--size", "8"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("scans: 42 grey pictures of 3 classes, resized to 8×8")
    assert out.index("Ärger <b>") < out.index("ねこ") < out.index("c [red]")
    assert "1 file is left out:\n  ねこ/broken.png is not a picture\n" in out
    assert "No picture is there twice, or nearly." in out
    assert "± 50 points. 75 pictures of it in all would make that ± 10." in out
    assert "Networks that take them: digits_mlp, digits_cnn_s, digits_cnn_l." in out
    assert "bikd run --dataset own_scans_" in out


def test_leaks_are_said_first(home, tmp_path, capsys):
    folder = make_folder(tmp_path / "p", {"a": 5, "b": 5, "c": 5}, "train")
    make_folder(folder, {"a": 2, "b": 2, "c": 2}, "test", first_seed=90)
    save(folder / "train" / "a" / "same.png", noise(0))
    save(folder / "test" / "b" / "leak.png", noise(0))
    assert main(["data", "look", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if "are there twice" in line)
    assert lines[start].startswith("2 pictures are there twice, and 0 nearly. 1 of these pairs lie")
    assert lines[start + 1].startswith("A test picture that was trained on makes a result")
    assert lines[start + 2] == (
        "  train/a/0000.png = test/b/leak.png (exact, in train and test, labels 'a' and 'b')"
    )


def test_the_same_as_json(home, scans, capsys):
    assert main(["data", "look", str(scans), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["train"] for row in found["classes"]] == [30, 9, 3]
    assert (found["size"], found["channels"], found["duplicates"]) == (32, 1, [])


def test_of_many_classes_the_first_and_the_last_are_shown(home, tmp_path, capsys):
    folder = make_folder(tmp_path / "many", {f"k{n:02}": 3 for n in range(30)}, size=(8, 8))
    assert main(["data", "look", str(folder), "--most", "4"]) == 0
    out = capsys.readouterr().out
    assert "… 26 more" in out
    assert "k00" in out
    assert "k29" in out
    assert "k15" not in out


@pytest.mark.parametrize("command", [["data", "look"], ["run", "--dataset"]])
def test_bad_input_is_one_sentence(home, tmp_path, capsys, command):
    (tmp_path / "empty").mkdir()
    place = str(tmp_path / "empty")
    given = place if command[0] == "data" else f"folder:{place}"
    assert main([*command, given]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith(f"{place} holds no picture that can be read")
    assert not list(home.data.glob("own/*"))


@pytest.mark.slow
def test_a_run_on_a_folder_is_drawn_where_the_pictures_are_not(
    home, scans, tmp_path, capsys, monkeypatch
):
    options = ["--epochs", "2", "--teacher-model", "digits_mlp", "--student", "digits_mlp"]
    assert main(["run", "--dataset", f"folder:{scans}@8", *options]) == 0
    assert "its accuracy is known only to ± 50 points" in capsys.readouterr().err
    [run_id] = run_ids(home.runs)
    folder = open_run(home.runs, run_id)
    record = folder.record()
    assert record.config.data.dataset.startswith("own_scans_")
    assert str(scans) not in (folder.path / "run.json").read_text()
    assert record.resolved.class_names == ("c [red]", "Ärger <b>", "ねこ")
    assert record.resolved.class_counts == (1, 10, 3)
    path = tmp_path / "run.zip"
    export_run(folder, path)
    shutil.rmtree(home.data)
    monkeypatch.setattr("bikd_core.config.own_data._OWN_FACTS", {})
    elsewhere = import_run(path, tmp_path / "elsewhere")
    facts = known_facts(elsewhere.record().config.data.dataset)
    assert facts.class_names == ("c [red]", "Ärger <b>", "ねこ")
