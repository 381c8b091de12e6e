"""What a method reads follows from its files, and a run holds no more than that."""

import json
import pickle
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

import bikd_core
from bikd_core.config import (
    METHOD_CONFIGS,
    METHOD_FACTS,
    AllOptions,
    ConfigError,
    MethodConfig,
    RunConfig,
    TeacherAndWeightNetOptions,
    TeacherOptions,
    WeightNetOptions,
    as_text,
    explain,
    fields,
    is_read_by,
)
from bikd_core.config.difference import differences
from bikd_core.config.part import OnlyWith, ReadIf
from bikd_core.store.folder import RunRecord
from bikd_core.studies.entries import read_entry
from tests.other_values import NEEDED, other_value

PACKAGE = Path(bikd_core.__file__).parent
RECORDED = sorted((PACKAGE.parent / "assets/runs").glob("*.zip"))
OF_A_TEACHER = (
    *("temperature", "meta_loss", "weight_form", "teacher_folds"),
    *("teacher", "teacher_model", "teacher_views", "teacher_batch_statistics"),
)
FORMS = [
    *[{"method": name} for name in METHOD_CONFIGS],
    {"method": "bikd", "over": "prior_kd"},
    {"method": "bikd", "over": "ce", "weight_scale": "relative"},
    {"method": "bikd", "weight_scale": "relative", "class_shifts": "each"},
    {"method": "bikd", "teacher_folds": 5},
    {"method": "kd", "teacher_folds": 2, "trust": 1.0},
]
OTHERS = {name: other_value(name) for name in AllOptions.model_fields if name != "method"}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_controls_mean_the_same_as_text_as_links_and_entries_have_them(form):
    """`teacher_folds=5` as text once hid `trust` and `out_of_fold`, which then had no effect."""
    base = RunConfig.from_flat({"train_on_val": "mixed"})  # cross-fitting needs it
    others = OTHERS | {"weight_form": "scale"}  # which both scales of the weights have
    for name in sorted(set(others) & is_read_in(form)):
        controls = form | NEEDED.get(name, {}) | {name: others[name]}
        text = {control: as_text(value) for control, value in controls.items()}
        assert is_read_in(text) == is_read_in(controls), name
        config = base.changed(**controls)
        assert base.changed(**text) == config, name
        method = text.pop("method")
        written = ",".join(f"{control}={value}" for control, value in text.items())
        assert read_entry(f"{method}:{written}").config(base, 0) == config, name


def is_read_in(form):
    return {name for name in AllOptions.model_fields if is_read_by(name, form)}


# What a method reads ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_config_has_the_options_of_its_own_method_and_stores_those_that_it_reads(form):
    config = RunConfig.from_flat(form)
    assert isinstance(config.method, METHOD_CONFIGS[form["method"]])
    read = {name for name in AllOptions.model_fields if is_read_by(name, form)}
    own = set(type(config.method).model_fields)
    assert read <= own
    marks = {name: type(config.method).model_fields[name].metadata for name in own - read}
    assert all(any(isinstance(mark, ReadIf | OnlyWith) for mark in marks[name]) for name in marks)
    assert not any(hasattr(config.method, name) for name in set(AllOptions.model_fields) - own)
    assert set(config.model_dump()["method"]) == read


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("kd_alpha", {}, False),
        ("kd_alpha", {"over": "kd"}, True),
        ("kd_alpha", {"over": "dive"}, True),
        ("kd_alpha", {"over": "ltkd"}, False),
        ("temperature", {"over": "ltkd"}, True),
        *[(name, {"over": "ce"}, False) for name in OF_A_TEACHER],
        *[(name, {"over": "kd"}, True) for name in OF_A_TEACHER],
        ("prior", {}, True),
        ("prior", {"over": "kd"}, False),
        ("warm_up", {}, True),
        ("warm_up", {"weight_scale": "relative"}, False),
        ("outer_from", {}, False),
        ("outer_from", {"weight_scale": "relative"}, True),
        ("class_shifts", {}, False),
        ("class_shifts", {"weight_scale": "relative"}, True),
        ("class_shift_learning_rate", {"weight_scale": "relative"}, False),
        ("class_shift_learning_rate", {"weight_scale": "relative", "class_shifts": "one"}, True),
        ("class_shift_learning_rate", {"class_shifts": "one"}, False),  # which is not read itself
        ("out_of_fold", {}, False),
        ("out_of_fold", {"teacher_folds": 2}, True),
        ("out_of_fold", {"teacher_folds": 2, "over": "ce"}, False),
        ("trust", {}, False),
        ("trust", {"teacher_folds": 5}, True),
        ("virtual_step", {"over": "ce"}, True),
        ("epochs", {"over": "ce"}, True),
    ],
)
def test_what_bikd_reads_follows_from_its_form(name, form, expected):
    assert is_read_by(name, {"method": "bikd", **form}) is expected
    config = RunConfig.from_flat({"method": "bikd", "train_on_val": "mixed", **form})
    other = other_value(name) if name != "weight_form" else "scale"
    assert (config.changed(**{name: other}) != config) is expected


def test_bikd_needs_a_teacher_where_its_objective_does():
    assert RunConfig.from_flat({"over": "kd"}).method.facts.needs_teacher
    assert not RunConfig.from_flat({"over": "balanced_softmax"}).method.facts.needs_teacher


@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_what_comes_with_a_teacher_or_a_weight_net_is_read_by_each_such_method(method):
    facts, options = METHOD_FACTS[method], METHOD_CONFIGS[method]
    assert issubclass(options, TeacherOptions) == facts.needs_teacher
    assert issubclass(options, WeightNetOptions) == facts.has_weight_net
    has_both = facts.needs_teacher and facts.has_weight_net
    assert issubclass(options, TeacherAndWeightNetOptions) == has_both
    for name in ("teacher", "teacher_model", "teacher_views", "teacher_batch_statistics"):
        assert is_read_by(name, method) == facts.needs_teacher
    assert is_read_by("drop_window", method) == facts.has_weight_net
    assert is_read_by("epochs", method)


@pytest.mark.parametrize("name", OTHERS)
def test_an_option_is_read_by_some_method_and_changes_its_runs_alone(name):
    for form in FORMS:
        is_refused = (name, form.get("weight_scale")) == ("weight_form", "relative")  # convex
        if is_refused or form.get(name) == OTHERS[name]:
            continue
        config = RunConfig.from_flat({"train_on_val": "mixed", **NEEDED.get(name, {}), **form})
        assert (config.changed(**{name: OTHERS[name]}) != config) == is_read_by(name, form)
    assert any(is_read_by(name, form) for form in FORMS)


@pytest.mark.parametrize("method", ["kd", "prior_kd", "dive"])
def test_an_option_of_several_methods_is_one_control(method):
    config = RunConfig.from_flat({"method": method, "kd_alpha": 0.2})
    assert config.method.kd_alpha == 0.2
    assert list(fields()).count("kd_alpha") == 1


# What a run holds -------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["auto", "forward", "finite_difference"])
def test_several_unrolled_steps_need_the_estimator_that_unrolls(estimator):
    with pytest.raises(ConfigError) as refusal:
        RunConfig.from_flat({"unroll": 5, "estimator": estimator})
    assert str(refusal.value) == (
        f"unroll = 5 is not possible with estimator = {estimator!r}, which looks one step ahead; "
        "estimator must be 'unrolled', or unroll 1."
    )
    with pytest.raises(ConfigError, match=r"^unroll = 5 is not possible with virtual_step = 0, "):
        RunConfig.from_flat({"unroll": 5, "estimator": "unrolled", "virtual_step": 0})
    assert RunConfig.from_flat({"unroll": 5, "method": "kd"}).method.method == "kd"  # unread


def test_configs_that_differ_in_what_the_method_does_not_read_are_the_same_run():
    plain = RunConfig.from_flat({"method": "kd"})
    other = plain.changed(inner_steps=5, drop_window=True)
    assert plain == other
    assert hash(plain) == hash(other)
    assert plain != plain.changed(kd_alpha=0.2)
    assert RunConfig.from_flat({"method": "ce"}) == RunConfig.from_flat(
        {"method": "ce", "teacher": "somebody", "temperature": 2.0}
    )
    assert plain != "a config"


def test_what_the_method_does_not_read_is_neither_stored_nor_lost_by_a_change_of_method():
    config = RunConfig.from_flat({"method": "kd", "inner_steps": 5})
    assert "inner_steps" not in config.model_dump()["method"]
    assert config.flat()["inner_steps"] == 5
    assert config.changed(seed=1).changed(method="bikd").method.inner_steps == 5


def test_what_was_not_given_is_the_data_sets_default_in_the_flat_form():
    flat = RunConfig.from_flat({"dataset": "cifar100", "method": "ce"}).flat()
    assert (flat["inner_steps"], flat["weight_net_layers"], flat["temperature"]) == (5, 2, 4.0)


def test_what_the_method_does_not_read_is_checked_all_the_same():
    with pytest.raises(ConfigError, match=r"^inner_steps = 0 is not possible: it must be a whole"):
        RunConfig.from_flat({"method": "kd", "inner_steps": 0})


def test_options_that_were_built_elsewhere_keep_their_method():
    config = RunConfig(method=METHOD_CONFIGS["kd"](kd_alpha=0.2))
    assert (config.method.method, config.method.kd_alpha) == ("kd", 0.2)
    assert RunConfig(method=AllOptions(inner_steps=2)).method.inner_steps == 2


# Defaults of a form -----------------------------------------------------------------------------


def test_relative_weights_have_a_learning_rate_of_their_own():
    assert RunConfig().method.weight_net_learning_rate == 0.001
    relative = RunConfig.from_flat({"weight_scale": "relative"})
    assert relative.method.weight_net_learning_rate == 0.01
    given = {"weight_scale": "relative", "weight_net_learning_rate": 0.001}
    assert RunConfig.from_flat(given).method.weight_net_learning_rate == 0.001


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, "mix"),
        ({"estimator": "unrolled", "learning_rate": 0.2}, "mix"),
        ({"meta_loss": "hard"}, "hard"),
        ({"prior": "both"}, "hard"),
        ({"weight_form": "convex"}, "hard"),
        ({"over": "prior_kd"}, "hard"),
        ({"weight_scale": "relative"}, "hard"),
        ({"weight_scale": "relative", "meta_loss": "mix"}, "mix"),
    ],
)
def test_mix_is_cifar10s_meta_loss_only_as_published(form, expected):
    base = RunConfig.from_flat({"dataset": "cifar10"})
    assert RunConfig.from_flat({"dataset": "cifar10", **form}).method.meta_loss == expected
    assert base.changed(**form).method.meta_loss == expected
    through_another = base.changed(method="kd").changed(method="bikd", **form)
    assert through_another.method.meta_loss == expected


def test_a_change_of_form_keeps_what_is_not_the_old_forms_default():
    own = RunConfig.from_flat({"dataset": "cifar10", "meta_loss": "soft", "inner_steps": 3})
    changed = own.changed(weight_scale="relative")
    assert (changed.method.meta_loss, changed.method.inner_steps) == ("soft", 3)
    assert changed.method.weight_net_learning_rate == 0.01
    assert changed.changed(weight_scale="sigmoid") == own


@pytest.mark.parametrize("method", ["kd", "prior_kd"])
def test_out_of_fold_inputs_are_refused_where_nothing_would_read_them(method):
    folds = {"teacher_folds": 5, "out_of_fold": "inputs"}
    with pytest.raises(ConfigError, match=r"^out_of_fold = 'inputs' is not possible with trust = "):
        RunConfig.from_flat({"method": method, **folds})
    assert RunConfig.from_flat({"method": method, "trust": 0.5, **folds}).needs_whole_teacher
    assert RunConfig.from_flat({"over": method, **folds}).needs_whole_teacher
    both = RunConfig.from_flat({"method": method, "teacher_folds": 5})
    assert both.method.out_of_fold == "inputs_and_soft_loss"
    assert not both.needs_whole_teacher
    # Without folds neither is read, and so neither is refused.
    plain = RunConfig.from_flat({"method": method, "out_of_fold": "inputs"})
    assert plain == RunConfig.from_flat({"method": method})
    assert not RunConfig.from_flat({"method": "ce", **folds}).needs_whole_teacher


def test_the_number_of_teachers_is_one_of_ten():
    assert RunConfig.from_flat({"teacher_folds": "10"}).num_fold_teachers == 10
    assert RunConfig().num_fold_teachers == 0
    for value in (0, 11, 2.5):
        with pytest.raises(ConfigError, match=r"^teacher_folds = .* must be one of 1, 2, .*, 10"):
            RunConfig.from_flat({"teacher_folds": value})


def test_convex_relative_weights_are_refused_in_one_sentence():
    with pytest.raises(ConfigError, match=r"^weight_form = 'convex' is not possible with weight_s"):
        RunConfig.from_flat({"weight_scale": "relative", "weight_form": "convex"})
    with pytest.raises(ConfigError, match=r"^over = 'bikd' is not possible: it must be one of ce"):
        RunConfig.from_flat({"over": "bikd"})


# Stored runs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_run_of_an_earlier_version_opens(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("run.json").decode()
    stored, config = json.loads(text)["config"], RunRecord.model_validate_json(text).config
    flat = {name: value for part in stored.values() for name, value in part.items()}
    for name, value in config.read_by_method().items():
        assert value == flat.get(name, fields()[name].default)
    again = RunConfig.model_validate_json(config.model_dump_json())
    assert again == config
    assert differences(again, config) == ()


@pytest.mark.parametrize("method", METHOD_CONFIGS)
def test_a_stored_run_that_holds_every_option_opens_and_loses_what_its_method_does_not_read(method):
    part = OTHERS | {"method": method, "weight_form": "scale"}
    stored = {"method": part, "protocol": {"train_on_val": "mixed", "drop_window": True}}
    config = RunConfig.model_validate_json(json.dumps(stored))
    own = config.model_dump(mode="json")["method"]
    assert own == {name: part[name] for name in AllOptions.model_fields if is_read_by(name, part)}
    assert config.protocol.drop_window
    default = RunConfig().flat()
    unread = {name: default[name] for name in OTHERS if name not in own}
    assert {name: config.flat()[name] for name in unread} == unread


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"method": "divine"}, "method = 'divine' is not possible: it must be one of bikd,"),
        ({"method": 5}, "method = '5' is not possible: it must be one of bikd,"),
        ({"method": ["kd"]}, "is not possible: it must be one of bikd,"),
        ({"method": "kd", "magic": 1}, "There is no control 'magic'"),
        ({"method": "kd", "kd_alpha": 2}, "kd_alpha = 2 is not possible: it must be a number"),
        ([], "method = "),
    ],
)
def test_a_broken_method_part_is_one_sentence(part, said):
    with pytest.raises(ValidationError) as refusal:
        RunConfig.model_validate_json(json.dumps({"method": part}))
    assert said in explain(refusal.value)


def test_the_base_of_all_options_serves_a_method_without_any():
    assert set(METHOD_CONFIGS["ce"].model_fields) == set(MethodConfig.model_fields) == {"method"}


@pytest.mark.parametrize("method", METHOD_FACTS)
def test_a_config_goes_to_another_process_whole(method):
    config = RunConfig.from_flat({"method": method, "kd_alpha": 0.25, "inner_steps": 3})
    received = pickle.loads(pickle.dumps(config))
    assert received == config
    assert type(received.method) is type(config.method)
    assert received.flat() == config.flat()
