"""The controls' part of an address."""

import pytest

from app.shared.controls_link import has_controls, read_controls, write_controls
from bikd_core.config import RunConfig


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"dataset": "cifar100", "inner_steps": 3, "shuffle_classes": True},
        {"imbalance_factor": 12.5, "head_count": 40, "weight_decay": 1e-5, "weight_net_layers": 2},
        {"teacher": "/some where/teacher & co.pth", "imbalance": "step"},
        {"cross_fit": True, "train_on_val": "mixed"},
        {"over": "kd", "kd_alpha": 0.3, "weight_scale": "relative"},
        {"weight_scale": "relative", "weight_net_learning_rate": 0.001, "outer_from": 0.5},
        {"dataset": "cifar10", "over": "kd"},
        {"dataset": "cifar10", "over": "kd", "meta_loss": "mix"},
        {"method": "ce", "temperature": 2.0, "over": "ce"},
        {"cross_fit": True, "train_on_val": "batch", "hold_out_half": True, "val_per_class": 3},
    ],
)
def test_an_address_gives_back_the_controls_it_was_made_of(controls):
    wanted = RunConfig.from_flat(controls)
    assert read_controls(write_controls(wanted.flat())) == (wanted, [])


def test_the_order_of_parameters_does_not_matter():
    given = {"train_on_val": "mixed", "student": "resnet8", "cross_fit": "true", "dataset": "svhn"}
    config, complaints = read_controls(given)
    assert complaints == []
    assert read_controls(dict(reversed(given.items()))) == (config, [])


def test_an_address_holds_only_what_differs_from_the_data_sets_defaults():
    assert write_controls(RunConfig.from_flat({"dataset": "cifar10"}).flat()) == {
        "dataset": "cifar10"
    }


def test_what_the_method_does_not_read_is_no_reason_to_refuse_an_address():
    config, complaints = read_controls({"method": "kd", "inner_steps": "3", "outer_from": "0.5"})
    assert complaints == []
    assert config.flat()["inner_steps"] == 3  # waits until a method with a weight net is chosen


def test_a_student_that_does_not_take_the_images_is_refused():
    config, [complaint] = read_controls({"student": "resnet8"})
    assert complaint.startswith("student = 'resnet8' is not possible")
    assert "one of digits_mlp, digits_cnn_s" in complaint
    assert config.models.student == "digits_cnn_s"
    assert read_controls({"student": "resnet8", "dataset": "svhn"})[1] == []


@pytest.mark.parametrize(
    ("given", "dropped"),
    [
        ({"val_per_class": "100", "imbalance_factor": "90"}, "val_per_class"),
        ({"val_per_class": "20", "imbalance_factor": "100"}, "imbalance_factor"),
        ({"head_count": "30"}, "head_count"),
        ({"val_per_class": "500", "seed": "3"}, "val_per_class"),
        ({"cross_fit": "true"}, "cross_fit"),
        ({"cross_fit": "true", "train_on_val": "no", "seed": "3"}, "cross_fit"),
        ({"hold_out_half": "true", "val_per_class": "1", "epochs": "7"}, "val_per_class"),
        ({"dataset": "cifar10", "student": "digits_mlp", "seed": "3"}, "student"),
        ({"dataset": "MNIST", "seed": "3"}, "dataset"),
    ],
)
def test_of_controls_that_contradict_each_other_as_few_as_can_be_are_dropped(given, dropped):
    config, [complaint] = read_controls(given)
    assert f"The default of {dropped} is used" in complaint
    kept = {name: text for name, text in given.items() if name != dropped}
    assert config == RunConfig.from_flat(kept)


def test_every_bad_control_is_named_and_the_good_ones_are_taken():
    given = {"epochs": "-3", "seed": "five", "temperature": "inf", "batch_size": "32"}
    config, complaints = read_controls(given)
    assert sorted(sentence.split(" ")[0] for sentence in complaints) == [
        "epochs",
        "seed",
        "temperature",
    ]
    assert all("The default of" in sentence for sentence in complaints)
    assert config == RunConfig.from_flat({"batch_size": 32})


def test_a_data_set_that_does_not_exist_takes_its_models_with_it():
    config, complaints = read_controls({"dataset": "imagenet", "student": "resnet8"})
    assert config == RunConfig()
    assert [sentence.split(" ")[0] for sentence in complaints] == ["dataset", "student"]


def test_a_parameter_that_nobody_has_is_named():
    config, [complaint] = read_controls({"colour": "red", "run": "x"}, others={"run"})
    assert "'colour'" in complaint
    assert config == RunConfig()


def test_a_link_to_a_run_alone_says_nothing_about_controls():
    assert not has_controls({"run": "x", "epoch": "3", "colour": "red"})
    assert has_controls({"run": "x", "epochs": "3"})
