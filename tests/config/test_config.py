import json
import math

import pytest
from pydantic import ValidationError

from bikd_core.config import (
    PARTS,
    SOURCE_FACTS,
    ConfigError,
    DataConfig,
    RunConfig,
    TrainingConfig,
    allowed,
    bounds,
    choices,
    explain,
    fields,
    part_of,
)
from tests.other_values import NEEDED

CHOICES = [name for name in fields() if choices(name)]
NUMBERS = [name for name in fields() if bounds(name)]
DATASETS = choices("dataset")


# Each control, by itself ------------------------------------------------------------------------


def test_names_are_unique_across_the_parts():
    names = [name for part in PARTS.values() for name in part.model_fields]
    assert len(names) == len(set(names)) == len(fields())


@pytest.mark.parametrize("name", fields())
def test_every_control_explains_itself(name):
    info = fields()[name]
    assert info.title
    assert info.description
    assert info.description.endswith(".")
    assert name in PARTS[part_of(name)].model_fields


def test_every_control_is_a_choice_a_number_a_flag_or_a_text():
    flags = {name for name, info in fields().items() if info.annotation is bool}
    assert "shuffle_classes" in flags
    assert set(fields()) == {*CHOICES, *NUMBERS, *flags, "teacher"}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_outside_its_bounds_is_refused_by_name(name):
    limits = bounds(name)
    outside = [limits["ge"] - 1] if "ge" in limits else [limits["gt"], limits["gt"] - 1]
    outside += [limits[key] + 1 for key in ("le",) if key in limits]
    outside += [limits[key] for key in ("lt",) if key in limits]
    for value in (*outside, math.nan, math.inf, -math.inf, "nan", "1e999", "a lot", "", [1]):
        with pytest.raises(ConfigError, match=rf"^{name} = .* is not possible: it must be .*\.$"):
            RunConfig.from_flat({name: value})


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_at_its_bounds_is_taken(name):
    for key in ("ge", "le"):
        if key in bounds(name):
            values = {name: bounds(name)[key], **NEEDED.get(name, {})}
            assert RunConfig.from_flat(values).flat()[name] == bounds(name)[key]


@pytest.mark.parametrize("name", CHOICES)
def test_each_choice_is_taken_and_any_other_refused_with_the_list(name):
    for option in choices(name):
        assert RunConfig.from_flat({name: option}).flat()[name] == option
    with pytest.raises(ConfigError) as refusal:
        RunConfig.from_flat({name: "junk"})
    assert str(refusal.value).startswith(f"{name} = 'junk' is not possible: it must be one of ")
    assert all(str(option) in str(refusal.value) for option in choices(name))


def test_a_flag_takes_true_and_false_only():
    assert RunConfig.from_flat({"shuffle_classes": "true"}).data.shuffle_classes
    assert not RunConfig.from_flat({"shuffle_classes": "0"}).data.shuffle_classes
    with pytest.raises(ConfigError, match=r"^shuffle_classes = 'maybe' .* true or false\.$"):
        RunConfig.from_flat({"shuffle_classes": "maybe"})


@pytest.mark.parametrize("value", ["", "x" * 501])
def test_a_teacher_needs_a_name_of_sensible_length(value):
    with pytest.raises(ConfigError, match=r"a text, at least 1 and at most 500 characters\.$"):
        RunConfig.from_flat({"teacher": value})


def test_counts_that_may_be_left_open_say_so():
    assert RunConfig.from_flat({"head_count": None}).data.head_count is None
    assert allowed("head_count") == "it must be a whole number, at least 1, or nothing"


def test_bounds_are_told_exactly():
    assert allowed("seed") == "it must be a whole number, at least 0 and at most 2147483647"
    assert allowed("temperature") == "it must be a number, at least 0.1 and at most 100"
    assert allowed("momentum") == "it must be a number, at least 0 and less than 1"


def test_a_control_cannot_be_changed_in_place():
    with pytest.raises(ValidationError, match="frozen"):
        RunConfig().data.imbalance_factor = 100  # type: ignore[misc]


# Junk -------------------------------------------------------------------------------------------


def test_an_unknown_control_is_refused_with_the_list():
    with pytest.raises(ConfigError, match=r"^There is no control 'rho'; .*imbalance_factor"):
        RunConfig.from_flat({"rho": 50})


@pytest.mark.parametrize("name", ["dataset", "epochs", "teacher", "x" * 10_000])
def test_a_message_stays_short_however_long_the_value(name):
    with pytest.raises(ConfigError) as refusal:
        RunConfig.from_flat({name: "9" * 10_000})
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("junk", [[], 5, {"data": 5}, {"data": None}, {"x": 1}, {"method": None}])
def test_json_of_another_shape_is_one_sentence(junk):
    with pytest.raises(ValidationError) as refusal:
        RunConfig.model_validate_json(json.dumps(junk))
    assert explain(refusal.value).endswith(".")
    assert "\n" not in explain(refusal.value)


# Defaults of the data sets ----------------------------------------------------------------------


def test_digits_are_the_default_with_the_preset_of_the_design():
    config = RunConfig()
    assert (config.data.dataset, config.data.val_per_class) == ("digits", 10)
    assert (config.method.inner_steps, config.method.meta_loss) == (1, "hard")
    training = config.training
    assert (training.batch_size, training.learning_rate, training.epochs) == (64, 0.05, 60)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("fashion_mnist", {"student": "grey_cnn_s", "batch_size": 100, "val_per_class": 100}),
        ("svhn", {"augmentation": "crop", "learning_rate": 0.1}),
        ("cifar10", {"meta_loss": "mix", "inner_steps": 1, "weight_net_layers": 1, "epochs": 120}),
        ("cifar100", {"meta_loss": "hard", "inner_steps": 5, "weight_net_layers": 2}),
    ],
)
def test_a_data_set_brings_its_own_defaults(dataset, expected):
    flat = RunConfig.from_flat({"dataset": dataset}).flat()
    assert {name: flat[name] for name in expected} == expected


def test_what_is_given_stands_above_the_data_sets_defaults():
    flat = {"dataset": "cifar10", "batch_size": 64, "meta_loss": "hard"}
    config = RunConfig.from_flat(flat)
    assert (config.training.batch_size, config.method.meta_loss) == (64, "hard")
    assert config.training.learning_rate == 0.1


def test_a_part_built_elsewhere_counts_with_the_values_it_was_given():
    config = RunConfig(data=DataConfig(dataset="cifar100"), training=TrainingConfig(batch_size=64))
    assert (config.training.batch_size, config.training.learning_rate) == (64, 0.1)
    assert config.method.inner_steps == 5


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_config_takes_the_defaults_of_its_data_set(dataset):
    defaults = SOURCE_FACTS[dataset].defaults
    flat = RunConfig.from_flat({"dataset": dataset}).flat()
    assert flat | defaults == flat


# There and back ---------------------------------------------------------------------------------

SOME = {
    "dataset": "cifar100",
    "imbalance": "step",
    "imbalance_factor": 12.5,
    "head_count": 40,
    "shuffle_classes": True,
    "weight_net_layers": 1,
    "teacher": "my teacher",
    "seed": 7,
}


@pytest.mark.parametrize("values", [{}, SOME])
def test_survives_json(values):
    config = RunConfig.from_flat(values)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("values", [{}, SOME])
def test_survives_its_flat_form_as_numbers_and_as_the_strings_of_a_url(values):
    config = RunConfig.from_flat(values)
    flat = config.flat()
    assert list(flat) == list(fields())
    assert RunConfig.from_flat(flat) == config
    strings = {name: str(value) for name, value in flat.items() if value is not None}
    assert RunConfig.from_flat(strings) == config


def test_a_change_is_validated_and_leaves_the_rest():
    config = RunConfig.from_flat(SOME)
    assert config.changed(seed=8).flat() == config.flat() | {"seed": 8}
    with pytest.raises(ConfigError, match="seed = -1"):
        config.changed(seed=-1)
