"""Single training pictures: which, in what order, what they had, and the view of them."""

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from app import figures, pictures
from app.pictures import COLUMNS, Selection
from bikd_core.config import RunConfig
from bikd_core.data.facts import planned_counts
from bikd_core.events import Frame, Panel
from tests.app.samples import epoch_done, histograms, make_run, started
from tests.app.shown import components

CONFIG = RunConfig.from_flat({"epochs": 3})
COUNTS = planned_counts(CONFIG.data)  # 106 to 2: 293 in all
LABELS = np.repeat(np.arange(10, dtype=np.int16), COUNTS)


def weights_at(epoch: int) -> np.ndarray:
    """[N, 2]: w_hard rises with the row, w_soft falls, and both with the epoch."""
    share = np.linspace(0, 1, len(LABELS))
    return (0.1 * epoch + 0.6 * np.stack([share, 1 - share], axis=1)).astype(np.float16)


def frame(epoch: int, *, has_weights: bool = True) -> Frame:
    rows = np.arange(len(LABELS), dtype=np.float32)
    made = epoch_done(CONFIG, epoch)
    return Frame(
        epoch=epoch,
        ce_student=rows / 100 / epoch,
        confusion=np.eye(10, dtype=np.int32),
        ce_teacher=rows / 200 if has_weights else None,
        weights=weights_at(epoch) if has_weights else None,
        influence=np.stack([-rows, rows], axis=1) * epoch if has_weights else None,
        histograms=histograms(CONFIG, made) if has_weights else None,
    )


def make_pictured_run(runs, **controls):
    """A run whose frames know every image; the picture of row r is number 2r of the digits."""
    folder = make_run(runs, done=3, **controls)
    with folder.lock():
        indices = 2 * np.arange(len(LABELS), dtype=np.int32)
        folder.append(Panel(labels=LABELS, original_indices=indices))
        for epoch in (1, 2, 3):
            folder.append(frame(epoch, has_weights=controls.get("method") != "ce"))
    return folder


@pytest.fixture
def snapshot(manager):
    return manager.snapshot(make_pictured_run(manager.places.runs).run_id)


def values(**columns) -> np.ndarray:
    """[N, 6], the named columns only."""
    made = np.full((len(next(iter(columns.values()))), len(COLUMNS)), np.nan, dtype=np.float16)
    for name, column in columns.items():
        made[:, COLUMNS.index(name)] = column
    return made


# Choice and order


def test_the_gallery_has_both_ends_of_the_order_and_no_picture_twice():
    w_soft = np.linspace(0.2, 0.9, 50)
    highest, lowest = pictures.sections(values(w_soft=w_soft), np.ones(50, bool), "soft")
    assert highest.rows == tuple(range(49, 37, -1))
    assert lowest.rows == tuple(range(12))
    assert (highest.title, lowest.title) == ("Highest w_soft", "Lowest w_soft")


@pytest.mark.parametrize("count", [1, 23, 24])
def test_few_pictures_are_one_section(count):
    losses = np.arange(count)[::-1]
    [section] = pictures.sections(values(ce_student=losses), np.ones(count, bool), "loss")
    assert section.rows == tuple(range(count))


def test_a_selection_without_pictures_is_said():
    [section] = pictures.sections(values(w_hard=[0.5, 0.6]), np.zeros(2, bool), "hard")
    assert section == ("None here", ())


def test_a_selection_keeps_its_classes_and_its_bin():
    labels = np.array([0, 1, 1, 1, 2])
    given = values(w_hard=[0.5, 0.5, 0.516, 0.499, 0.5], w_soft=[1, 1, 0.9, 1, 1])
    assert Selection("b", (1,)).keeps(labels, given).tolist() == [0, 1, 1, 1, 0]
    assert Selection("b", (1,), "hard", 32).keeps(labels, given).tolist() == [0, 1, 0, 0, 0]
    assert Selection("a, c", (0, 2), "soft", 63).keeps(labels, given).tolist() == [1, 0, 0, 0, 1]


def test_a_bin_that_is_clicked_on_holds_as_many_pictures_as_the_ridge_says(snapshot):
    from bikd_core.evaluation import weight_histograms

    given = pictures.values_at(snapshot, 2)
    counts = weight_histograms(weights_at(2), LABELS, 10)
    for kind, name in enumerate(("hard", "soft")):
        for label in (0, 9):
            for number in range(64):
                selection = Selection("", (label,), name, number)
                assert selection.keeps(LABELS, given).sum() == counts[kind, label, number]


def test_the_title_of_a_selection_names_the_weights_of_its_bin():
    assert Selection("digit 9", (9,)).title == "digit 9"
    assert Selection("digit 9", (9,), "soft", 16).title == "digit 9, w_soft 0.250 to 0.266"


# Clicks


def clicked(figure, by_class=True, **point):
    return pictures.selection_of(figure, point, started(CONFIG), by_class=by_class)


def test_a_click_on_a_ridge_selects_its_class_and_the_bin():
    assert clicked("w_hard", uid="ridge-9", x=0.5 / 64, y=-8.6) == Selection(
        "digit 9", (9,), "hard", 0
    )
    assert clicked("w_soft", uid="ridge-3", x=1.0, y=-2.5) == Selection("digit 3", (3,), "soft", 63)


def test_every_point_of_a_figure_selects_the_class_that_it_belongs_to():
    config = RunConfig.from_flat({"shuffle_classes": True, "split_seed": 3, "epochs": 3})
    begun, epoch = started(config), epoch_done(config, 3)
    drawing = figures.weight_distribution(histograms(config, epoch), epoch, begun, "hard")
    bars = figures.class_accuracy(epoch, begun)
    for trace in drawing.data:
        if trace["uid"].startswith("ridge"):
            for at, y in enumerate(trace["y"]):
                point = {"uid": trace["uid"], "x": trace["x0"] + at * trace["dx"], "y": y}
                found = pictures.selection_of("w_hard", point, begun, by_class=True)
                assert (found.words, found.bin) == (f"digit {trace['name']}", at)
    for y, words in zip(bars.data[0]["y"], bars.data[0]["customdata"], strict=True):
        point = {"uid": "student", "x": 50, "y": y}
        found = pictures.selection_of("class_accuracy", point, begun, by_class=True)
        assert found.words == f"digit {words[0]}"
        assert begun.class_counts[found.labels[0]] == int(words.split()[1])


def test_a_click_on_a_mean_selects_the_class_alone():
    assert clicked("w_hard", uid="means", x=0.7, y=-3.88) == Selection("digit 4", (4,))


def test_a_click_on_a_group_selects_its_classes():
    found = clicked("w_hard", by_class=False, uid="ridge-2", x=0.7, y=-1.9)
    assert found == Selection("few-shot classes", (7, 8, 9), "hard", 44)


def test_a_click_on_a_line_of_the_heat_map_selects_class_and_bin():
    begun = started(RunConfig.from_flat({"dataset": "cifar100"}))
    point = {"uid": "heat", "x": 0.5 / 64, "y": -99}
    found = pictures.selection_of("w_soft", point, begun, by_class=True)
    assert found == Selection("worm", (99,), "soft", 0)


@pytest.mark.parametrize(
    "point",
    [{}, {"uid": "means", "x": "a", "y": 0}, {"uid": None, "x": 0, "y": 5}]
    + [{"uid": "means", "x": 0.5, "y": y} for y in (-10, 2, float("inf"), float("nan"), True)]
    + [{"uid": "ridge-77", "x": 0.5, "y": 0}, {"uid": "ridge-x", "x": float("nan"), "y": 0}],
)
def test_junk_from_the_browser_selects_nothing(point):
    assert clicked("w_hard", **point) is None


def test_a_click_on_the_point_of_an_image_selects_that_image():
    panel = Panel(labels=LABELS, original_indices=2 * np.arange(len(LABELS), dtype=np.int32))
    found = pictures.selection_of_image({"customdata": 291}, started(CONFIG), panel)
    assert found.title == "digit 9, No. 582"
    assert np.flatnonzero(found.keeps(LABELS, values(w_hard=LABELS))).tolist() == [291]
    for junk in (-1, 293, 1.5, True, None, [3], "3"):
        assert pictures.selection_of_image({"customdata": junk}, started(CONFIG), panel) is None


# What frames hold


def test_the_history_of_a_picture_is_its_row_of_every_frame(snapshot):
    history = pictures.history(snapshot, 100)
    assert history.every == 1
    hard = [float(weights_at(epoch)[100, 0]) for epoch in (1, 2, 3)]
    assert history.line("w_hard") == hard
    assert history.line("ce_student") == pytest.approx([1, 1 / 2, 1 / 3], rel=1e-3)
    assert history.line("ce_teacher") == pytest.approx([0.5] * 3)
    assert history.line("influence_hard") == [-100, -200, -300]
    assert history.line("influence_soft") == [100, 200, 300]


def test_a_long_history_is_thinned(snapshot, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_POINTS", 2)
    history = pictures.history(snapshot, 7)
    assert history.every == 2
    assert history.line("influence_soft") == [7, 21]


def test_a_method_without_weights_has_losses_only(manager):
    run = make_pictured_run(manager.places.runs, method="ce")
    history = pictures.history(manager.snapshot(run.run_id), 5)
    assert history.line("w_hard") is history.line("influence_soft") is None
    assert history.line("ce_teacher") is None
    assert len(history.line("ce_student")) == 3


def test_frames_are_read_once_and_the_oldest_are_forgotten(snapshot, monkeypatch):
    monkeypatch.setattr(pictures, "_cache", pictures._Cache())
    first = pictures.values_at(snapshot, 1)
    assert pictures.values_at(snapshot, 1) is first
    monkeypatch.setattr(pictures, "CACHE_BYTES", 2 * first.nbytes)
    second = pictures.values_at(snapshot, 2)
    pictures.values_at(snapshot, 3)
    assert pictures.values_at(snapshot, 2) is second
    assert pictures.values_at(snapshot, 1) is not first


# Pictures for the browser


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_picture(channels):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    read = np.asarray(Image.open(io.BytesIO(pictures.encoded(picture, "png"))))
    assert np.array_equal(read.reshape(picture.shape), picture)


def test_photographs_are_small_in_the_gallery_and_exact_when_large(monkeypatch, tmp_path):
    across = np.linspace(0, 255, 32).astype(np.uint8)
    picture = np.stack([*np.meshgrid(across, across), np.full((32, 32), 90, np.uint8)], axis=-1)
    monkeypatch.setattr(pictures, "load_pictures", lambda *_: picture[None])
    exact, small = (
        pictures.data_uris("a set of photographs", [1], tmp_path, is_exact=is_exact)[0]
        for is_exact in (True, False)
    )
    assert exact.startswith("data:image/png")
    read = Image.open(io.BytesIO(base64.b64decode(exact.split(",")[1])))
    assert np.array_equal(np.asarray(read), picture)
    read = Image.open(io.BytesIO(base64.b64decode(small.split(",")[1])))
    off = np.abs(np.asarray(read.convert("RGB")).astype(int) - picture)
    assert off.mean() < 4
    assert len(small) < 1000


# The view


def galleries(lab) -> list[dict]:
    return [data for data in components(lab) if "sections" in data]


def portraits(lab) -> list[dict]:
    return [data for data in components(lab) if "portrait" in data]


def titles(lab) -> set[str]:
    return {data["title"] for data in components(lab) if "alt" in data}


def test_the_gallery_shows_the_extremes_of_the_chosen_epoch(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", epoch="2")
    assert not lab.exception
    [shown] = galleries(lab)
    (_, highest), (_, lowest) = shown["sections"]
    assert [picture["id"] for picture in highest] == [2 * row for row in range(292, 280, -1)]
    assert [picture["id"] for picture in lowest] == [2 * row for row in range(12)]
    assert highest[0]["alt"] == "digit 9, w_hard 0.80"
    assert highest[0]["group"] == "few"
    assert highest[0]["image"].startswith("data:image/png;base64,")
    assert shown["sentence"] == (
        "At epoch 2, of 293 training pictures, 10 of the 12 highest and 0 of the 12 lowest are of "
        "few-shot classes."
    )
    assert len(json.dumps(shown)) < 20_000


def test_the_order_can_be_that_of_the_soft_weights(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures")
    [choice] = [group for group in lab.get("button_group") if group.key == "gallery_by"]
    choice.set_value("soft").run()
    [shown] = galleries(lab)
    assert shown["sections"][0][1][0]["id"] == 0
    assert shown["sections"][0][1][0]["alt"] == "digit 0, w_soft 0.90"


def test_a_picture_of_the_link_shows_its_history(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", picture="200")
    [shown] = portraits(lab)
    assert shown["portrait"]["id"] == 200
    assert "No. 200 of Digits 8×8" in shown["lines"]
    assert {
        "How much weight does this picture get?",
        "Do student and teacher know it?",
        "Does the validation set want more of it?",
    } <= titles(lab)
    assert lab.query_params["picture"] == "200"
    lab.button(key="close_picture").click().run()
    assert not portraits(lab)
    assert "picture" not in lab.query_params


@pytest.mark.parametrize("picture", ["-1", "x", "1e3", "9" * 12, "٣"])
def test_junk_for_a_picture_is_named(open_lab, manager, picture):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", picture=picture)
    assert not lab.exception
    assert "picture = " in lab.warning[0].value


def test_a_picture_that_the_run_has_not_is_named(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures", picture="201")
    assert "Picture 201 is not among" in lab.info[0].value


def test_a_selection_filters_the_gallery_and_is_cleared(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures")
    lab.session_state["selection"] = (run.run_id, "w_hard", Selection("digit 9", (9,)))
    lab.run()
    [(title, items)] = galleries(lab)[0]["sections"]
    assert title == "All 2, highest w_hard first"
    assert {picture["name"] for picture in items} == {"9"}
    lab.button(key="clear_selection").click().run()
    assert len(galleries(lab)[0]["sections"]) == 2


def test_a_selection_is_that_of_one_run_only(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Pictures")
    lab.session_state["selection"] = ("another-run", "w_hard", Selection("digit 9", (9,)))
    lab.run()
    assert len(galleries(lab)[0]["sections"]) == 2


def test_a_strip_of_what_was_clicked_on_stands_under_the_figures(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    lab = open_lab(run=run.run_id)
    assert not galleries(lab)
    lab.session_state["selection"] = (run.run_id, "w_hard", Selection("digit 0", (0,)))
    lab.run()
    [strip] = galleries(lab)
    assert len(strip["sections"][0][1]) == 12
    assert strip["sections"][0][0] == "Highest w_hard"
    lab.button(key="open_pictures").click().run()
    assert lab.query_params["view"] == "Pictures"


def test_a_method_without_weights_is_ordered_by_the_students_loss(open_lab, manager):
    run = make_pictured_run(manager.places.runs, method="ce")
    lab = open_lab(run=run.run_id, view="Pictures", picture="200")
    assert not lab.exception
    [shown] = galleries(lab)
    assert "CE has no weights, so the student's loss orders them." in shown["sentence"]
    assert shown["sections"][0][1][0]["id"] == 2 * 292
    assert shown["sections"][0][1][0]["alt"] == "digit 9, loss 0.97"


def test_pictures_that_are_not_on_this_machine_are_told_how_to_get(open_lab, manager):
    folder = make_run(manager.places.runs, dataset="cifar10", done=1)
    with folder.lock():
        folder.append(
            Panel(
                labels=np.array([0, 9], dtype=np.int16),
                original_indices=np.array([4, 5], dtype=np.int32),
            )
        )
        folder.append(
            Frame(
                epoch=1,
                ce_student=np.ones(2, dtype=np.float32),
                confusion=np.eye(10, dtype=np.int32),
                weights=np.array([[0.2, 0.3], [0.4, 0.5]], dtype=np.float16),
            )
        )
    lab = open_lab(run=folder.run_id, view="Pictures")
    assert not lab.exception
    [shown] = galleries(lab)
    assert "The pictures of CIFAR-10 are not in" in shown["sentence"]
    assert [picture["image"] for picture in shown["sections"][0][1]] == ["", ""]


def test_a_damaged_frame_is_named(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    (run.path / "frames" / "0003.npz").write_bytes(b"junk")
    lab = open_lab(run=run.run_id, view="Pictures")
    assert not lab.exception
    assert "0003" in galleries(lab)[0]["sentence"]


def test_a_cell_of_the_confusion_selects_training_pictures_by_what_they_are_taken_for():
    begun = started(RunConfig())
    cell = pictures.selection_of_cell({"x": "3", "y": "8"}, begun, by_class=True)
    labels = np.array([8, 8, 8, 3])
    kept = cell.keeps(labels, values(taken_for=[3, 8, np.nan, 3]))
    assert kept.tolist() == [True, False, False, False]
    assert cell.title == "digit 8, in training taken for digit 3 by the student"
    thirds = pictures.selection_of_cell({"x": "many", "y": "few"}, begun, by_class=False)
    assert (thirds.labels, thirds.taken_for) == ((7, 8, 9), (0, 1, 2))


@pytest.mark.parametrize("point", [{}, {"x": "3"}, {"x": 3, "y": None}, {"x": "few", "y": "many"}])
def test_junk_for_a_cell_selects_nothing(point):
    assert pictures.selection_of_cell(point, started(RunConfig()), by_class=True) is None


@pytest.mark.parametrize(
    ("whose", "labels"), [("few", (7, 8, 9)), ("4", (4,)), ("many", (0, 1, 2))]
)
def test_a_click_on_the_weights_over_time_selects_the_bin_at_that_epoch(whose, labels):
    point = {"uid": "soft", "x": 12.0, "y": 10.5 / 64}
    found = pictures.selection_over_time(point, started(RunConfig()), whose, num_epochs=60)
    assert (found.labels, found.kind, found.bin, found.epoch) == (labels, "soft", 10, 12)
    assert found.title.endswith("w_soft 0.156 to 0.172 at epoch 12")
    beyond = point | {"x": 1e5, "y": 1.0}
    found = pictures.selection_over_time(beyond, started(RunConfig()), whose, num_epochs=60)
    assert (found.bin, found.epoch) == (63, 60)


@pytest.mark.parametrize("point", [{}, {"uid": "difference", "x": 3, "y": 0.5}, {"uid": "hard"}])
def test_nothing_is_behind_a_difference_over_time(point):
    assert pictures.selection_over_time(point, started(RunConfig()), "few", 60) is None


def test_a_picture_says_what_student_and_teacher_believe(open_lab, manager):
    run = make_pictured_run(manager.places.runs)
    [portrait] = portraits(open_lab(run=run.run_id, view="Pictures", picture="8"))
    assert any("earlier version" in line for line in portrait["lines"])
    run = make_pictured_run(manager.places.runs)
    for epoch in (1, 2, 3):
        count = len(frame(epoch).ce_student)
        top = np.tile(np.array([[4, 1, 9]], dtype=np.uint8), (count, 1))
        belief = np.tile(np.array([[204, 26, 10]], dtype=np.uint8), (count, 1))
        run.append(dataclasses.replace(frame(epoch), student_top=top, student_belief=belief))
    [portrait] = portraits(open_lab(run=run.run_id, view="Pictures", picture="8"))
    assert any(
        line.startswith("Student believes: 4 80 %") and "1 10 %" in line
        for line in portrait["lines"]
    )
    assert not any(line.startswith("Teacher") for line in portrait["lines"])


@pytest.mark.parametrize(
    ("uid", "labels"),
    [("few", (7, 8, 9)), ("many", (0, 1, 2)), ("hard-tail", (7, 8, 9)), ("soft-head", (0, 1, 2))],
)
def test_a_click_on_a_line_selects_the_third_of_the_classes_that_it_is_of(uid, labels):
    point = {"uid": uid, "x": 3, "y": 50}
    assert pictures.selection_of_line(point, started(RunConfig())).labels == labels


@pytest.mark.parametrize("point", [{}, {"uid": "balanced"}, {"uid": ["few"]}])
def test_a_line_of_all_classes_selects_nothing(point):
    assert pictures.selection_of_line(point, started(RunConfig())) is None


def test_every_line_of_a_third_can_be_clicked_on():
    epochs = [epoch_done(CONFIG, number) for number in (1, 2)]
    begun = started(CONFIG)
    drawn = (
        figures.accuracy_over_epochs(epochs, [], 2, 3),
        figures.mean_weights(epochs, begun, 2, 3),
    )
    uids = [trace["uid"] for drawing in drawn for trace in drawing.data]
    found = [uid for uid in uids if pictures.selection_of_line({"uid": uid}, begun)]
    assert found == [uid for uid in uids if uid != "balanced"]


@pytest.mark.parametrize(
    "damage",
    [
        {"student_top": np.full((293, 3), 10, np.uint8)},  # no such class
        {"student_top": np.zeros((292, 3), np.uint8)},
        {"student_top": np.zeros((293, 0), np.uint8)},
        {"student_top": np.full((293, 3), -1, np.int16)},
        {"student_belief": np.zeros((293, 2), np.uint8)},
        {"teacher_top": np.zeros(293, np.uint8), "teacher_belief": np.zeros(293, np.uint8)},
    ],
)
def test_beliefs_that_cannot_be_of_this_run_are_named_and_break_nothing(open_lab, manager, damage):
    run = make_pictured_run(manager.places.runs)
    fitting = {name: np.zeros((293, 3), np.uint8) for name in ("student_top", "student_belief")}
    with run.lock():
        run.append(dataclasses.replace(frame(3), **fitting | damage))
    lab = open_lab(run=run.run_id, view="Pictures", picture="8")
    assert not lab.exception
    assert "0003.npz: the beliefs of the" in galleries(lab)[0]["sentence"]
