"""Two runs side by side, without a browser."""

import dataclasses

import pytest

from app.figures import on_same_axes
from app.figures.drawing import Drawing
from app.lab.pair import gain_over_kd, in_words
from app.lab.views import VIEWS
from bikd_core.config import RunConfig
from bikd_core.config.difference import differences
from tests.app.shown import components, drawings, words
from tests.made_up import make_run, with_log
from tests.repeated import first_quick


@pytest.fixture
def runs(manager):
    """A BiKD run and the KD run that differs in the method alone."""
    folder = manager.places.runs
    return tuple(make_run(folder, method=method).run_id for method in ("bikd", "kd"))


def test_every_figure_is_there_for_both_runs_and_the_one_difference_is_named(open_lab, runs):
    lab = open_lab(**{"run": runs[0], "with": runs[1], "view": "Accuracy"})
    assert not lab.exception
    assert "B differs only in method: KD instead of BiKD." in words(lab)
    shown = drawings(lab)
    for name in ("accuracy", "class-accuracy", "confusion"):
        first, second = shown[f"figure-{name}-A"], shown[f"figure-{name}-B"]
        assert first["title"] == first["title"].replace("B · ", "A · ")
        assert second["title"] == first["title"].replace("A · ", "B · ")
        assert first["data"]
        assert second["data"]
        assert first["layout"]["xaxis"]["range"] == second["layout"]["xaxis"]["range"]
    assert shown["figure-confusion-difference"]["data"]


def test_a_run_without_weights_says_so_beside_one_that_has_them(open_lab, runs, manager):
    dkd = make_run(manager.places.runs, method="dkd").run_id
    shown = drawings(open_lab(**{"run": runs[0], "with": dkd, "view": "Weights"}))
    assert shown["figure-w-hard-A"]["data"]
    assert not shown["figure-w-hard-B"]["data"]
    assert "DKD has no weight net" in shown["figure-w-hard-B"]["sentence"]


def test_the_constant_weights_of_kd_are_drawn_beside_those_that_bikd_learns(open_lab, runs):
    shown = drawings(open_lab(**{"run": runs[0], "with": runs[1], "view": "Weights"}))
    for name in ("figure-w-hard-B", "figure-w-soft-B", "figure-mean-weights-B"):
        assert shown[name]["data"]
    assert "KD learns no weights" in shown["figure-w-hard-B"]["sentence"]
    alone = drawings(open_lab(run=runs[1], view="Weights"))
    assert [data["file_name"] for data in alone.values() if not data["data"]] == []
    assert all(data["data"] for data in drawings(open_lab(run=runs[1])).values())


def test_bikd_against_kd_is_one_figure_whichever_is_opened(open_lab, runs):
    for first, second, name in (
        (*runs, "A (BiKD) against B (KD)"),
        (*runs[::-1], "B (BiKD) against A (KD)"),
    ):
        for view in ("Overview", "Accuracy"):
            shown = drawings(open_lab(**{"run": first, "with": second, "view": view}))
            assert shown["figure-paired-accuracy"]["title"].startswith(f"{name}: few ")


def test_runs_of_other_classes_are_not_paired(open_lab, runs, manager):
    other = make_run(manager.places.runs, method="kd", imbalance_factor=10.0).run_id
    shown = drawings(open_lab(**{"run": runs[0], "with": other}))
    assert "differ in their classes" in shown["figure-paired-accuracy"]["sentence"]


@pytest.mark.parametrize("second", first_quick(["../../etc", "digits-bikd-50-s0-zzzzz"]))
def test_junk_beside_a_run_is_named_and_the_run_is_shown_alone(open_lab, runs, second):
    lab = open_lab(**{"run": runs[0], "with": second})
    assert f"with = '{second}' is not a run of this server" in lab.warning[0].value
    assert drawings(lab)["figure-accuracy"]["data"]
    assert "with" not in lab.query_params


def test_a_run_beside_nothing_or_beside_itself_is_refused(open_lab, runs):
    assert "needs another run to stand beside" in words(open_lab(**{"with": runs[0]}))
    lab = open_lab(**{"run": runs[0], "with": runs[0]})
    assert "needs another run to stand beside" in words(lab)


@pytest.mark.slow
def test_the_lead_over_kd_is_told_where_that_run_exists_and_nowhere_else(open_lab, manager, runs):
    assert "+0.0 vs KD, same seed" in words(open_lab(run=runs[0]))
    other = make_run(manager.places.runs, seed=1).run_id
    assert "vs KD" not in words(open_lab(run=other))
    assert "vs KD" not in words(open_lab(run=runs[1]))


def test_a_kd_run_that_another_browser_has_just_opened_is_compared_with(open_lab, manager):
    run_id = make_run(manager.places.runs).run_id
    assert "vs KD" not in words(open_lab(run=run_id))
    make_run(manager.places.runs, method="kd")
    assert "+0.0 vs KD, same seed" in words(open_lab(run=run_id))


def test_the_rival_that_is_missing_is_made_with_the_same_seed_and_shown_beside(open_lab, manager):
    run_id = make_run(manager.places.runs, seed=5).run_id
    lab = open_lab(run=run_id)
    lab.button(key="rival").click().run()
    [(_, config)] = [asked for asked in manager.asked if asked[0] == "start"]
    asked_of_first = manager.snapshot(run_id).config
    assert [found.name for found in differences(asked_of_first, config)] == ["method"]
    assert config.training.seed == 5
    assert lab.query_params["run"] == run_id
    assert lab.query_params["with"] != run_id
    assert "B differs only in method" in words(lab)


def test_the_rival_that_is_missing_waits_for_an_answer_while_something_trains(open_lab, manager):
    trains = make_run(manager.places.runs, epochs=9, done=2, state="running", seed=5)
    lab = open_lab(run=make_run(manager.places.runs, seed=1).run_id)
    lab.button(key="rival").click().run()
    assert not manager.asked
    assert "training 2 of 9" in words(lab)
    [stop] = [button for button in lab.button if button.label == "Stop it and start"]
    stop.click().run()
    assert [what[0] for what in manager.asked] == ["stop", "start"]
    assert manager.asked[0][1] == trains.run_id
    assert lab.query_params["with"] not in {"", trains.run_id}


@pytest.mark.slow
def test_the_next_run_after_a_clone_stands_beside_the_old_one(open_lab, manager, runs):
    lab = open_lab(run=runs[0], seed="9")
    lab.button(key="clone").click().run()
    assert lab.number_input(key="control_seed").value == 0
    lab.number_input(key="control_temperature").set_value(2.0).run()
    lab.button(key="start").click().run()
    assert lab.query_params["with"] == runs[0]
    assert "B differs only in temperature: 4 instead of 2." in words(lab)


def test_differences_in_words():
    first = RunConfig()
    assert "any difference is chance" in in_words(differences(first, first))
    many = first.changed(inner_steps=5, seed=1, epochs=9, batch_size=32, momentum=0.5)
    said = in_words(differences(first, many))
    assert said.startswith("B differs in 5 controls: inner steps: 5 instead of 1; ")
    assert said.endswith("; and 1 more.")


def test_a_lead_needs_the_same_epoch_of_both(manager, runs):
    run = manager.snapshot(runs[0])
    short = manager.snapshot(make_run(manager.places.runs, done=1, method="kd").run_id)
    assert gain_over_kd(run, short, 2) == ""
    assert gain_over_kd(run, None, 1) == ""
    assert gain_over_kd(run, short, 1) == (
        f"{100 * (run.epochs[0].accuracy - short.epochs[0].accuracy):+.1f} vs KD, same seed"
    ).replace("-", "−")


def test_a_lead_is_the_difference_of_the_accuracies_that_are_shown(manager, runs):
    run, kd = (
        with_log(snapshot, epochs=(dataclasses.replace(snapshot.epochs[0], accuracy=accuracy),))
        for snapshot, accuracy in zip(map(manager.snapshot, runs), (0.60651, 0.55349), strict=True)
    )
    assert gain_over_kd(run, kd, 1) == "+5.4 vs KD, same seed"  # 60.7 % and 55.3 %


def test_axes_are_as_wide_as_both_need_and_keep_their_direction():
    def drawing(x, y, height):
        layout = {"xaxis": {"range": x, "title": {}}, "yaxis": {"range": y}, "margin": {}}
        return Drawing("q", "s", "a", [{}], layout, height)

    first, second = on_same_axes(
        drawing([0, 60], [9.5, -0.5], 300), drawing([0, 20], [4.5, -0.5], 400)
    )
    assert first.layout["xaxis"] == second.layout["xaxis"] == {"range": [0, 60], "title": {}}
    assert first.layout["yaxis"]["range"] == second.layout["yaxis"]["range"] == [9.5, -0.5]
    assert first.height == second.height == 400


@pytest.mark.slow
def test_another_run_is_chosen_from_the_list_and_taken_away_again(open_lab, manager, runs):
    lab = open_lab(run=runs[0])
    lab.selectbox(key="beside ").select(runs[1]).run()
    assert lab.query_params["with"] == runs[1]
    assert runs[1] not in lab.selectbox(key=f"beside {runs[1]}").options
    lab.button(key="alone").click().run()
    assert "with" not in lab.query_params
    assert lab.button(key="alone").disabled


#: One view of figures alone, and the two that hold something else.
FIRST = ("Overview", "Pictures", "One step")
OTHERS = [view.name for view in VIEWS if view.name not in FIRST]


@pytest.mark.parametrize("view", first_quick([*FIRST, *OTHERS], len(FIRST)))
def test_every_view_shows_both_runs(open_lab, runs, view):
    lab = open_lab(**{"run": runs[0], "with": runs[1], "view": view})
    assert not lab.exception
    assert not lab.warning
    shown = drawings(lab)
    if view == "One step":
        assert {"figure-step-noneA", "figure-step-noneB"} <= set(shown)
    elif view == "Pictures":
        titles = [data.get("title", "") for data in components(lab) if isinstance(data, dict)]
        assert {title[:4] for title in titles if " · " in title} == {"A · ", "B · "}
    else:
        names = {name[:-2] for name in shown if name.endswith(("-A", "-B"))}
        assert all({f"{name}-A", f"{name}-B"} <= set(shown) for name in names)
        assert names
