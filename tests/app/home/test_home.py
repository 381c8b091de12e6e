"""The first page: a picture that moves, three doors and the recorded runs; no torch."""

import numpy as np
import pytest

from app.figures.classes import rows_of
from app.figures.playing import NUM_RARE, playing, read_multiples, read_weights
from app.figures.thumbnail import weight_thumbnail
from app.shared.glossary import marks
from app.shared.recorded import recorded_runs, what_it_shows
from tests.app.shown import components, words
from tests.app.test_navigation import links_of


@pytest.fixture(scope="module")
def bikd():
    return next(run for run in recorded_runs() if run.has_weights)


def test_it_shows_a_run_doors_and_cards_without_a_click(open_page):
    home = open_page("")
    assert not home.exception
    [shown] = [data for data in components(home) if "hard" in data]
    assert len(shown["hard"]) == len(shown["rare"]) == 60
    assert {"**Learn**", "**Try**", "**Compare**"} <= set(links_of(home))
    names = {button.label for button in home.button}
    assert len([run for run in recorded_runs() if run.name.split(":")[0] in str(names)]) >= 3
    assert "few-shot classes" in words(home)


def test_each_term_of_the_page_has_its_meaning_at_hand(open_page):
    home = open_page("")
    [shown] = [data for data in components(home) if "hard" in data]
    marked = {mark[2] for found in shown["terms"].values() for mark in found}
    helps = " ".join(caption.help for caption in home.caption if caption.help)
    said = f"{shown['intro']} {shown['rival']} {shown['sentence']} {words(home)}"
    used = {mark[2] for mark in marks(said.replace("\N{NO-BREAK SPACE}", " "))}
    assert {name for name in used - marked if f"**{name}**" not in helps} == set()
    assert {"KD", "BiKD", "balanced accuracy", "weight net"} <= used


def test_a_card_opens_its_run_in_the_lab(open_page, manager, monkeypatch):
    opened = []
    monkeypatch.setattr(
        manager, "open_recorded", lambda path, _: opened.append(path), raising=False
    )
    home = open_page("")
    home.button(key="home recorded 2-digits-kd").click().run()
    assert [path.stem for path in opened] == ["2-digits-kd"]


def test_its_numbers_are_those_of_the_run(bikd):
    shown = playing(bikd.started, bikd.epochs)
    last = bikd.epochs[-1]
    rare = np.argsort(bikd.started.class_counts)[:NUM_RARE]
    assert shown.rare[-1] == pytest.approx(
        np.mean([last.accuracy_per_class[c] for c in rare]), abs=1e-3
    )
    assert shown.hard[-1][-1] == pytest.approx(last.w_hard_per_class[9], abs=1e-3)
    assert f"({np.mean([last.w_hard_per_class[c] for c in rare]):.2f})" in shown.sentence


@pytest.mark.parametrize(
    ("hard", "soft", "said"),
    [
        ([0.5, 0.5, 0.9], [0.1, 0.1, 0.3], "(0.63) come to count more than what the teacher says"),
        ([0.9, 0.9, 0.1], [0.9, 0.9, 0.8], "less than what the teacher says"),
        ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5], "as much as what the teacher says"),
    ],
)
def test_the_sentence_says_what_the_numbers_say(hard, soft, said):
    assert said in read_weights(hard, soft, rows_of(("a", "b", "c"), (9, 3, 1)))


def test_where_nothing_is_rare_the_sentence_says_so_and_how_far_the_classes_lie_apart():
    level = rows_of(("a", "b", "c"), (5, 5, 5))
    near = read_weights([0.7] * 3, [0.89, 0.9, 0.91], level)
    assert near == (
        "No class is rare: labels count 0.70 and the teacher 0.90, nearly the same in every class."
    )
    apart = read_weights([0.7] * 3, [0.6, 0.9, 0.9], level)
    assert apart == (
        "No class is rare: labels count 0.70 (0.70 to 0.70 by class) and the teacher 0.80 "
        "(0.60 to 0.90 by class)."
    )


def test_multiples_are_said_as_multiples():
    said = read_multiples([1.0, 1.0, 2.5], [1.0, 1.0, 1.3], rows_of(("a", "b", "c"), (9, 3, 1)))
    assert said == (
        "Rare classes: their labels come to count 1.5× what the objective gives them, and what "
        "the teacher says 1.1×; the labels of frequent ones 1.5×."
    )
    level = read_multiples([0.5, 1.0, 2.0], [1.0, 1.1, 1.3], rows_of(("a", "b", "c"), (5, 5, 5)))
    assert "labels count 0.5× to 2× what the objective gives them, by class" in level


def test_a_recorded_run_names_what_it_is_laid_over():
    [strongest] = [run for run in recorded_runs() if "strongest" in run.name]
    assert strongest.method == "BiKD over Balanced LTKD (relative)"
    assert "×" in what_it_shows(strongest)
    assert {run.method for run in recorded_runs()} == {"BiKD", "KD", strongest.method}


def test_each_recorded_run_says_in_one_sentence_what_it_shows():
    sentences = [what_it_shows(run) for run in recorded_runs()]
    assert len(set(sentences)) == len(sentences)
    assert any("Every picture counts the same: its label 0.50" in each for each in sentences)


def test_a_thumbnail_is_drawn_with_and_without_a_weight_net(bikd):
    rows = rows_of(bikd.started.class_names, bikd.started.class_counts)
    counts = np.zeros((10, 64), np.int32)
    pictures = {
        weight_thumbnail(*given)
        for given in [(counts, rows, None), (None, rows, 0.5), (None, rows, None)]
    }
    assert len(pictures) == 3
    assert all(picture.startswith("data:image/svg+xml;base64,") for picture in pictures)
