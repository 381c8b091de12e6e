"""Some thousand real PNGs go from a folder to a student in use, by the command line alone.

The same folder has broken files in it: what is trained on must not differ.
"""

import json
import shutil

import numpy as np
import pytest
import torch

from bikd_core.cli import main
from bikd_core.data.long_tail import load_split
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.store import list_runs
from bikd_core.students.ask import ask
from tests.data.own.own_pictures import encoded
from tests.data.own.real_pictures import BROKEN, COUNTS, break_some, unseen_picture, write_pictures

NETWORKS = "--student resnet8 --teacher-model resnet8".split()


def looked_at(capsys, folder):
    assert main(["data", "look", str(folder), "--size", "16", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_a_folder_becomes_an_onnx_by_preview_teacher_and_comparison(tmp_path, monkeypatch, capsys):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    for name in ("BIKD_DATA", "BIKD_RUNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    folder = write_pictures(tmp_path / "real")
    whole = looked_at(capsys, folder)
    break_some(folder)
    found = looked_at(capsys, folder)
    assert {row["name"]: row["train"] for row in found["classes"]} == COUNTS
    assert [row["name"] for row in found["classes"]] == list(COUNTS)  # head → tail
    assert dict(found["set_aside"]) == BROKEN
    assert whole["num_set_aside"] == 0
    assert found["dataset"] == whole["dataset"]  # its name holds a hash of all pixels

    data = ["--dataset", found["dataset"]]
    assert main(["teacher", *data, *NETWORKS[2:], "--epochs", "2", "--name", "real"]) == 0
    teacher = ["--teacher", "real", "--epochs", "2", *NETWORKS]
    assert main(["run", "--method", "bikd", *data, *teacher]) == 0
    capsys.readouterr()
    compared = ["compare", *data, *teacher, "--methods", "kd,bikd", "--seeds", "0", "--json"]
    assert main(compared) == 0
    lines = {line["method"]: line for line in json.loads(capsys.readouterr().out)["lines"]}
    assert set(lines) == {"kd", "bikd"}  # which of them leads after two epochs is chance
    kd, bikd = lines["kd"], lines["bikd"]
    lead = bikd["accuracies"][0] - kd["accuracies"][0]
    assert bikd["lead"]["accuracy"]["mean"] == pytest.approx(lead)

    places = Places.from_environment()
    by_method = {run.record().config.method.method: run for run in list_runs(places.runs)}
    assert len(list_runs(places.runs)) == 3  # the comparison took the BiKD run that was there
    run = by_method["bikd"]
    for ending in ("onnx", "pt2"):
        assert main(["export", run.run_id, "--student", str(tmp_path / f"s.{ending}")]) == 0
    split = load_split(run.record().config.data, places.data)
    pixels = split.test.images.float() / 255
    session = onnxruntime.InferenceSession(str(tmp_path / "s.onnx"))
    [scores] = session.run(None, {"images": pixels.numpy()})
    with torch.no_grad():
        expected = torch.export.load(tmp_path / "s.pt2").module()(pixels).numpy()
    assert np.abs(scores - expected).max() <= 1e-4
    last = [event for event in run.events() if isinstance(event, EpochDone)][-1]
    labels = split.test.labels.numpy()
    right = scores.argmax(axis=1) == labels
    accuracies = [right[labels == label].mean() for label in range(len(COUNTS))]
    np.testing.assert_allclose(accuracies, last.accuracy_per_class)
    assert np.mean(accuracies) == pytest.approx(bikd["accuracies"][0])
    card = (tmp_path / "s.md").read_text(encoding="utf-8")
    assert "| airplane | many |" in card

    shutil.rmtree(folder)  # what was opened is enough from now on
    answer = ask(run, places.data, places.teacher_folders(), encoded(unseen_picture("airplane")))
    assert sum(answer.student) == pytest.approx(1)
    assert len(answer.teacher) == len(answer.weights) == len(COUNTS)
