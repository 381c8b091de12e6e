"""Timing a config before it runs."""

import pytest

from bikd_core.config import RunConfig
from bikd_core.training.measure import measure
from tests.repeated import first_quick


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bikd", "kd"])
def test_a_run_and_the_training_of_its_teacher_are_timed(method):
    speeds = measure(RunConfig.from_flat({"method": method, "inner_steps": 2}), lambda: False)
    for speed in (speeds.run, speeds.teacher):
        assert speed.training > 0
        assert speed.evaluation > 0


def test_a_method_without_a_teacher_has_none_to_time():
    speeds = measure(RunConfig.from_flat({"method": "ce"}), lambda: False)
    assert speeds.run.training > 0
    assert speeds.teacher is None


@pytest.mark.parametrize(
    ("dataset", "model"), first_quick([("fashion_mnist", "grey_cnn_s"), ("cifar100", "resnet8")])
)
def test_a_data_set_can_be_timed_without_its_files(dataset, model):
    controls = {"dataset": dataset, "method": "kd", "student": model, "teacher_model": model}
    assert measure(RunConfig.from_flat(controls), lambda: False).run.training > 0


def test_a_cancelled_measurement_gives_none():
    answers = iter([False, False, True])
    assert measure(RunConfig(), lambda: next(answers, True)) is None
