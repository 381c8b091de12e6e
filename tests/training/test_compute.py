"""Precision and memory format: resolved once, recorded, and the same in a resumed run."""

import dataclasses
import platform
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bikd_core.config import TrainingConfig
from bikd_core.control import Control
from bikd_core.events import EpochDone, RunStarted
from bikd_core.models import build
from bikd_core.training import Training, compute
from bikd_core.worker.recording import as_resolved
from tests import made_up

IMAGE, SMALL_IMAGE = torch.Size((3, 32, 32)), torch.Size((3, 8, 8))


def resnet():
    return build("resnet8", 10, 3, 32, torch.Generator().manual_seed(0))


def small():
    return build("digits_cnn_s", 10, 1, 8, torch.Generator().manual_seed(0))


@pytest.fixture
def small_check(monkeypatch):
    """Check precisions on four images."""
    monkeypatch.setattr(compute, "CHECK_IMAGES", 4)


def started(events):
    return next(event for event in events if isinstance(event, RunStarted))


def test_auto_takes_channels_last_for_resnets_only():
    assert compute.resolve(TrainingConfig(), resnet(), IMAGE).memory_format == "channels_last"
    assert (
        compute.resolve(TrainingConfig(), small(), torch.Size((1, 8, 8))).memory_format
        == "contiguous"
    )


def test_a_prepared_network_has_its_convolutionsas_resolved(device):
    net = compute.prepare(resnet(), compute.Compute("bfloat16", "channels_last"), device)
    assert net.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert net(torch.zeros(2, 3, 32, 32, device=device)).dtype == torch.float32


@pytest.mark.parametrize(
    ("seconds", "precision"), [((2.0, 1.0), "bfloat16"), ((1.2, 1.0), "float32")]
)
def test_auto_precision_is_bfloat16_only_if_it_is_much_faster(
    monkeypatch, small_check, seconds, precision
):
    clock = iter(np.cumsum([value for pair in [(0.0, s) for s in seconds * 5] for value in pair]))
    monkeypatch.setattr(compute, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    config = TrainingConfig(precision="auto")
    assert compute.resolve(config, resnet(), SMALL_IMAGE).precision == precision


def test_auto_precision_is_float32_if_bfloat16_is_too_coarse(monkeypatch, small_check):
    monkeypatch.setattr(compute, "MAX_ERROR", 0.0)
    found = compute.resolve(TrainingConfig(precision="auto"), resnet(), SMALL_IMAGE)
    assert found.precision == "float32"


def test_resolving_does_not_change_the_student(small_check):
    net = resnet()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    compute.resolve(TrainingConfig(precision="auto"), net, SMALL_IMAGE)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.precision == "float32"
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.slow
def test_a_run_records_its_precision_and_bfloat16_trains_about_the_same(run, digits):
    exact, coarse = (run(digits.changed(precision=name)) for name in ("float32", "bfloat16"))
    assert (started(exact).precision, started(coarse).precision) == ("float32", "bfloat16")
    losses = [
        [event.train_hard_loss for event in events if isinstance(event, EpochDone)]
        for events in (exact, coarse)
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


@pytest.mark.slow
def test_a_resumed_bfloat16_run_equals_an_undisturbed_one(places, digits, quick_teacher):
    config = digits.changed(precision="bfloat16", memory_format="channels_last")
    whole = list(Training(config, Control(), places))
    control = Control()
    training = Training(config, control, places)
    for event in training:
        if isinstance(event, EpochDone) and event.epoch == 1:
            state = training.state()
            control.stop()
    rest = list(Training(config, Control(), places, state=state))
    assert [e.test_loss for e in rest if isinstance(e, EpochDone)] == [
        e.test_loss for e in whole if isinstance(e, EpochDone)
    ][1:]


def test_a_resumed_run_takes_the_resolved_settings_not_auto(digits):
    resolved = made_up.started(estimator="forward")
    old, _ = as_resolved(digits, resolved)
    assert (old.training.precision, old.training.memory_format) == ("float32", "contiguous")
    config = digits.changed(precision="auto")
    values = {"precision": "bfloat16", "memory_format": "channels_last"}
    new, _ = as_resolved(config, dataclasses.replace(resolved, **values))
    assert (new.training.precision, new.training.memory_format) == ("bfloat16", "channels_last")


@pytest.mark.slow
def test_if_torch_compile_fails_the_run_says_why_and_trains_anyway(run, digits, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("no compiler\nand a long story")

    monkeypatch.setattr(torch, "compile", refuse)
    config = digits.changed(method="kd", epochs=1, batch_size=64)
    plain, compiled = run(config), run(config.changed(compile_teacher=True))
    assert not started(compiled).is_compiled
    [warning] = started(compiled).warnings
    assert "torch.compile is not possible" in warning
    assert warning.endswith("no compiler")
    assert [e.test_loss for e in compiled if isinstance(e, EpochDone)] == [
        e.test_loss for e in plain if isinstance(e, EpochDone)
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_teacher_gives_the_same_logits(device):
    net = resnet().eval().requires_grad_(False).to(device)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(device)
    expected = net(images)
    resolved = compute.Compute("float32", "contiguous")
    assert compute.compile_for(net, IMAGE, resolved) == ""
    torch.testing.assert_close(net(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_the_process_keeps_freed_memory_for_the_next_step():
    code = """
from pathlib import Path
import torch
from bikd_core.training.compute import keep_freed_memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))

def left():
    before = resident()
    tensor = torch.ones(50_000_000)  # 200 MB
    del tensor
    return resident() - before

print(left(), keep_freed_memory(), left())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    before, could, after = done.stdout.split()
    assert could == "True"
    assert float(before) < 20
    assert float(after) > 180
