import pytest

from app.shared import url
from bikd_core.config import ConfigError, RunConfig


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"dataset": "cifar100", "inner_steps": 3, "shuffle_classes": True},
        {"imbalance_factor": 12.5, "head_count": 40, "weight_decay": 1e-5, "weight_net_layers": 2},
        {"teacher": "/some where/teacher & co.pth", "imbalance": "step"},
    ],
)
def test_a_link_gives_back_the_controls_it_was_made_of(controls):
    wanted = RunConfig.from_flat(controls).flat()
    link = url.read_controls(url.write_controls(wanted))
    assert link.controls == wanted
    assert link.complaints == []


def test_a_link_holds_only_what_differs_from_the_data_sets_defaults():
    assert url.write_controls(RunConfig.from_flat({"dataset": "cifar10"}).flat()) == {
        "dataset": "cifar10"
    }


def test_a_student_that_does_not_take_the_images_is_refused():
    link = url.read_controls({"student": "resnet8"})
    assert "student = 'resnet8' is not possible with digits: " in link.complaints[0]
    assert link.controls["student"] == "digits_cnn_s"
    assert url.read_controls({"student": "resnet8", "dataset": "svhn"}).complaints == []


@pytest.mark.parametrize(
    ("given", "dropped"),
    [
        ({"val_per_class": "100", "imbalance_factor": "90"}, "val_per_class"),
        ({"val_per_class": "20", "imbalance_factor": "100"}, "imbalance_factor"),
        ({"head_count": "30"}, "head_count"),
        ({"val_per_class": "500", "seed": "3"}, "val_per_class"),
    ],
)
def test_of_controls_that_contradict_each_other_as_few_as_can_be_are_dropped(given, dropped):
    link = url.read_controls(given)
    [complaint] = link.complaints
    assert f"The default of {dropped} is used" in complaint
    kept = {name: text for name, text in given.items() if name != dropped}
    assert link.controls == RunConfig.from_flat(kept).flat()


def test_the_parameters_of_the_viewer_are_no_controls():
    assert url.read_controls({"run": "x", "epoch": "3", "view": "y"}).complaints == []


def test_an_epoch_is_read():
    assert url.read_epoch(None, 60) is None
    assert url.read_epoch("60", 60) == 60
    with pytest.raises(ConfigError, match="from 1 to 60"):
        url.read_epoch("61", 60)


@pytest.mark.parametrize(("read", "text"), [("axes", "cubic"), ("by", ""), ("order", "soft ")])
def test_a_choice_that_is_none_is_named_with_what_it_can_be(read, text):
    if not text:
        assert url.read_choice(read, None) == url.DRAWN_BY[read][0]
        return
    with pytest.raises(ConfigError, match=rf"{read} = '{text}' .* {url.DRAWN_BY[read][1]}"):
        url.read_choice(read, text)
