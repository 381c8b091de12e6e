"""A run's student as a file of each form, used without the lab, and what its card says."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from statsmodels.stats.proportion import proportion_confint

from bikd_core import Recorder
from bikd_core.cli import main
from bikd_core.data.long_tail import load_split
from bikd_core.events import ClassBiasesFitted, EpochDone
from bikd_core.models import MODELS, build
from bikd_core.places import Places
from bikd_core.store import list_runs
from bikd_core.students import files
from bikd_core.students.card import interval, mean_interval
from bikd_core.students.network import Loaded, Student
from tests.data.own.own_pictures import make_folder
from tests.made_up import make_run
from tests.torch_loops import NAMES, TEST, TRAIN, focal

ENDINGS = ("safetensors", "pt2", "onnx")
SMALL = "--imbalance-factor 10 --head-count 60 --epochs 3 --learning-rate 0.2".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with one run by logit adjustment, which predicts from logits less the log prior."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("BIKD_HOME", str(folder))
        assert main(["run", "--method", "logit_adjustment", *SMALL]) == 0
    return folder


@pytest.fixture
def run(home, monkeypatch):
    monkeypatch.setenv("BIKD_HOME", str(home))
    return list_runs(Places.at(home).runs)[-1]


@pytest.fixture
def split(run):
    return load_split(run.record().config.data, Places.from_environment().data)


def exported(run, tmp_path, ending):
    target = tmp_path / f"student.{ending}"
    assert main(["export", run.run_id, "--student", str(target)]) == 0
    return target


def pixels(split):
    return split.test.images.numpy().astype(np.float32) / 255


def accuracies(scores, split):
    is_right, labels = scores.argmax(axis=1) == split.test.labels.numpy(), split.test.labels.numpy()
    return [is_right[labels == label].mean() for label in range(10)]


def last_of(run):
    return [event for event in run.events() if isinstance(event, EpochDone)][-1]


def test_a_pt2_is_the_student_that_the_run_tested(run, split, tmp_path):
    student = torch.export.load(exported(run, tmp_path, "pt2")).module()
    with torch.no_grad():
        scores = student(torch.from_numpy(pixels(split))).numpy()
        one = student(torch.from_numpy(pixels(split)[:1])).numpy()
    np.testing.assert_allclose(accuracies(scores, split), last_of(run).accuracy_per_class)
    np.testing.assert_allclose(one, scores[:1], atol=1e-5)


@pytest.mark.slow
def test_an_onnx_gives_torchs_scores_for_any_batch_size(run, split, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(exported(run, tmp_path, "onnx")))
    [scores] = session.run(None, {"images": pixels(split)})
    np.testing.assert_allclose(accuracies(scores, split), last_of(run).accuracy_per_class)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["class_names"]) == [str(digit) for digit in range(10)]
    assert about["run"] == run.run_id
    student = torch.export.load(exported(run, tmp_path, "pt2")).module()
    for number in (1, 3, 580):
        [found] = session.run(None, {"images": pixels(split)[:number]})
        with torch.no_grad():
            expected = student(torch.from_numpy(pixels(split)[:number])).numpy()
        assert np.abs(found - expected).max() <= 1e-4


def test_a_safetensors_holds_what_the_scores_follow_from(run, split, tmp_path):
    path = exported(run, tmp_path, "safetensors")
    with safetensors.safe_open(path, "pt") as file:
        about = file.metadata()
    mean, std, added = (torch.tensor(json.loads(about[name])) for name in ("mean", "std", "added"))
    assert json.loads(about["class_names"]) == [str(digit) for digit in range(10)]
    network = build(about["model"], 10, 1, 8, torch.Generator())
    network.load_state_dict(safetensors.torch.load_file(path))
    images = (torch.from_numpy(pixels(split)) - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)
    with torch.no_grad():
        scores = network.eval()(images) + added
    np.testing.assert_allclose(accuracies(scores.numpy(), split), last_of(run).accuracy_per_class)
    prior = np.log(np.array(split.class_counts) / sum(split.class_counts))
    np.testing.assert_allclose(added, -prior, rtol=1e-5)


def test_the_card_says_data_protocol_accuracies_and_limits(run, split, tmp_path):
    exported(run, tmp_path, "safetensors")
    card, last = (tmp_path / "student.md").read_text(encoding="utf-8"), last_of(run)
    titles = re.findall(r"^## (.*)$", card, flags=re.MULTILINE)
    assert titles == ["Use", "Data", "Protocol", "Accuracy on the test set", "Limits"]
    assert f"{sum(split.class_counts):,} training images" in card
    assert "| learning_rate | 0.2 |" in card
    assert "(exponential, imbalance factor 10, split seed 0)" in card
    [fitted] = [event for event in run.events() if isinstance(event, ClassBiasesFitted)]
    line = r"^\| (\d) \| \d \| (\w+) \| (\d+) \| (.*?) % of 58 \| (.*?) % to (.*?) % \| (.*?) % \|$"
    rows = re.findall(line, card, flags=re.MULTILINE)
    assert [row[1] for row in rows] == 3 * ["many"] + 4 * ["medium"] + 3 * ["few"]
    for label, _, count, percent, low, high, calibrated in rows:
        assert float(calibrated) == pytest.approx(
            100 * fitted.accuracy_per_class[int(label)], abs=0.051
        )
        accuracy = last.accuracy_per_class[int(label)]
        bounds = proportion_confint(round(58 * accuracy), 58, method="wilson")
        assert int(count) == split.class_counts[int(label)]
        assert [float(v) for v in (percent, low, high)] == pytest.approx(
            [100 * v for v in (accuracy, *bounds)], abs=0.051
        )
    assert f"give {100 * fitted.accuracy:.1f} % balanced" in card
    assert ", 58 of each class;" in card
    line = r"^\| (\w+) \| (\d+) classes \| (.*?) % \| (.*?) % to (.*?) % \|$"
    means = {row[0]: row[1:] for row in re.findall(line, card, flags=re.MULTILINE)}
    assert {name: row[0] for name, row in means.items()} == {
        "balanced": "10",
        "many": "3",
        "medium": "4",
        "few": "3",
    }
    for name, accuracy in (("balanced", last.accuracy), ("few", last.accuracy_few)):
        percent, low, high = map(float, means[name][1:])
        assert percent == pytest.approx(100 * accuracy, abs=0.051)
        assert low < percent < high
    assert "Fewer than 20 training images: " in card


@pytest.mark.parametrize(
    ("shares", "numbers"), [((0.9, 0.2, 0.6), (100, 50, 80)), ((0.98, 0.02, 0.5), (58, 58, 58))]
)
def test_the_interval_of_a_mean_holds_it_about_as_often_as_it_says(shares, numbers):
    draw, truth = np.random.default_rng(0), np.mean(shares)
    drawn = draw.binomial(numbers, shares, (2000, 3))
    held = [low <= truth <= high for low, high in (mean_interval(d, numbers) for d in drawn)]
    assert 0.93 <= np.mean(held) <= 0.98  # near 0 and 1 Wilson's is on the safe side
    assert mean_interval([5], [9]) == pytest.approx(interval(5, 9))


def test_a_card_of_own_pictures_says_how_they_are_cut_and_of_small_classes(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    folder = make_folder(
        tmp_path / "my _pets_", {"a|b": 60, "c": 30, "d": 6}, size=(8, 8), channels=1
    )
    assert main(["run", "--dataset", f"folder:{folder}@8", "--method", "kd", "--epochs", "1"]) == 0
    [run] = list_runs(Places.from_environment().runs)
    exported(run, tmp_path, "safetensors")
    card = (tmp_path / "student.md").read_text(encoding="utf-8")
    assert "my \\_pets\\_ (own pictures" in card
    assert "cut to its middle square and resized to 8×8 pixels (Lanczos)" in card
    assert "alone, 2 to 20 of a class;" in card
    assert "a\\|b | many | " in card
    assert "± " in card.split("## Limits")[1]  # what a test on so few pictures means


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_cards_own_code_loads_the_file(run, split, tmp_path, ending, monkeypatch):
    exported(run, tmp_path, ending)
    card = (tmp_path / "student.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    images = pixels(split)[:2]
    names = {"images": torch.from_numpy(images) if ending == "pt2" else images}
    exec(code, names)
    assert len(names["parameters"]) > 3 if ending == "safetensors" else len(names["scores"]) == 2


# What cannot be exported ------------------------------------------------------------------------


def refused(capsys, *arguments):
    assert main(["export", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_another_ending_and_other_options_are_refused(run, tmp_path, capsys):
    assert "it must end in .safetensors or .pt2 or .onnx" in refused(
        capsys, run.run_id, "--student", tmp_path / "student.pth"
    )
    assert "html is not possible with student" in refused(
        capsys, run.run_id, "--student", tmp_path / "s.pt2", "--html", tmp_path / "run.html"
    )
    assert not list(tmp_path.iterdir())


def test_a_run_without_a_student_says_why(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    runs = Places.from_environment().runs
    stopped = make_run(runs, state="stopped").run_id
    with Recorder(TRAIN.y, NAMES, TEST.y, epochs=1) as recorder:
        focal(recorder, 1)
    target = tmp_path / "student.pt2"
    for run_id, why in ((stopped, "it is stopped"), (recorder.run_id, "its own loop keeps it")):
        assert f"no student to export: {why}." in refused(capsys, run_id, "--student", target)
    assert not target.exists()


def test_without_the_extra_one_sentence_names_the_command(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files, "_is_installed", lambda package: package == "onnx")
    said = refused(capsys, run.run_id, "--student", tmp_path / "student.onnx")
    assert "needs onnxscript and onnxruntime: pip install 'bikd[onnx]'" in said


def test_an_onnx_that_differs_from_torch_is_not_written(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_DIFFERENCE", -1.0)
    said = refused(capsys, run.run_id, "--student", tmp_path / "student.onnx")
    assert "The .onnx differs from torch by" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_mlp", "grey_cnn_l", "resnet8x4", "resnet20_a"])
def test_each_kind_of_network_is_written_and_checked(name, monkeypatch):
    model = MODELS[name]
    network = build(name, 10, model.channels, model.size, torch.Generator().manual_seed(0))
    images = torch.randint(0, 256, (70, model.channels, model.size, model.size), dtype=torch.uint8)
    with torch.no_grad():
        network(images.float() / 255)  # so that batch norm has seen something
    each = (0.5,) * model.channels
    split = SimpleNamespace(mean=each, std=each, test=SimpleNamespace(images=images))
    loaded = Loaded(Student(network, split, torch.zeros(10)), split)
    monkeypatch.setattr(files, "_about", lambda folder, loaded: {})
    for ending in (".pt2", ".onnx"):
        assert len(files._FORMS[ending](None, loaded)) > 10_000
