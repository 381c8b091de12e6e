import re

import pytest

from bikd_core.config import MODEL_IMAGES, SOURCE_FACTS, ConfigError, RunConfig, fields
from bikd_core.data.counts import planned_counts
from bikd_core.data.possible import check_possible, models_for


@pytest.mark.parametrize("dataset", SOURCE_FACTS)
def test_what_a_data_set_sets_by_default_is_possible(dataset):
    assert set(SOURCE_FACTS[dataset].defaults) <= set(fields())
    check_possible(RunConfig.from_flat({"dataset": dataset}))


def test_the_models_of_a_data_set_are_those_that_take_its_images():
    assert models_for("digits") == ("digits_mlp", "digits_cnn_s", "digits_cnn_l")
    assert models_for("kmnist") == models_for("fashion_mnist") == ("grey_cnn_s", "grey_cnn_l")
    assert set(models_for("svhn")) == {name for name, of in MODEL_IMAGES.items() if of == (3, 32)}
    assert {"resnet8x4", "wrn_40_1", "vgg8", "shufflenet_v2"} <= set(models_for("cifar100"))


def test_every_model_takes_the_images_of_some_data_set():
    assert {name for dataset in SOURCE_FACTS for name in models_for(dataset)} == set(MODEL_IMAGES)


def test_models_for_an_unknown_data_set_are_refused():
    with pytest.raises(ConfigError, match=f"dataset = 'mnist' .* {', '.join(SOURCE_FACTS)}"):
        models_for("mnist")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"student": "resnet20"},
            "student = 'resnet20' is not possible with digits: "
            "it must be one of digits_mlp, digits_cnn_s, digits_cnn_l.",
        ),
        (
            {"dataset": "kmnist", "teacher_model": "digits_mlp"},
            "teacher_model = 'digits_mlp' is not possible with kmnist: "
            "it must be one of grey_cnn_s, grey_cnn_l.",
        ),
    ],
)
def test_a_model_that_does_not_take_the_images_is_refused(values, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        check_possible(RunConfig.from_flat(values))


@pytest.mark.parametrize("values", [{"val_per_class": 116}, {"imbalance_factor": 107}])
def test_a_split_that_the_data_set_does_not_allow_is_refused_as_the_counts_refuse_it(values):
    config = RunConfig.from_flat(values)
    with pytest.raises(ConfigError) as by_counts:
        planned_counts(config.data)
    with pytest.raises(ConfigError, match=f"^{re.escape(str(by_counts.value))}$"):
        check_possible(config)
