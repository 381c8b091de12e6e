"""The teacher during training: in eval mode unless the fault is on, and trained only once."""

import threading

import pytest
import torch
from filelock import FileLock

from bikd_core.control import Control
from bikd_core.data.long_tail import load_split
from bikd_core.events import RunStarted
from bikd_core.models import build
from bikd_core.teachers.files import teacher_name
from bikd_core.training import Training
from bikd_core.training.loop import Loop


@pytest.mark.parametrize("fault", [False, True])
def test_the_teacher_normalises_by_the_batch_only_with_the_fault(places, digits, fault):
    config = digits.changed(method="kd", teacher_batch_statistics=fault)
    split = load_split(config.data, places.data)
    teacher = build("digits_cnn_l", 10, 1, 8, torch.Generator().manual_seed(0)).eval()
    twin = build("digits_cnn_l", 10, 1, 8, torch.Generator().manual_seed(0)).train(fault)
    loop = Loop(config, split, teacher, torch.device("cpu"))
    batch, _ = loop.feed.training_batch(torch.arange(16), epoch=0)
    with torch.no_grad():
        torch.testing.assert_close(batch.teacher_logits, twin(batch.images))
        other = twin.train(not fault)(batch.images)
    assert not torch.allclose(batch.teacher_logits, other, atol=1e-3)


@pytest.mark.slow
def test_the_teachers_accuracy_is_measured_in_eval_mode_even_with_the_fault(run, digits):
    config = digits.changed(method="kd", epochs=1, batch_size=64)
    accuracies = {
        next(
            e for e in run(config.changed(teacher_batch_statistics=fault))
            if isinstance(e, RunStarted)
        ).teacher_accuracy_per_class
        for fault in (False, True)
    }  # fmt: skip
    assert len(accuracies) == 1


def test_a_run_waits_while_another_run_trains_its_teacher(places, digits, quick_teacher):
    split = load_split(digits.data, places.data)
    places.teachers.mkdir(parents=True)
    lock = FileLock(places.teachers / f".{teacher_name(split, 'digits_cnn_l')}.lock")
    control, events = Control(), []
    with lock:
        thread = threading.Thread(target=lambda: events.extend(Training(digits, control, places)))
        thread.start()
        thread.join(1.5)
        assert thread.is_alive()
        assert not events
        control.stop()
        thread.join(10)
    assert not thread.is_alive()
    assert not events
    assert not list(places.teachers.glob("*.safetensors"))


def test_what_meta_loss_mix_asks_is_a_warning_of_the_run_from_its_teacher_s_card(run, digits):
    for meta_loss in ("mix", "hard"):
        config = digits.changed(meta_loss=meta_loss, epochs=1)
        [started] = [event for event in run(config) if isinstance(event, RunStarted)]
        asked = [words for words in started.warnings if words.startswith("Meta loss mix asks")]
        assert len(asked) == (meta_loss == "mix")
        assert all("of balanced images, where 30 % would be right" in words for words in asked)
