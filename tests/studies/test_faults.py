"""The published faults: each changes what its name says, and none is on by default."""

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.studies import FAULTS, Comparison, protocol_of, protocol_sentences, read_faults

METHODS = ("bikd", "kd", "bkd", "ce")


def compared(*faults, chosen="last", **controls):
    return Comparison(RunConfig.from_flat(controls), METHODS, (0,), "kd", chosen, faults)


def by_method(comparison):
    return {config.method.method: config for config in comparison.configs()}


def test_a_fair_comparison_has_no_fault_and_the_published_one_its_own():
    assert read_faults("fair") == ()
    assert set(FAULTS) - set(read_faults("as_published")) == {"authors_recipes"}
    assert read_faults("fair", "drop_window") == ("drop_window",)
    for config in by_method(compared()).values():
        assert not config.protocol.teacher_batch_statistics
        assert not config.protocol.drop_window


@pytest.mark.parametrize("name", ["teacher_batch_statistics", "drop_window"])
def test_a_fault_of_the_published_code_is_bikds_alone(name):
    configs = by_method(compared(name))
    assert [getattr(config.protocol, name) for config in configs.values()] == [True] + 3 * [False]


def recipe(config):
    training, method = config.training, config.method
    values = (training.batch_size, training.learning_rate, training.weight_decay)
    return (*values, getattr(method, "temperature", None), getattr(method, "kd_alpha", None))


def test_unequal_recipes_are_one_for_all_rivals_as_the_published_scripts_have_it():
    fair, unequal = by_method(compared()), by_method(compared("unequal_recipes"))
    assert unequal["bikd"] == fair["bikd"]
    assert recipe(unequal["kd"]) == (128, 0.1, 2e-4, 3.0, 0.5)
    assert recipe(unequal["bkd"]) == (128, 0.1, 2e-4, 3.0, None)
    assert recipe(unequal["ce"]) == (128, 0.1, 2e-4, None, None)


def test_authors_recipes_are_the_rivals_own():
    fair, own = by_method(compared()), by_method(compared("authors_recipes"))
    assert own["bikd"] == fair["bikd"]
    assert own["ce"] == fair["ce"]
    assert recipe(own["bkd"]) == (128, 0.1, 2e-4, 2.0, None)
    assert recipe(own["kd"]) == (64, 0.05, 5e-4, 4.0, 0.1)


def test_the_test_chosen_epoch_is_bikds_best_and_its_rivals_that_of_d_val(finished):
    fault, fair = compared("test_chosen_epoch"), compared()
    epochs = (
        {"accuracy": 0.9, "val_loss": 2.0},
        {"accuracy": 0.7, "val_loss": 1.0},
        {"accuracy": 0.8, "val_loss": 3.0},
    )
    runs = [finished(config, *epochs) for config in fair.configs()]

    def accuracies(comparison):
        return {line.method: line.values["accuracy"].mean for line in comparison.answer(runs)}

    assert set(accuracies(fair).values()) == {0.8}
    assert accuracies(fault) == {"bikd": 0.9, "kd": 0.7, "bkd": 0.7, "ce": 0.7}
    assert set(accuracies(compared(chosen="test")).values()) == {0.9}


def test_the_protocol_names_faults_and_a_test_chosen_epoch():
    said = " ".join(protocol_sentences(compared("drop_window", chosen="test")))
    assert FAULTS["drop_window"] in said
    assert "best epoch on the TEST set: a fault" in said.lower().replace("test set", "TEST set")
    assert protocol_of(compared("drop_window"))["faults"] == {"drop_window": FAULTS["drop_window"]}
    assert protocol_of(compared())["faults"] == {}


def test_the_protocol_names_label_noise():
    said = protocol_sentences(compared(label_noise=0.2, label_noise_kind="by_count"))[0]
    assert "labels 20 % drawn anew by the sizes of the classes" in said
    assert "labels" not in protocol_sentences(compared())[0]


def test_the_protocol_names_the_use_of_d_val_by_each_entry():
    first = protocol_of(compared())["use_of_d_val"]
    assert first == {"bikd": "the weight net", "kd": "nothing", "bkd": "nothing", "ce": "nothing"}
    second = protocol_of(compared(train_on_val="batch"))
    assert second["league"] == 2
    assert second["use_of_d_val"]["bikd"] == "the weight net, training"
    assert protocol_of(compared(chosen="val"))["use_of_d_val"]["ce"] == "choosing the epoch"


@pytest.mark.parametrize(
    ("protocol", "names", "said"),
    [
        ("kind", "", "protocol = 'kind' is not possible: it must be fair or as_published"),
        ("fair", "drop_window,luck", "faults = 'luck' is not possible"),
        ("as_published", "authors_recipes", "faults = 'authors_recipes' is not possible with uneq"),
    ],
)
def test_an_unknown_protocol_or_fault_is_refused_by_name(protocol, names, said):
    with pytest.raises(ConfigError, match=said):
        read_faults(protocol, names)


def test_a_rival_has_one_recipe_on_the_page_too():
    with pytest.raises(ConfigError, match="not possible with unequal_recipes: a rival has one"):
        compared("unequal_recipes", "authors_recipes")


def test_d_val_cannot_choose_the_epoch_where_it_is_trained_on():
    with pytest.raises(ConfigError, match="epoch = 'val' is not possible where D_val is trained"):
        compared(chosen="val", train_on_val="mixed")
    compared(chosen="val", train_on_val="mixed", hold_out_half=True)
