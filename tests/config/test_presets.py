import re

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.config.presets import METHOD_PRESETS, PRESETS, nearest, preset_named
from bikd_core.data.counts import planned_counts


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_possible_run_and_finds_itself(name):
    config = PRESETS[name].config
    assert planned_counts(config.data)[-1] >= 1
    assert nearest(config) == name
    assert nearest(config.changed(seed=7, epochs=3)) == name or config.data.dataset == "digits"


def test_the_published_recipes_are_those_of_the_paper():
    ten, hundred = PRESETS["cifar10"].config, PRESETS["cifar100"].config
    for config in (ten, hundred):
        flat = config.flat()
        assert (flat["teacher_model"], flat["student"]) == ("resnet32x4", "resnet8x4")
        assert (flat["epochs"], flat["batch_size"], flat["learning_rate"]) == (120, 100, 0.1)
        assert (flat["momentum"], flat["weight_decay"], flat["temperature"]) == (0.9, 5e-4, 4)
        assert flat["augmentation"] == "crop_flip"
    assert sum(planned_counts(ten.data)) == 13_717
    assert sum(planned_counts(hundred.data)) == 10_626
    assert (ten.method.inner_steps, ten.method.meta_loss, ten.method.weight_net_layers) == (
        1,
        "mix",
        1,
    )
    assert (hundred.method.inner_steps, hundred.method.weight_net_layers) == (5, 2)


def test_relative_weights_are_one_form_in_presets_and_comparisons():
    form = METHOD_PRESETS["relative"]
    for name in ("relative", "relative_cifar10"):
        flat = PRESETS[name].config.flat()
        assert {key: flat[key] for key in form} == form
        assert (flat["weight_net_learning_rate"], flat["meta_loss"]) == (0.01, "hard")
    assert PRESETS["relative_cifar10"].config.models == PRESETS["cifar10"].config.models


def test_a_preset_that_does_not_exist_is_refused_by_name():
    with pytest.raises(ConfigError, match="preset = 'fast' is not possible: it must be one of q"):
        preset_named("fast")


def test_a_run_of_another_data_set_is_nearest_to_some_preset():
    assert nearest(RunConfig.from_flat({"dataset": "svhn"})) in PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_promises_no_time_that_an_estimate_could_contradict(name):
    assert not re.search(r"second|minute|hour|\bday", PRESETS[name].words)
