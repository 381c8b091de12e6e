"""Each answer of the teacher's page is computed here, on the recorded runs or by a training."""

import json
import math
import re
from itertools import pairwise

import pytest
import torch

from app.classroom.state import CLASSES, FOLLOWERS, IDLE_S, MAX_CHOICES, MIN_CHOICES
from app.lesson.scenes import scene
from app.shared.recorded import recorded_runs
from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone
from bikd_core.places import Places
from bikd_core.training import train
from tests.docs.recipe import DOCS

TEXT = (DOCS / "class.md").read_text(encoding="utf-8")
ANSWERS = {
    int(number): re.findall(r"\*\*([^*]+)\*\*", answer)
    for number, answer in re.findall(
        r"^### (\d+)\. .*?^\*Answer:\*(.*?)(?=^###|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL
    )
}
MANY, MEDIUM, FEW = (0, 1, 2), (3, 4, 5, 6), (7, 8, 9)  # thirds of the ten classes, by count


def run_named(words):
    [run] = [run for run in recorded_runs() if words in run.name]
    return run


@pytest.fixture(scope="module")
def bikd():
    return run_named("BiKD lifts the tail's weights")


@pytest.fixture(scope="module")
def kd():
    return run_named("plain distillation")


def mean(values, classes=None):
    chosen = list(values) if classes is None else [values[label] for label in classes]
    return math.fsum(chosen) / len(chosen)


def percent(fraction):
    return f"{100 * fraction:.1f}"


def test_there_are_ten_exercises_each_with_a_question_and_an_answer():
    assert list(ANSWERS) == list(range(1, 11))
    assert all(ANSWERS.values())


def test_1_the_counts(bikd):
    counts = bikd.started.class_counts
    assert list(counts) == [int(106 * 50 ** (-label / 9)) for label in range(10)]
    at_100 = 106 // 100
    assert ANSWERS[1] == [str(value) for value in (max(counts), min(counts), sum(counts), at_100)]


def test_2_always_the_same_answer(bikd):
    counts = bikd.started.class_counts
    assert ANSWERS[2] == [f"{100 * counts[0] / sum(counts):.0f}", f"{100 / len(counts):.0f}"]


def test_3_accuracy_by_group(kd):
    right = kd.epochs[-1].accuracy_per_class
    groups = [mean(right, classes) for classes in (MANY, MEDIUM, FEW)]
    assert ANSWERS[3] == [percent(value) for value in (*groups, mean(right))]


def test_4_the_lead_over_kd(bikd, kd):
    ours, theirs = (run.epochs[-1].accuracy_per_class for run in (bikd, kd))
    assert bikd.config.training.seed == kd.config.training.seed
    lead = 100 * (mean(ours) - mean(theirs))
    over_seeds = scene("help").numbers["gain"].lstrip("+")
    assert ANSWERS[4] == [f"{lead:.1f}", percent(mean(ours, FEW)), over_seeds]
    assert scene("help").numbers["num_seeds"] == "8"


def test_5_who_gets_weight(bikd):
    weights = bikd.epochs[-1].w_hard_per_class
    assert ANSWERS[5] == [f"{mean(weights, FEW):.2f}", f"{mean(weights, MANY):.2f}"]


def test_6_weights_first(bikd):
    leads = [
        epoch.epoch
        for epoch in bikd.epochs
        if mean(epoch.w_hard_per_class, FEW) - mean(epoch.w_hard_per_class, MANY) >= 0.1
    ]
    seen = [epoch.epoch for epoch in bikd.epochs if mean(epoch.accuracy_per_class, FEW) > 0]
    assert ANSWERS[6] == [str(leads[0]), str(seen[0])]


def test_7_the_control(bikd):
    balanced = run_named("nothing is rare")
    assert len(set(balanced.started.class_counts)) == 1
    spreads = [
        max(run.epochs[-1].w_hard_per_class) - min(run.epochs[-1].w_hard_per_class)
        for run in (balanced, bikd)
    ]
    assert ANSWERS[7] == [f"{spread:.3f}" for spread in spreads]


def test_8_no_single_ratio():
    numbers = scene("one_ratio").numbers
    assert numbers["noise"] == "40 %"
    assert ANSWERS[8] == [numbers["alpha_clean"], numbers["alpha_noisy"]]


def test_9_the_hypergradient():
    weights = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    theta = torch.zeros((), dtype=torch.float64, requires_grad=True)
    loss = weights[0] * (theta - 1) ** 2 + weights[1] * (theta + 1) ** 2
    [gradient] = torch.autograd.grad(loss, theta, create_graph=True)
    after = theta - 0.1 * gradient
    [wanted] = torch.autograd.grad((after - 1) ** 2, weights)
    values = [after.item(), *wanted.tolist()]
    assert [float(answer) for answer in ANSWERS[9]] == pytest.approx(values, abs=1e-9)


def last_epoch(folder, seed):
    config = RunConfig.from_flat(
        {"dataset": "digits", "method": "ce", "epochs": 2, "seed": seed, "batch_size": 64}
    )
    events = train(config, Control(), Places.at(folder))
    return [event for event in events if isinstance(event, EpochDone)][-1]


def test_10_chance(tmp_path):
    runs = [last_epoch(tmp_path, seed) for seed in (0, 0, 1)]
    [steps] = {run.step for run in runs}
    losses = [run.val_loss for run in runs]
    assert losses[0] == losses[1] != losses[2]
    equal = max(losses.count(loss) for loss in losses)
    assert ANSWERS[10] == [str(steps), str(equal)]


def test_the_limits_are_those_of_the_code():
    words = " ".join(TEXT.split())
    assert f"A class holds {FOLLOWERS} followers at once, a server {CLASSES} classes" in words
    assert f"{MIN_CHOICES} to {MAX_CHOICES} choices" in words
    assert "three hours" in words
    assert IDLE_S == 3 * 3600


def test_the_plan_has_45_minutes_without_a_gap_and_names_each_exercise():
    spans = re.findall(r"^\| (\d+)–(\d+) \|(.*)$", TEXT, flags=re.MULTILINE)
    ends = [(int(start), int(end)) for start, end, _ in spans]
    assert [ends[0][0], ends[-1][1]] == [0, 45]
    assert all(before[1] == after[0] for before, after in pairwise(ends))
    rows = json.dumps([row for *_, row in spans])
    named = {
        int(number)
        for number in re.findall(r"\d+", " ".join(re.findall(r"exercises? ([\d and]+)", rows)))
    }
    assert named | {10} == set(ANSWERS)
