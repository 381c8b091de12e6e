"""The controls' widgets: what they change besides themselves, and when they are disabled."""

import pytest

from tests.app.shown import choose, unfold, words


def unfolded(open_lab, **parameters):
    return unfold(open_lab(**parameters))


def number(lab, name):
    return lab.number_input(key=f"control_{name}")


def test_another_form_of_the_method_brings_its_defaults_and_keeps_what_was_chosen(open_lab):
    lab = unfolded(open_lab, dataset="cifar10", inner_steps="3")
    assert lab.query_params == {"dataset": "cifar10", "inner_steps": "3"}
    assert not number(lab, "outer_from").value
    assert number(lab, "outer_from").disabled
    choose(lab, "control_weight_scale", "relative")
    assert number(lab, "weight_net_learning_rate").value == 0.01
    assert number(lab, "inner_steps").value == 3
    assert not number(lab, "outer_from").disabled
    assert number(lab, "warm_up").disabled
    link = dict(lab.query_params)
    assert link == {"dataset": "cifar10", "inner_steps": "3", "weight_scale": "relative"}
    choose(lab, "control_weight_scale", "sigmoid")
    assert number(lab, "weight_net_learning_rate").value == 0.001
    assert lab.query_params == {"dataset": "cifar10", "inner_steps": "3"}


def test_what_an_objective_without_a_teacher_does_not_read_is_disabled(open_lab):
    lab = unfolded(open_lab)
    assert not number(lab, "temperature").disabled
    lab.selectbox(key="control_over").select("balanced_softmax").run()
    assert number(lab, "temperature").disabled
    assert lab.selectbox(key="control_teacher").disabled
    lab.selectbox(key="control_over").select("kd").run()
    assert not number(lab, "kd_alpha").disabled


@pytest.mark.slow
def test_what_meta_loss_mix_asks_is_said_beside_it_if_the_teacher_is_known(open_lab):
    lab = unfolded(open_lab)
    assert "Meta loss" not in words(lab)
    choose(lab, "control_meta_loss", "mix")
    assert "Meta loss mix asks the student to predict classes 0, 1 and 2 as often" in words(lab)
    lab.selectbox(key="control_over").select("ce").run()
    assert "Meta loss mix" not in words(lab)
    assert "Meta loss" not in words(open_lab(meta_loss="mix", val_per_class="20"))  # no teacher


def test_a_form_that_is_not_possible_is_refused_and_the_old_one_stays(open_lab):
    lab = unfolded(open_lab, weight_form="convex")
    choose(lab, "control_weight_scale", "relative")
    assert not lab.exception
    assert "weight_form = 'convex' is not possible with weight_scale = 'relative'" in words(lab)
    assert lab.query_params == {"weight_form": "convex"}
