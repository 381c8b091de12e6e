"""The run of somebody's own loop on the page: each view opens, and draws what the loop held."""

import numpy as np
import pytest
import torch

from app.lab.views import VIEWS
from app.takeaway.bake import bake
from app.takeaway.notebook import as_notebook
from bikd_core import Recorder
from bikd_core.config import ConfigError, RunConfig
from bikd_core.evaluation import bin_of
from bikd_core.events import SURFACE_AXIS
from bikd_core.runs.estimate import seconds_of_run
from bikd_core.speed import Speed, Speeds
from bikd_core.store.archive import export_run, import_run
from tests.app.shown import choose, components, drawings, words
from tests.made_up import make_run
from tests.torch_loops import NAMES, TEST, TRAIN, VAL, focal, meta_weight_net

EPOCHS = 3
VIEW_NAMES = [view.name for view in VIEWS]


def record(runs, loop, **changes):
    values = {"epochs": EPOCHS, "method": loop.__name__.replace("_", " "), "runs_dir": runs}
    with Recorder(TRAIN.y, NAMES, TEST.y, **values | changes) as recorder:
        held = loop(recorder, EPOCHS)
    return recorder.run_id, held


def mwn(manager, **changes):
    return record(manager.places.runs, meta_weight_net, val_labels=VAL.y, **changes)


def test_each_view_of_a_loop_with_weights_opens(open_lab, manager):
    run, _ = mwn(manager)
    lab = open_lab(run=run)
    for view in VIEW_NAMES:
        assert not choose(lab, "view", view).exception, view


def test_each_view_of_a_loop_without_any_weights_opens(open_lab, manager):
    run, _ = record(manager.places.runs, focal)
    lab = open_lab(run=run)
    for view in VIEW_NAMES:
        assert not choose(lab, "view", view).exception, view


@pytest.mark.parametrize("loop", [meta_weight_net, focal])
def test_the_distribution_and_the_means_are_the_loops_weights(open_lab, manager, loop):
    has_val = {"val_labels": VAL.y} if loop is meta_weight_net else {}
    run, held = record(manager.places.runs, loop, **has_val)
    shown = drawings(open_lab(run=run, view="Weights"))
    labels, last = TRAIN.y.numpy(), held.weights[-1]
    for label in range(4):
        [ridge] = [t for t in shown["figure-w-hard"]["data"] if t["uid"] == f"ridge-{label}"]
        counts = np.bincount(bin_of(last[labels == label], "sigmoid"), minlength=64)
        assert ridge["customdata"] == counts.tolist()
    few = [float(weights[labels == 3].mean()) for weights in held.weights]
    [line] = [t for t in shown["figure-mean-weights"]["data"] if t["name"] == "hard, few"]
    np.testing.assert_allclose(line["y"], few, atol=1e-3)
    assert "Recorder.batch" in shown["figure-w-soft"]["sentence"]


def test_accuracy_is_the_loops_own(open_lab, manager):
    run, held = mwn(manager)
    shown = drawings(open_lab(run=run, view="Accuracy"))
    [balanced] = [
        t for t in shown["figure-accuracy"]["data"] if t.get("name", "").startswith("balanced")
    ]
    means = [100 * np.mean(accuracy) for accuracy in held.test_accuracy]
    np.testing.assert_allclose(balanced["y"], means, atol=0.06)


def test_the_curve_of_the_weight_function_is_the_loops_weight_net(open_lab, manager):
    run, held = mwn(manager)
    shown = drawings(open_lab(run=run, view="Surface"))["figure-surface-hard"]
    curve = shown["data"][0]
    with torch.no_grad():
        inputs = torch.tensor(SURFACE_AXIS, dtype=torch.float32)[:, None]
        answers = held.weight_net(inputs)[:, 0].numpy()
    np.testing.assert_allclose(curve["y"][1:], answers, atol=1e-3)


def test_d_vals_loss_is_the_loops_own(open_lab, manager):
    run, held = mwn(manager)
    shown = drawings(open_lab(run=run, view="Outer loop"))
    line = shown["figure-outer-losses"]["data"][0]
    np.testing.assert_allclose(line["y"], held.val_loss, rtol=1e-3)
    for name in ("norm", "cosine"):
        sentence = shown[f"figure-hypergradient-{name}"]["sentence"]
        assert f"Recorder.end_epoch(…, hypergradient_{name}=…) does" in sentence


def test_views_that_lack_their_data_name_the_call_that_gives_it(open_lab, manager):
    run, _ = record(manager.places.runs, focal)
    lab = open_lab(run=run, view="Surface")
    assert "weight_function=…) does" in drawings(lab)["figure-surface-hard"]["sentence"]
    shown = drawings(choose(lab, "view", "Outer loop"))
    assert "val_loss=…) does" in shown["figure-outer-losses"]["sentence"]
    galleries = [c for c in components(choose(lab, "view", "Pictures")) if "sections" in str(c)]
    assert any("Recorder(…, pictures=…) does" in str(gallery) for gallery in galleries)
    shown = drawings(choose(lab, "view", "One step"))
    assert any("no call of it keeps single steps" in data["sentence"] for data in shown.values())


def test_pictures_are_shown_where_they_were_asked_for(open_lab, manager):
    pictures = np.full((len(TRAIN.y), 8, 8, 3), 200, np.uint8)
    run, _ = mwn(manager, pictures=pictures, data="Points of mine")
    text = str(components(open_lab(run=run, view="Pictures")))
    assert "data:image/webp" in text
    lab = open_lab(run=run, view="Pictures", picture="70")
    assert "No. 70 of Points of mine" in str(components(lab))


def test_the_page_steers_nothing_and_keeps_its_own_controls(open_lab, manager):
    run, _ = mwn(manager)
    lab = open_lab(run=run)
    assert lab.session_state["session"].controls["dataset"] == "digits"
    assert lab.button(key="pause").disabled
    assert "meta weight net" in words(lab)
    assert not [button for button in lab.button if button.key in ("clone", "rival")]


def test_beside_another_run_nothing_is_claimed_of_the_difference(open_lab, manager):
    run, _ = mwn(manager)
    other, _ = record(manager.places.runs, focal)
    trained = make_run(manager.places.runs).run_id
    for second, said in ((other, "A and B were recorded in"), (trained, "A was recorded")):
        lab = open_lab(run=run, **{"with": second})
        assert not lab.exception
        assert said in words(lab)


def test_a_loop_becomes_one_html_file_and_an_import_opens(open_lab, manager, tmp_path):
    run, _ = mwn(manager)
    baked = bake([manager.snapshot(run)])
    assert baked.last_epoch == EPOCHS
    assert {"w_hard", "accuracy", "surface_hard"} <= set(baked.frames)
    export_run(manager.snapshot(run).folder, tmp_path / "run.zip")
    manager.snapshot(run).folder.delete()
    imported = import_run(tmp_path / "run.zip", manager.places.runs)
    lab = open_lab(run=imported.run_id, view="Pictures")
    assert not lab.exception


def test_an_html_file_has_its_pictures_only_if_asked_and_no_notebook_trains_it(manager):
    pictures = np.full((len(TRAIN.y), 8, 8, 3), 200, np.uint8)
    snapshot = manager.snapshot(mwn(manager, pictures=pictures)[0])
    assert bake([snapshot]).pictures is None
    asked = bake([snapshot], has_pictures=True).pictures
    assert all(image.startswith("data:image/webp") for image in asked.images)
    with pytest.raises(ConfigError, match="A notebook could not train it again"):
        as_notebook(snapshot)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["", "lab", "compare", "studies", "teachers"])
def test_every_page_opens_where_such_a_run_is_in_the_list(open_page, manager, page):
    record(manager.places.runs, focal)
    assert not open_page(page).exception


def test_how_long_a_run_takes_is_estimated_beside_such_a_run(manager):
    record(manager.places.runs, focal)
    measured = Speeds(Speed(0.001, 0.0), Speed(0.001, 0.0))
    assert seconds_of_run(RunConfig(), manager.list(), [], lambda: measured) > 0
