"""The response surfaces by value."""

import dataclasses
import json
from typing import ClassVar

import numpy as np
import pytest

from app import figures
from app.figures.surface import LOG_FROM, MAX_IMAGES, drawn_images
from app.figures.weight_health import judge
from bikd_core.config import RunConfig
from bikd_core.evaluation import surface_at
from bikd_core.events import SURFACE_AXIS
from tests import made_up
from tests.app.shown import unpacked
from tests.made_up import started


def slope(teacher, student):
    """A surface that rises with both losses, between 0 and 1."""
    return (np.log(student / 1e-3) + 0.5 * np.log(teacher / 1e-3)) / 15


def frame_of(config, surface=slope, seed=0):
    labels = made_up.labels_of(config)
    generator = np.random.default_rng(seed)
    losses = np.exp(generator.uniform(np.log(1e-3), np.log(10), (2, len(labels))))
    teacher, student = np.meshgrid(SURFACE_AXIS, SURFACE_AXIS, indexing="ij")
    answers = np.broadcast_to(surface(teacher, student), teacher.shape)
    frame = made_up.frame(
        7,
        losses[0],
        10,
        ce_teacher=losses[1].astype(np.float32),
        surface=np.stack([answers, 1 - answers]).astype(np.float16),
    )
    return frame, made_up.panel(labels)


def draw(kind="hard", axes="log", surface=slope, **controls):
    config = RunConfig.from_flat(controls)
    frame, panel = frame_of(config, surface)
    return frame, panel, figures.response_surface(frame, panel, started(config), kind, axes)


def points(drawing):
    return [trace for trace in drawing.data if trace["uid"].startswith("images")]


@pytest.mark.parametrize(("kind", "column"), [("hard", 0), ("soft", 1)])
@pytest.mark.parametrize("axes", ["log", "linear"])
def test_the_map_is_the_stored_surface_teacher_up_student_right(kind, column, axes):
    frame, _, drawing = draw(kind, axes)
    heat = drawing.data[0]
    z = np.array(heat["z"])
    assert np.allclose(z[1:, 1:], frame.surface[column], atol=5.1e-4)
    assert heat["x"][1:] == heat["y"][1:] == pytest.approx(SURFACE_AXIS, rel=1e-3)
    assert (z[0, 1:] == z[1, 1:]).all()  # the first step of the grid goes on to the axes' ends
    assert (z[1:, 0] == z[1:, 1]).all()


def test_images_and_verdict_are_taken_where_the_net_saw_them():
    config = RunConfig.from_flat({"prior": "hard"})
    frame, panel = frame_of(config)
    seen = np.full_like(frame.ce_student, 0.5)
    frame = dataclasses.replace(frame, seen_by_net=seen, ce_teacher=seen)
    drawing = figures.response_surface(frame, panel, started(config), "hard")
    assert {x for trace in points(drawing) for x in trace["x"]} == {0.5}
    assert "▬ flat" in drawing.layout["annotations"][0]["text"]  # all have the same weight
    assert "as the net saw it" in drawing.layout["xaxis"]["title"]["text"]


def test_hard_and_soft_have_the_same_axes_and_colours():
    (_, _, hard), (_, _, soft) = draw("hard"), draw("soft")
    assert hard.layout["xaxis"] == soft.layout["xaxis"]
    assert hard.layout["yaxis"] == soft.layout["yaxis"]
    for name in ("zmin", "zmax", "colorscale", "contours"):
        assert hard.data[0][name] == soft.data[0][name]
    assert (hard.data[0]["zmin"], hard.data[0]["zmax"]) == (0, 1)


def test_every_image_stands_at_its_losses_in_its_class():
    frame, panel, drawing = draw(shuffle_classes=True)
    seen = []
    for trace in points(drawing):
        label = int(trace["uid"].removeprefix("images-"))
        rows = trace["customdata"]
        assert (panel.labels[rows] == label).all()
        assert trace["x"] == pytest.approx(frame.ce_student[rows], rel=0.01)
        assert trace["y"] == pytest.approx(frame.ce_teacher[rows], rel=0.01)
        seen += rows
    assert sorted(seen) == list(range(len(panel.labels)))


def test_groups_differ_by_colour_and_symbol_and_are_named_once():
    named = [trace for trace in points(draw()[2]) if trace["showlegend"]]
    assert [trace["name"] for trace in named] == ["many", "medium", "few"]
    assert len({trace["marker"]["symbol"] for trace in named}) == 3
    assert len({trace["marker"]["color"] for trace in named}) == 3


def test_between_grid_points_the_surface_is_bilinear_in_the_logarithms():
    teacher, student = np.meshgrid(SURFACE_AXIS, SURFACE_AXIS, indexing="ij")
    losses = np.array([[0.0123, 4.0, 1e-3, 16.0], [0.7, 0.002, 1e-3, 16.0]])
    assert surface_at(slope(teacher, student), losses) == pytest.approx(slope(losses[1], losses[0]))


def test_beyond_the_grid_the_surface_goes_on_level():
    teacher, student = np.meshgrid(SURFACE_AXIS, SURFACE_AXIS, indexing="ij")
    outside = surface_at(slope(teacher, student), np.array([[0.0, 99.0], [0.0, 99.0]]))
    assert outside == pytest.approx([slope(1e-3, 1e-3), slope(16.0, 16.0)])


class TestLight:
    TENTHS: ClassVar = np.linspace(0.3, 0.7, 101)

    def test_alive_by_the_range_of_the_middle_nine_tenths(self):
        collapse = judge(self.TENTHS)
        assert collapse.light == "alive"
        assert (collapse.low, collapse.high) == pytest.approx((0.32, 0.68))
        assert collapse.range == pytest.approx(0.36)

    @pytest.mark.parametrize(("width", "light"), [(0.04, "flat"), (0.07, "alive")])
    def test_flat_below_the_limit(self, width, light):
        assert judge(0.5 + width * (self.TENTHS - 0.5) / 0.4).light == light

    def test_a_few_images_elsewhere_do_not_hide_that_it_is_flat(self):
        assert judge(np.append(np.full(99, 0.5), 0.9)).light == "flat"

    @pytest.mark.parametrize(("share", "light"), [(0.95, "saturated"), (0.85, "alive")])
    def test_saturated_where_most_weights_are_beyond_the_limits(self, share, light):
        count = round(100 * share)
        weights = np.array([0.01, 0.99] * count + [0.5] * 2 * (100 - count))
        collapse = judge(weights)
        assert collapse.light == light
        assert collapse.saturated_share == pytest.approx(share)

    @pytest.mark.parametrize(
        ("value", "words"), [(0.5, "flat · range 0.00"), (0.99, "saturated · 100 % beyond")]
    )
    def test_the_light_stands_in_words_with_its_number(self, value, words):
        *_, drawing = draw(surface=lambda teacher, student: value)
        text = drawing.layout["annotations"][0]["text"].replace("<b>", "").replace("</b>", "")
        assert words in text
        assert words.split(" ", 1)[0] in drawing.sentence


def test_losses_off_the_log_axes_stand_at_their_rim_and_are_counted():
    config = RunConfig()
    frame, panel = frame_of(config)
    frame.ce_student[[3, 5]] = [0.0, 1e-7]
    drawing = figures.response_surface(frame, panel, started(config), "hard", "log")
    assert sum(trace["x"].count(LOG_FROM) for trace in points(drawing)) == 2
    assert drawing.sentence.endswith(" 2 with a loss below 10⁻⁵ are drawn at the edge.")
    linear = figures.response_surface(frame, panel, started(config), "hard", "linear")
    assert "rim" not in linear.sentence


@pytest.mark.parametrize("axes", ["log", "linear"])
def test_of_many_images_an_even_share_of_each_class_is_drawn_and_it_is_said(axes):
    _, panel, drawing = draw(dataset="cifar100", axes=axes)
    drawn = sum(len(trace["x"]) for trace in points(drawing))
    assert len(points(drawing)) == 3  # by group: a hundred classes have no names
    assert f"{drawn:,} of {len(panel.labels):,} images are drawn" in drawing.sentence
    assert drawn <= MAX_IMAGES + 100
    assert drawing.data[1]["uid"] == "density"
    assert len(json.dumps(drawing._asdict())) < 40_000  # two of them are a view


def test_the_drawn_images_are_every_nth_of_each_class():
    labels = np.repeat([0, 1, 2], [1200, 400, 1])
    assert np.bincount(labels[drawn_images(labels)]).tolist() == [400, 134, 1]
    assert len(drawn_images(labels[:MAX_IMAGES])) == MAX_IMAGES


@pytest.mark.parametrize("axes", ["log", "linear"])
def test_the_density_outlines_hold_the_share_they_name(axes):
    """Of all images, those in bins at or above the level: half, nine tenths, to a bin."""
    *_, drawing = draw(dataset="cifar10", axes=axes)
    z, lines = np.array(drawing.data[1]["z"]), drawing.data[1]["contours"]
    for level, share in ((lines["end"], 0.5), (lines["start"], 0.9)):
        assert z[z >= level].sum() / z.sum() == pytest.approx(share, abs=0.03)
    assert lines["size"] == lines["end"] - lines["start"]


def test_linear_axes_begin_at_0_and_end_above_all_losses():
    frame, _, drawing = draw(axes="linear")
    for axis, losses in (("xaxis", frame.ce_student), ("yaxis", frame.ce_teacher)):
        low, high = drawing.layout[axis]["range"]
        assert low == 0
        assert high / 2 < losses.max() <= high


def test_a_method_without_a_surface_is_refused():
    config = RunConfig()
    frame = made_up.frame(1, np.ones(3), 10)
    panel = made_up.panel(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="weight net"):
        figures.response_surface(frame, panel, started(config), "hard")


@pytest.mark.parametrize("dataset", ["digits", "cifar100"])
def test_figures_are_strict_json_with_unique_trace_names_that_are_css_classes(dataset):
    drawing = draw(dataset=dataset)[2]
    json.dumps(drawing._asdict(), allow_nan=False)
    uids = [trace["uid"] for trace in drawing.data]
    assert len(set(uids)) == len(uids)
    assert all(uid.replace("-", "").isalnum() for uid in uids)
    assert drawing.sentence in drawing.alt


class TestRelative:
    """Weights as multiples of the objective's own."""

    def drawn(self, kind="hard", weights=None, **options):
        config = RunConfig.from_flat({"over": "prior_kd", "weight_scale": "relative"})
        frame, panel = frame_of(
            config, lambda teacher, student: np.exp(8 * slope(teacher, student) - 4)
        )
        if weights is not None:
            frame = dataclasses.replace(frame, weights=weights.astype(np.float16))
        begun = started(config)
        return frame, figures.response_surface(
            frame, panel, begun, kind, scale="relative", **options
        )

    def test_the_map_is_a_logarithm_with_the_colours_even_around_1(self):
        frame, drawing = self.drawn()
        heat = drawing.data[0]
        within = np.clip(frame.surface[0].astype(float), 20 ** (-32.5 / 31), 20 ** (31.5 / 31))
        z = unpacked(heat["z"])[1:, 1:] / 1000
        assert z == pytest.approx(np.log10(within), abs=6e-4)
        assert heat["zmin"] == -heat["zmax"] == pytest.approx(-1000 * np.log10(20), abs=0.5)
        assert heat["colorbar"]["ticktext"] == ["≤ 1/20×", "1/5×", "1×", "5×", "≥ 20×"]
        shown = np.array(heat["customdata"])[1:, 1:]
        assert shown == pytest.approx(frame.surface[0].astype(float), rel=0.06)

    def test_the_line_at_1_is_drawn(self):
        own = next(trace for trace in self.drawn()[1].data if trace["uid"] == "own-weight")
        assert (own["contours"]["start"], own["contours"]["end"]) == (0, 0)

    def test_the_light_reads_the_weights_that_the_images_had(self):
        num = len(made_up.labels_of(RunConfig()))
        weights = np.stack([np.ones(num), np.geomspace(0.1, 10, num)], axis=1)
        flat, alive = (self.drawn(kind, weights)[1] for kind in ("hard", "soft"))
        assert "flat · 1× to 1×" in flat.layout["annotations"][0]["text"].replace("</b>", "")
        assert "w_soft runs from 0.13× to 7.9× the objective's own weight" in alive.sentence

    def test_a_note_about_the_inputs_ends_the_sentence(self):
        drawing = self.drawn(note="The points stand elsewhere.")[1]
        assert drawing.sentence.endswith(" The points stand elsewhere.")
        json.dumps(drawing._asdict(), allow_nan=False)

    @pytest.mark.parametrize("axes", ["log", "linear"])
    def test_two_of_them_with_many_images_are_small_enough_to_poll(self, axes):
        config = RunConfig.from_flat({"dataset": "cifar100", "weight_scale": "relative"})
        frame, panel = frame_of(config, lambda teacher, student: np.exp(slope(teacher, student)))
        begun = started(config)
        drawing = figures.response_surface(frame, panel, begun, "hard", axes, "relative")
        assert len(json.dumps(drawing._asdict())) < 50_000
