"""How a run computes: resolved once, recorded, and the same in a resumed run."""

import dataclasses
import platform
import subprocess
import sys

import pytest
import torch

from bikd_core.config import RunConfig
from bikd_core.config.auto import Choice, choice
from bikd_core.control import Control
from bikd_core.events import EpochDone, RunStarted
from bikd_core.models import build
from bikd_core.training import Training, compute
from bikd_core.worker.recording import as_resolved
from tests import made_up

IMAGE = torch.Size((3, 32, 32))


def resnet():
    return build("resnet8", 10, 3, 32, torch.Generator().manual_seed(0))


def started(events):
    return next(event for event in events if isinstance(event, RunStarted))


def resolved(student="digits_cnn_s", device="cpu", **controls):
    dataset = "cifar10" if student.startswith("resnet") else "digits"
    config = RunConfig.from_flat({"dataset": dataset, "student": student, **controls})
    return compute.resolve(config, torch.device(device))


def test_auto_takes_channels_last_for_all_networks_of_the_product():
    assert resolved("resnet8").training.memory_format == "channels_last"
    assert resolved().training.memory_format == "channels_last"
    assert resolved("timm:resnet18").training.memory_format == "contiguous"
    assert resolved("resnet8", memory_format="contiguous").training.memory_format == "contiguous"


@pytest.mark.parametrize("device_type", ["cpu", "cuda"])
@pytest.mark.parametrize("student", ["digits_cnn_s", "resnet8x4"])
def test_auto_takes_estimator_and_precision_from_the_table(monkeypatch, student, device_type):
    found = resolved(student, device_type, precision="auto")
    expected = choice(student, device_type)
    assert (found.method.estimator, found.training.precision) == expected
    monkeypatch.setattr(compute, "choice", lambda *_: Choice("finite_difference", "bfloat16"))
    found = resolved(student, device_type, precision="auto")
    assert (found.method.estimator, found.training.precision) == ("finite_difference", "bfloat16")


@pytest.mark.parametrize("estimator", ["forward", "finite_difference", "unrolled"])
def test_what_is_given_stays_as_it_is(estimator):
    given = {"estimator": estimator, "precision": "bfloat16", "memory_format": "channels_last"}
    config = RunConfig.from_flat(given)
    assert compute.resolve(config, torch.device("cpu")) is config


def test_a_method_without_a_weight_net_has_no_estimator_to_resolve():
    found = resolved(method="kd", precision="auto")
    assert found.training.precision == "float32"
    assert not hasattr(found.method, "estimator")


def test_a_prepared_network_has_its_convolutionsas_resolved(device):
    net = compute.prepare(resnet(), compute.Compute("bfloat16", "channels_last"), device)
    assert net.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert net(torch.zeros(2, 3, 32, 32, device=device)).dtype == torch.float32


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


def test_a_run_of_an_earlier_version_resumes_with_its_estimator(digits):
    values = digits.model_dump(mode="json")
    del values["method"]["estimator"]
    old = RunConfig.model_validate(values)
    assert old.method.estimator == "auto"
    for estimator in ("forward", "finite_difference"):
        config, _ = as_resolved(old, made_up.started(estimator=estimator))
        assert config.method.estimator == estimator


def test_a_run_records_the_estimator_that_auto_stands_for(run, digits, monkeypatch):
    config = digits.changed(epochs=1)
    assert started(run(config)).estimator == "forward"
    monkeypatch.setattr(compute, "choice", lambda *_: Choice("finite_difference", "float32"))
    by_auto = run(config)
    assert started(by_auto).estimator == "finite_difference"
    named = run(config.changed(estimator="finite_difference"))
    assert losses_of(by_auto) == losses_of(named)


def losses_of(events):
    return [(e.test_loss, e.hypergradient_norm) for e in events if isinstance(e, EpochDone)]


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
