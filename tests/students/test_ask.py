"""A run's networks asked about a picture: their beliefs as the run was tested, and the weights."""

import base64
import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from bikd_core.cli import main
from bikd_core.data.long_tail import load_split
from bikd_core.events import ClassBiasesFitted, EpochDone, RunStarted
from bikd_core.models import build
from bikd_core.places import ASSETS, Places
from bikd_core.runs.child import environment
from bikd_core.store import list_runs
from bikd_core.students import last_weights
from bikd_core.students.__main__ import serve
from bikd_core.students.ask import NumberedPicture, ask
from bikd_core.students.network import method_of
from bikd_core.students.picture_answer import NoAnswer
from bikd_core.teachers.parameter_files import read_parameters
from tests.data.own.own_pictures import encoded, noise, png_header

SMALL = "--epochs 3 --head-count 60 --imbalance-factor 10 --learning-rate 0.2".split()
METHODS = {
    "bikd": ["--method", "bikd"],
    "relative": "--over prior_kd --weight-scale relative --class-shifts each".split(),
    "warm_up": "--method bikd --warm-up 3".split(),
    "shuffled": "--method bikd --weights-used shuffled".split(),
    "folds": "--method bikd --teacher-folds 2".split(),
    "meta_weight_net": ["--method", "meta_weight_net"],
    "kd": "--method kd --kd-alpha 0.3".split(),
    "ce": ["--method", "ce"],
    "wsl": ["--method", "wsl"],
    "logit_adjustment": ["--method", "logit_adjustment"],
}
A_NINE = NumberedPicture(label=9, number=4)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def run_of(home):
    """Train a run of a method once, and return its folder."""
    made = {}

    def run(name):
        if name not in made:
            with pytest.MonkeyPatch.context() as monkeypatch:
                monkeypatch.setenv("BIKD_HOME", str(home))
                assert main(["run", *METHODS[name], *SMALL]) == 0
            made[name] = list_runs(Places.at(home).runs)[0]
        return made[name]

    return run


@pytest.fixture
def answer(home, run_of):
    """Ask about a picture."""

    def answer(name, picture=A_NINE, teachers=None, run=None):
        places = Places.at(home)
        folders = places.teacher_folders() if teachers is None else teachers
        return ask(run or run_of(name), places.data, folders, picture)

    return answer


def copy_of(run, tmp_path, *left_out):
    """A run's folder without some of its parts."""
    shutil.copytree(run.path, tmp_path / run.run_id, ignore=shutil.ignore_patterns(*left_out))
    return type(run)(tmp_path / run.run_id)


def last_of(run, kind=EpochDone):
    return [event for event in run.events() if isinstance(event, kind)][-1]


def test_beliefs_are_those_that_the_run_was_tested_by(answer, run_of, home):
    run, label = run_of("logit_adjustment"), 8
    asked = [answer("logit_adjustment", NumberedPicture(label, n)) for n in range(58)]
    found = np.bincount([np.argmax(one.student) for one in asked], minlength=10)
    assert found.tolist() == run.frame(3).confusion[label].tolist()
    right = np.mean([np.argmax(one.calibrated) == label for one in asked])
    assert right == pytest.approx(last_of(run, ClassBiasesFitted).accuracy_per_class[label])
    assert all(sum(one.student) == pytest.approx(1) for one in asked)
    assert any("what its method adds" in note for note in asked[0].notes)


def test_the_teacher_and_both_losses_follow_from_the_networks_own_logits(answer, run_of, home):
    run = run_of("bikd")
    split = load_split(run.record().config.data, Places.at(home).data)
    pixels = split.test.images[split.test.labels == 9][4].float() / 255
    image = (pixels - split.mean[0]) / split.std[0]
    teacher = last_of(run, RunStarted).teacher
    [path] = [
        folder / f"{teacher}.safetensors"
        for folder in (ASSETS / "teachers", home / "teachers")
        if (folder / f"{teacher}.safetensors").is_file()
    ]
    found = answer("bikd")
    for file, model, belief, losses in (
        (run.student_path, "student", found.student, found.ce_student),
        (path, "teacher_model", found.teacher, found.ce_teacher),
    ):
        name = getattr(run.record().config.models, model)
        network = build(name, 10, 1, 8, torch.Generator())
        network.load_state_dict(read_parameters(file))
        with torch.no_grad():
            logits = network.eval()(image[None])[0].double().numpy()
        expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        np.testing.assert_allclose(belief, expected, atol=1e-6)
        np.testing.assert_allclose(losses, -np.log(expected), atol=1e-5)
    assert found.label == 9


# Weights ----------------------------------------------------------------------------------------


def by_hand(run, inputs):
    """What the weight net of a checkpoint answers to losses (C, 2), in numpy: (C, J)."""
    tensors = run.load_checkpoint().tensors
    values = np.asarray(inputs, dtype=np.float64)
    numbers = sorted({int(name.split(".")[3]) for name in tensors if ".weight_net." in name})
    for number in numbers:
        weight, bias = (
            tensors[f"method.weight_net.layers.{number}.{what}"] for what in ("weight", "bias")
        )
        values = values @ weight.T.astype(np.float64) + bias
        if number != numbers[-1]:
            values = np.tanh(values)
    return values


def test_the_weight_nets_weights_are_exact_and_the_surface_is_near_them(answer, run_of, tmp_path):
    run, found = run_of("bikd"), answer("bikd")
    out = by_hand(run, np.stack([found.ce_student, found.ce_teacher], axis=1))
    np.testing.assert_allclose(found.weights, 1 / (1 + np.exp(-out)), atol=1e-5)
    assert found.weights_from == "weight_net"
    read = answer("bikd", run=copy_of(run, tmp_path, "checkpoint"))
    assert read.weights_from == "surface"
    np.testing.assert_allclose(read.weights, found.weights, atol=5e-3)
    assert not any(read.is_outside)
    assert np.ptp([weights[0] for weights in found.weights]) > 0.02  # labels make a difference


def test_relative_weights_are_over_the_epochs_mean_and_see_the_shifted_loss(
    answer, run_of, tmp_path
):
    run, found = run_of("relative"), answer("relative")
    split = load_split(run.record().config.data, Places.from_environment().data)
    logits = -np.array(found.ce_student)  # up to a constant, which a softmax does not see
    shifted = logits + last_of(run).shift_hard_per_class
    seen = np.log(np.exp(shifted).sum()) - shifted
    assert np.abs(seen - found.ce_student).max() > 0.1
    out = by_hand(run, np.stack([seen, found.ce_teacher], axis=1))
    expected = np.exp(3 * np.tanh(out / 3)) / run.frame(3).raw_mean
    np.testing.assert_allclose(found.weights, expected, rtol=1e-4)
    read = answer("relative", run=copy_of(run, tmp_path, "checkpoint"))
    assert read.weights_from == "surface"
    np.testing.assert_allclose(read.weights, expected, rtol=2e-2)
    assert any("with the class prior" in note for note in read.notes)
    assert len(split.class_counts) == len(found.weights)


def test_a_method_with_one_loss_has_one_weight(answer, run_of, tmp_path):
    found = answer("meta_weight_net")
    assert found.teacher is None
    assert np.shape(found.weights) == (10, 1)
    read = answer("meta_weight_net", run=copy_of(run_of("meta_weight_net"), tmp_path, "checkpoint"))
    np.testing.assert_allclose(read.weights, found.weights, atol=2e-3)


def test_methods_without_a_weight_net_say_theirs(answer):
    assert np.array(answer("kd").weights) == pytest.approx(np.tile([0.3, 0.7], (10, 1)))
    assert answer("ce").weights == ((1.0,),) * 10
    assert answer("ce").teacher is None
    found = answer("wsl")
    behind = np.array(found.ce_student) / np.array(found.ce_teacher)
    soft = 2.5 * 16 * (1 - np.exp(-behind))  # temperature 4
    np.testing.assert_allclose(np.array(found.weights)[:, 1], soft, rtol=1e-4, atol=1e-4)
    assert {one.weights_from for one in (found, answer("kd"), answer("ce"))} == {"objective"}


def test_before_a_weight_net_learns_all_pictures_have_one_weight(answer):
    assert answer("warm_up").weights == ((0.5, 0.5),) * 10
    assert answer("warm_up").weights_from == "before_learning"


def test_weights_that_the_student_did_not_use_are_said_to_be_others(answer):
    assert any("weights_used = shuffled" in note for note in answer("shuffled").notes)


def test_a_loss_beyond_the_surface_is_said_by_label(run_of, tmp_path):
    run = copy_of(run_of("bikd"), tmp_path, "checkpoint")
    config = run.record().config
    split = load_split(config.data, Places.from_environment().data)
    student, teacher = torch.zeros(10), torch.zeros(10)
    student[3] = 12.0  # label 3: below 0.001 nats; all others: 12 nats
    args = (run, last_of(run), method_of(config, split))
    found = last_weights.last_weights(*args, student, teacher)
    assert found.is_outside.tolist() == [label == 3 for label in range(10)]
    student[3] = 17.0
    assert last_weights.last_weights(*args, student, teacher).is_outside.all()


@pytest.mark.slow
def test_out_of_fold_teachers_answer_together(answer, run_of):
    found = answer("folds")
    assert "The teacher is the mean of 2 out-of-fold teachers" in " ".join(found.notes)
    assert sum(found.teacher) == pytest.approx(1)
    np.testing.assert_allclose(found.ce_teacher, -np.log(found.teacher), rtol=1e-5)
    for name in last_of(run_of("folds"), RunStarted).fold_teachers:
        assert name.endswith(("fold1of2", "fold2of2"))
    out = by_hand(run_of("folds"), np.stack([found.ce_student, found.ce_teacher], axis=1))
    np.testing.assert_allclose(found.weights, 1 / (1 + np.exp(-out)), atol=1e-5)


# What is not as usual ----------------------------------------------------------------------------


def test_without_its_teacher_the_student_answers_alone(answer, tmp_path):
    found = answer("bikd", teachers=[tmp_path])
    assert found.teacher is None
    assert found.weights == ()
    assert "The student answers alone, because its teacher" in found.notes[0]
    assert found.student == answer("bikd").student


def test_no_path_of_an_imported_run_is_opened(answer, run_of, tmp_path, monkeypatch):
    run = copy_of(run_of("bikd"), tmp_path)
    record = run.record()
    secret = tmp_path / "secret.safetensors"
    config = record.config.changed(teacher=str(secret))
    changed = record.model_copy(update={"config": config, "is_imported": True})
    (run.path / "run.json").write_text(changed.model_dump_json(), encoding="utf-8")
    opened = []
    monkeypatch.setattr("bikd_core.students.ask.load_teacher", lambda *given: opened.append(given))
    assert answer("bikd", run=run).teacher is None
    assert not opened


@pytest.mark.slow
def test_code_of_a_network_is_imported_only_if_the_server_was_told_so(run_of, tmp_path, home):
    run = copy_of(run_of("ce"), tmp_path)
    record = run.record()
    config = record.config.changed(student="asked_nets:tiny")
    changed = record.model_copy(update={"config": config})
    (run.path / "run.json").write_text(changed.model_dump_json(), encoding="utf-8")
    (tmp_path / "asked_nets.py").write_text(
        "from torch import nn\n"
        "def tiny(num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))\n"
    )
    request = {"run": str(run.path), "data": str(home / "data"), "teachers": []}
    request |= {"label": 0, "number": 0}
    said = json.loads(serve(request, io.BytesIO()))
    assert "code is imported only if it is typed on the command line" in said["error"]
    run.student_path.write_bytes(
        safetensors.torch.save({"net.1.weight": torch.ones(10, 64), "net.1.bias": torch.zeros(10)})
    )
    code = {"code": ["asked_nets:tiny"], "code_folder": str(tmp_path)}
    # In a process of its own: what one may import stays allowed.
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bikd_core.students"],
        input=json.dumps(request | code).encode() + b"\n",
        capture_output=True,
        env=environment(),
        check=True,
    )
    assert json.loads(done.stdout)["student"] == pytest.approx([0.1] * 10)


def test_a_damaged_student_is_one_sentence(run_of, tmp_path, home):
    run = copy_of(run_of("ce"), tmp_path)
    for content in (b"no parameters", run_of("bikd").student_path.read_bytes()[:-8]):
        run.student_path.write_bytes(content)
        request = {"run": str(run.path), "data": str(home / "data"), "teachers": []}
        said = json.loads(serve(request | {"label": 0, "number": 0}, io.BytesIO()))
        assert said["error"].startswith("student.safetensors ")
        assert "\n" not in said["error"]


def seen_by(found):
    """The pixels that the networks see, [8, 8] or [8, 8, 3]."""
    content = base64.b64decode(found.seen.partition(",")[2])
    return np.array(Image.open(io.BytesIO(content)))[::24, ::24]


def test_a_picture_of_any_size_and_colour_is_seen_as_the_runs_own_are(answer):
    halves = np.zeros((80, 120, 3), dtype=np.uint8)
    halves[:, 60:] = (255, 0, 0)
    found = answer("ce", encoded(Image.fromarray(halves), format="PNG"))
    seen = seen_by(found)
    assert seen.shape == (8, 8)  # the data are grey: red has the brightness 0.299
    assert (seen[:, 0].tolist(), seen[:, 7].tolist()) == ([0] * 8, [76] * 8)
    assert found.label is None
    shown = Image.open(io.BytesIO(base64.b64decode(found.picture.partition(",")[2])))
    assert shown.size == (120, 80)
    large = answer("ce", encoded(Image.fromarray(noise(0, (600, 300))), format="JPEG"))
    shown = Image.open(io.BytesIO(base64.b64decode(large.picture.partition(",")[2])))
    assert shown.size == (256, 128)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"no picture", "The file is not a picture."),
        (png_header(30_000, 30_000), "has more than 89 million pixels"),
        (encoded(Image.fromarray(noise(0, (90, 90))))[:4000], "The file is cut off or damaged."),
    ],
)
def test_what_is_no_picture_is_one_sentence_and_leaves_nothing(answer, home, content, words):
    answer("ce")
    before = sorted(home.rglob("*"))
    with pytest.raises(NoAnswer, match=words):
        answer("ce", content)
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("number", [-1, 58])
def test_a_test_picture_that_there_is_not_is_refused(answer, number):
    with pytest.raises(NoAnswer, match="is not possible: the class has 58 of them"):
        answer("ce", NumberedPicture(3, number))
