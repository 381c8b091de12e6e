"""What all views have in common, and how each is drawn, as the viewer chooses it."""

import pytest

from app.lab.views import VIEWS, Moment
from app.lab.views.images.selection import Selection
from app.lab.views.weights import W_HARD
from tests.app.shown import choose, components, drawings, words
from tests.made_up import make_run
from tests.repeated import first_quick


@pytest.mark.slow
def test_few_classes_are_drawn_over_time_until_others_are_chosen(open_lab, manager):
    run = make_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Weights")
    assert "few-class images" in drawings(lab)["figure-over-time"]["sentence"]
    lab.selectbox(key="over_time_of").set_value("many").run()
    assert "many-class images" in drawings(lab)["figure-over-time"]["sentence"]
    lab.selectbox(key="over_time_of").set_value("4").run()
    assert not lab.exception
    assert "class 4 images" in drawings(lab)["figure-over-time"]["sentence"]


def test_classes_are_offered_head_first_with_their_counts(open_lab, manager):
    run = make_run(manager.places.runs)
    options = open_lab(run=run.run_id, view="Weights").selectbox(key="over_time_of").options
    assert options[:4] == [
        "over time: few classes",
        "over time: medium classes",
        "over time: many classes",
        "over time: class 0 (106)",
    ]
    assert len(options) == 13


@pytest.mark.slow
def test_a_choice_outlasts_a_change_of_the_view(open_lab, manager):
    run = make_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Weights")
    lab.selectbox(key="over_time_of").set_value("many").run()
    for view in ("Accuracy", "Weights"):
        choose(lab, "view", view)
    assert lab.selectbox(key="over_time_of").value == "many"
    assert "many-class images" in drawings(lab)["figure-over-time"]["sentence"]


@pytest.mark.slow
def test_a_class_that_the_next_run_lacks_is_named_and_few_is_drawn(open_lab, manager):
    wide = make_run(manager.places.runs, dataset="cifar100")
    lab = open_lab(run=wide.run_id, view="Weights", over="57")
    assert "over = " not in words(lab)
    assert lab.selectbox(key="over_time_of").value == "57"
    lab.selectbox(key="control_dataset").select("digits").run()
    lab.button(key="start").click().run()
    assert not lab.exception
    assert lab.selectbox(key="over_time_of").value == "few"
    assert "over = '57' is not possible" in words(lab)


def test_beside_a_run_that_has_the_class_the_other_one_shows_its_few_classes(open_lab, manager):
    wide = make_run(manager.places.runs, dataset="cifar100")
    run = make_run(manager.places.runs)
    lab = open_lab(**{"run": wide.run_id, "with": run.run_id, "view": "Weights", "over": "57"})
    assert not lab.exception
    shown = drawings(lab)
    assert "class pear images" in shown["figure-over-time-A"]["sentence"]
    assert "few-class images" in shown["figure-over-time-B"]["sentence"]


def test_no_two_views_or_figures_share_a_name_and_no_two_links_a_parameter():
    figures = {figure for view in VIEWS for row in view.rows for figure in row}
    for names in (
        [view.name for view in VIEWS],
        [figure.name for figure in figures],
        [name for view in VIEWS if view.link for name in view.link.model_fields],
    ):
        assert len(set(names)) == len(names)
    questions = [thing.question for thing in (*VIEWS, *figures)]
    assert all(question.endswith("?") for question in questions)


@pytest.mark.parametrize("method", first_quick(["ce", "dkd"]))
@pytest.mark.parametrize(
    ("view", "drawn"),
    first_quick(
        [
            ("Surface", set()),
            ("Outer loop", {"figure-outer-losses"}),
            ("Weights", set()),
            ("Accuracy", {"figure-accuracy", "figure-class-accuracy", "figure-confusion"}),
        ],
        2,
    ),
)
def test_a_method_without_a_weight_net_says_so_in_each_view(open_lab, manager, method, view, drawn):
    run = make_run(manager.places.runs, method=method)
    lab = open_lab(run=run.run_id, view=view)
    assert not lab.exception
    shown = drawings(lab)
    del shown["class-counts"]
    assert {name for name, drawing in shown.items() if drawing["data"]} == drawn
    empty = [drawing["sentence"] for drawing in shown.values() if not drawing["data"]]
    assert all(f"{method.upper()} has no weight net" in sentence for sentence in empty)


@pytest.mark.parametrize("view", first_quick(["Surface", "Outer loop", "Weights", "Accuracy"], 2))
def test_before_the_first_epoch_each_view_keeps_its_places(open_lab, manager, view):
    run = make_run(manager.places.runs, done=0, state="running")
    lab = open_lab(run=run.run_id, view=view)
    assert not lab.exception
    shown = drawings(lab)
    del shown["class-counts"]
    assert shown
    assert not any(drawing["data"] for drawing in shown.values())


def test_what_a_link_says_is_drawn_and_stays_in_the_link(open_lab, manager):
    run = make_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Weights", over="many", axes="linear")
    assert not lab.warning
    assert "many-class images" in drawings(lab)["figure-over-time"]["sentence"]
    assert (lab.query_params["classes"], lab.query_params["axes"]) == ("many", "linear")
    lab.selectbox(key="over_time_of").set_value("few").run()
    assert "classes" not in lab.query_params
    choose(lab, "view", "Surface")
    [axes] = [group for group in lab.get("button_group") if group.key == "surface_axes"]
    assert axes.value == "linear"
    assert lab.query_params["axes"] == "linear"


def test_many_classes_are_drawn_one_by_one_where_the_address_says_so(open_lab, manager):
    run = make_run(manager.places.runs, dataset="cifar100", done=2)
    lab = open_lab(run=run.run_id, by="classes")
    assert drawings(lab)["figure-w-hard"]["data"][0]["uid"] == "heat"
    assert lab.query_params["by"] == "classes"
    choose(lab, "weights_by", "groups")
    assert drawings(lab)["figure-w-hard"]["data"][0]["uid"] == "base-0"
    assert "by" not in lab.query_params


def test_a_class_that_a_run_does_not_have_is_not_drawn_over_time(open_lab, manager):
    run = make_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Weights", over="57")
    assert not lab.exception
    assert "over = '57' is not possible: the run has the classes 0 to 9." in lab.warning[0].value
    assert "few-class images" in drawings(lab)["figure-over-time"]["sentence"]


def test_the_accuracy_view_shows_the_class_biases_of_a_run_that_has_them(open_lab, manager):
    run = make_run(manager.places.runs, method="kd", has_biases=True)
    lab = open_lab(run=run.run_id, view="Accuracy")
    assert not lab.exception
    drawn = drawings(lab)
    assert "Fitted after epoch 3 to 100 images of D_val" in drawn["figure-class-biases"]["sentence"]
    assert "Stars: with class biases" in drawn["figure-accuracy"]["sentence"]
    older = make_run(manager.places.runs, method="kd")
    lab = open_lab(run=older.run_id, view="Accuracy")
    assert "figure-class-biases" not in drawings(lab)
    pair = open_lab(**{"run": run.run_id, "with": older.run_id, "view": "Accuracy"})
    assert not pair.exception


def test_a_click_on_constant_weights_selects_the_class(manager):
    run = manager.snapshot(make_run(manager.places.runs, method="kd").run_id)
    moment = Moment(run, 3)
    assert moment.constants == {"hard": 0.5, "soft": 0.5}
    point = {"uid": "ridge-9", "x": 0.5, "y": -8.5, "customdata": 2}
    assert W_HARD.select(moment, point) == Selection("digit 9", (9,))


@pytest.mark.parametrize(
    ("options", "is_heard"),
    [
        ({}, True),
        ({"method": "kd"}, False),
        ({"over": "prior_kd", "weight_scale": "relative"}, False),  # no end to a voice
        ({"state": "running"}, False),
    ],
)
def test_a_run_whose_weights_are_two_voices_is_heard_once_it_has_ended(
    open_lab, manager, options, is_heard
):
    run = make_run(manager.places.runs, **options)
    lab = open_lab(run=run.run_id, view="Weights")
    assert not lab.exception
    heard = [
        data for data in components(lab) if isinstance(data, dict) and {"few", "many"} <= {*data}
    ]
    assert bool(heard) is is_heard
    if is_heard:
        assert "In words: over 3 epochs w_hard of few-shot classes" in heard[0]["words"]
