"""Which sentence refuses an option that no method reads."""

import pytest

from bikd_core.config import ConfigError, RunConfig, check_read, fields, is_read_by, why_unread

FORMS = {
    "CE": {"method": "ce"},
    "KD": {"method": "kd"},
    "BiKD": {"method": "bikd"},
    "BiKD over CE": {"method": "bikd", "over": "ce"},
    "BiKD over CE (relative)": {"method": "bikd", "over": "ce", "weight_scale": "relative"},
}


@pytest.mark.parametrize(
    ("title", "option", "said"),
    [
        ("CE", "temperature", "CE does not read temperature, only methods with a teacher do"),
        ("KD", "inner_steps", "KD does not read inner_steps, only methods with a weight net do"),
        ("KD", "meta_loss", "KD does not read meta_loss, only methods with a teacher and a weight"),
        ("KD", "over", "KD does not read over, only bikd does"),
        ("CE", "kd_alpha", "CE does not read kd_alpha, only bikd, kd, dive and prior_kd do"),
        ("CE", "drop_window", "CE does not read drop_window, only methods with a weight net do"),
        ("BiKD", "kd_alpha", "BiKD reads kd_alpha only with over = kd, dive or prior_kd"),
        ("BiKD", "outer_from", "BiKD reads outer_from only with weight_scale = relative"),
        ("BiKD over CE", "weight_form", "BiKD over CE does not read weight_form, only methods w"),
        ("BiKD over CE", "prior", "BiKD over CE reads prior only with over = ce_kd"),
        (
            "BiKD over CE (relative)",
            "class_shift_learning_rate",
            "BiKD over CE (relative) reads class_shift_learning_rate only with class_shifts",
        ),
    ],
)
def test_the_reason_names_the_method_and_what_would_read_the_option(title, option, said):
    assert why_unread(option, FORMS[title]).startswith(said)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_option_that_is_not_read_has_a_reason(form):
    for name in fields():
        if not is_read_by(name, form):
            assert name in why_unread(name, form)


def test_an_option_is_refused_if_none_of_the_methods_reads_it():
    ce, kd, bikd = (RunConfig.from_flat({"method": name}).flat() for name in ("ce", "kd", "bikd"))
    check_read({"temperature": 2.0, "seed": 3}, [ce, kd])
    with pytest.raises(ConfigError, match=r"^temperature = 2 is not possible: CE does not read"):
        check_read({"temperature": 2.0}, [ce, ce])
    with pytest.raises(ConfigError, match=r"^inner_steps = 2 is .*: none of these methods read"):
        check_read({"inner_steps": 2}, [ce, kd])
    with pytest.raises(ConfigError, match=r"^class_shifts = 'one' is .* with weight_scale = re"):
        check_read({"class_shifts": "one"}, [kd, bikd])
    with pytest.raises(ConfigError) as refusal:
        check_read({"label_noise_kind": "pairs"}, [ce, kd])
    assert str(refusal.value) == (
        "label_noise_kind = 'pairs' is not possible: a run reads it only with label_noise above 0."
    )
    check_read({"label_noise_kind": "pairs"}, [ce | {"label_noise": 0.1}, kd])


def test_the_strength_of_a_corruption_is_read_with_one_alone():
    given = {"val_corruption_strength": 0.2}
    ce = RunConfig.from_flat({"method": "ce"}).flat()
    with pytest.raises(ConfigError) as refusal:
        check_read(given, [ce])
    assert str(refusal.value) == (
        "val_corruption_strength = 0.2 is not possible: a run reads it only with val_corruption = "
        "noise or blur."
    )
    check_read(given, [ce | {"val_corruption": "blur"}])
    plain, other = (RunConfig.from_flat(values) for values in ({}, given))
    assert plain == other
    assert plain.changed(val_corruption="noise") != other.changed(val_corruption="noise")


def test_the_kind_of_label_noise_is_no_difference_without_noise():
    clean, pairs = (RunConfig.from_flat(v) for v in ({}, {"label_noise_kind": "pairs"}))
    assert clean == pairs
    assert clean.changed(label_noise=0.1) != pairs.changed(label_noise=0.1)


@pytest.mark.parametrize("value", ["nobody", [], 3])
def test_an_impossible_deciding_option_is_refused_in_a_sentence(value):
    with pytest.raises(ConfigError, match=r"^over = .* is not possible: it must be one of ce, kd"):
        RunConfig.from_flat({"over": value, "temperature": 2.0})
