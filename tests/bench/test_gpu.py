"""The plan: its order, its limit, its faults, and a rehearsal with torch and the small packages."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bikd_core.bench import gpu, gpu_steps, gpu_training
from bikd_core.bench.gpu_rates import Rates
from bikd_core.bench.gpu_results import Deadline
from bikd_core.bench.step import KD, VARIANTS
from bikd_core.cli import main
from bikd_core.config import RunConfig
from bikd_core.data.cut_file import write_cut
from bikd_core.data.image_set import as_loaded
from bikd_core.data.long_tail import make_split
from bikd_core.data.source import Labelled, Parts
from bikd_core.places import ROOT
from tests.bench.bare import bare_environment

RATES = Rates({"float32": 1e9, "bfloat16": 1e9}, bytes_per_s=1e9, seconds_per_call=1e-6)


@pytest.fixture
def phases(monkeypatch):
    """Replace the phases by ones that do nothing; returns what each does instead."""
    ways = dict.fromkeys(("tests", "rates", "steps", "training"), lambda: "finished")
    monkeypatch.setattr(gpu._Phases, "in_order", lambda _: list(ways.items()))
    return ways


@pytest.fixture(scope="module")
def black_cifar(tmp_path_factory):
    """A folder with a cut of black pictures, with CIFAR-10's numbers of images in each class."""
    folder = tmp_path_factory.mktemp("black")

    def part(count):
        return Labelled(np.zeros((count, 32, 32, 3), np.uint8), np.arange(count) % 10)

    parts = Parts(part(50_000), part(10_000))
    config = RunConfig.from_flat(gpu.REHEARSAL.controls).data
    split = make_split(as_loaded("cifar10", parts), config)
    is_held = np.zeros(60_000, bool)
    for images in (split.train, split.val, split.test):
        is_held[images.original_indices.numpy()] = True
    write_cut(folder / "cifar10-cut.xz", parts, is_held, "a rehearsal")
    return folder


def rows_of(out, name):
    return json.loads((out / f"{name}.json").read_text())["rows"]


def test_a_fault_in_a_phase_is_reported_and_the_next_ones_run(phases, tmp_path):
    def fail():
        raise RuntimeError("CUDA error: an illegal memory access")

    phases["tests"] = fail
    rows = list(gpu.run(tmp_path / "out", 1, tmp_path))
    assert [row["ended"] for row in rows] == ["failed", "finished", "finished", "finished"]
    assert rows[0]["error"] == "RuntimeError: CUDA error: an illegal memory access"
    assert "in fail" in rows[0]["traceback"]
    assert rows_of(tmp_path / "out", "phases") == rows


def test_nothing_begins_after_the_time_limit(phases, tmp_path):
    rows = list(gpu.run(tmp_path / "out", 1e-9, tmp_path))
    assert {row["ended"] for row in rows} == {"not begun: the time was over"}


def test_results_say_that_there_was_no_cuda_device(phases, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    list(gpu.run(tmp_path / "out", 1, tmp_path))
    found = json.loads((tmp_path / "out" / "phases.json").read_text())
    assert found["device"] == "cpu"
    assert "there is no CUDA device" in found["note"]
    assert "processor" in found["machine"]


def test_the_command_tells_how_each_phase_ended(phases, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["bench", "gpu", "--out", str(out), "--data-dir", str(tmp_path)]) == 0
    assert "training: finished, 0 s" in capsys.readouterr().out
    phases["steps"] = lambda: "failed"
    out = tmp_path / "other"
    assert main(["bench", "gpu", "--out", str(out), "--data-dir", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "out is missing"), (["--out", "new", "--minutes", "0"], "minutes = 0.0 is not possible")],
)
def test_what_is_not_possible_is_one_sentence(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "gpu", *arguments]) == 2
    assert words in capsys.readouterr().err


class FakeVariant:
    def __init__(self, pair, variant):
        self.variant, self.seconds = variant, iter(range(100))

    def measure(self):
        return {"plain": 1.0, "window": 1.0 + 2 * next(self.seconds)}


@pytest.fixture
def fake_steps(monkeypatch):
    monkeypatch.setattr(gpu_steps, "TimedVariant", FakeVariant)
    row = {"floor_s": 0.5}
    monkeypatch.setattr(
        gpu_steps, "_row", lambda pair, one, rates: row | {"variant": one.variant.name}
    )


def test_a_step_stands_beside_its_floor(fake_steps):
    measured = gpu_steps.measure_steps("", RATES, Deadline(9))
    grown = [[dict(row) for row in rows] for rows in measured]
    num_variants = sum(variant.name in gpu_steps.NAMES for variant in VARIANTS)
    assert [len(rows) for rows in grown] == [*range(1, num_variants), *[num_variants] * 7]
    turns = grown[num_variants - 1 :]
    assert [rows[0]["seconds"] for rows in turns[:3]] == [1.0, 1.5, 2.0]  # of 1; 1, 2; 1, 2, 3
    assert turns[-1][0] == {
        "floor_s": 0.5, "variant": KD, "turns": 7, "seconds": 4.0, "seconds_low": 1.0,
        "seconds_high": 7.0, "seconds_to_floor": 8.0,
    }  # fmt: skip


def test_after_its_time_only_what_matters_most_is_timed_once(fake_steps):
    [rows] = gpu_steps.measure_steps("", RATES, Deadline(0))
    assert [(row["variant"], row["turns"]) for row in rows] == [(KD, 1)]


@pytest.mark.parametrize(
    ("left_s", "most", "epochs"), [(400, 120, 8), (40_000, 120, 120), (1, 120, 1), (400, 1, 1)]
)
def test_as_many_epochs_are_planned_as_fit(monkeypatch, left_s, most, epochs):
    monkeypatch.setattr(gpu_training, "_epoch_seconds", lambda config, device: 10.0)
    configs = [RunConfig.from_flat({"method": name}) for name in ("bikd", "prior_kd", "kd")]
    found = gpu_training.planned_epochs(configs, most, gpu.torch.device("cpu"), Deadline(left_s))
    assert found == epochs  # 85 % of the time, 40 s for an epoch of each and of the teacher


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ce", "bikd"])
def test_an_epoch_is_timed_by_steps_on_random_images(method, monkeypatch):
    monkeypatch.setattr(gpu_training, "_TIMED_STEPS", 2)
    config = RunConfig.from_flat(gpu.REHEARSAL.controls | {"method": method})
    small, large = (
        gpu_training._epoch_seconds(config.changed(head_count=count), gpu.torch.device("cpu"))
        for count in (100, 4000)
    )
    assert 0 < small < large


@pytest.mark.slow
def test_a_teacher_and_each_method_are_trained_on_the_cut(black_cifar):
    controls = gpu.REHEARSAL.controls
    *_, rows = gpu_training.train_all(controls, 1, black_cifar, Deadline(600))
    assert [row["run"] for row in rows] == ["teacher", *gpu_training.METHODS]
    assert all((row["epoch"], row["ended"]) == (1, "finished") for row in rows)
    assert len({row["fingerprint"] for row in rows}) == 1
    assert all(0 <= row["accuracy_few"] <= 1 for row in rows[1:])


@pytest.mark.slow
def test_a_training_is_cut_off_at_the_deadline(black_cifar):
    controls = gpu.REHEARSAL.controls
    *_, rows = gpu_training.train_all(controls, 1, black_cifar, Deadline(0.001))
    assert [(row["run"], row["ended"]) for row in rows] == [("teacher", "cut off")]


@pytest.mark.slow
def test_the_plan_is_rehearsed_with_torch_and_the_small_packages_alone(black_cifar, tmp_path):
    """Without a site module, Python finds only what the environment names."""
    out = tmp_path / "out"
    command = [sys.executable, "-S", "-m", "bikd_core.cli", "bench", "gpu", "--minutes", "1"]
    done = subprocess.run(
        [*command, "--out", out, "--data-dir", black_cifar],
        cwd=ROOT,
        env=bare_environment(tmp_path / "packages"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row["phase"] for row in rows_of(out, "phases")] == [
        "tests", "rates", "steps", "training",
    ]  # fmt: skip
    assert not [row for row in rows_of(out, "phases") if row["ended"].startswith("failed")]
    assert rows_of(out, "tests")[0]["failed"] == 0


@pytest.mark.slow
def test_no_other_package_is_imported(tmp_path):
    program = (
        "import importlib.util, bikd_core.cli, bikd_core.bench.gpu, bikd_core.bench.gpu_pack;"
        "others = ('sklearn', 'scipy', 'pandas', 'streamlit', 'plotly', 'torchvision', 'optuna');"
        "assert not [name for name in others if importlib.util.find_spec(name)]"
    )
    environment = bare_environment(tmp_path / "packages")
    subprocess.run([sys.executable, "-S", "-c", program], env=environment, check=True, timeout=300)
