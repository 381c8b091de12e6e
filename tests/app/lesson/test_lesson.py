"""The lesson: every card is complete, its numbers come from runs, and bad input is one sentence."""

import math
import shutil
from functools import partial

import numpy as np
import pytest
import torch

from app.components.run_sound import sound_of
from app.lesson import belief, cards, scenes
from app.lesson import link as lesson_link
from app.lesson import page as lesson_page
from app.lesson import text as lesson_text
from app.lesson.cards import FOLDER, PLACEHOLDER, LessonError, count, read_card, symbols
from app.lesson.scene import Knob
from app.shared.glossary import marks, terms
from bikd_core.losses import loss_gradients
from tests.app.shown import components, drawings, words

NUMBERS = range(1, count() + 1)
MAX_WORDS = 60


def shown_card(page):
    return next(data for data in components(page) if "question" in data)


def drawings_of(stage):
    """The figures of a stage: with a slider, those at its ends and where it begins."""
    if not isinstance(stage, Knob):
        return [stage]
    return [stage.draw(value) for value in (stage.low, stage.start, stage.high)]


def move_knob(page, view, label, value):
    page.session_state["session"].knobs[f"{view} {label}"] = value
    page.run()
    assert not page.exception


def symbols_of(card):
    return [part for part in card["equation"] if len(part) == 3]


def test_there_are_ten_cards_or_fewer_and_none_is_left_out():
    assert count() <= 10
    assert [path.name[:2] for path in cards._files(FOLDER / "en")] == [f"{n:02d}" for n in NUMBERS]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_card_is_short_and_each_of_its_numbers_is_computed(number):
    card, complaint = read_card(number)
    scene = scenes.scene(card.view)
    assert complaint == ""
    assert len(f"{card.body} {card.reveal}".split()) <= MAX_WORDS
    assert card.placeholders() <= set(scene.numbers)
    typed = PLACEHOLDER.sub("", f"{card.body} {card.reveal} {card.question}")
    assert not any(sign.isdigit() for sign in typed)
    assert 0 <= card.right_choice(scene.numbers) < len(card.choices)
    for stage in (scene.before, scene.after):
        assert all(drawn.data and drawn.alt and drawn.sentence for drawn in drawings_of(stage))


@pytest.mark.parametrize("number", NUMBERS)
def test_each_symbol_of_an_equation_has_a_meaning_and_a_value(number):
    card, _ = read_card(number)
    names = PLACEHOLDER.findall(card.equation)
    assert names
    assert set(names) <= set(symbols())
    assert all(scenes.scene(card.view).numbers[name] for name in names)


def test_no_symbol_is_explained_that_no_equation_has():
    used = {name for n in NUMBERS for name in PLACEHOLDER.findall(read_card(n)[0].equation)}
    assert set(symbols()) == used


def test_equations_hold_for_the_numbers_that_they_show():
    def of(view):
        return {
            name: cards.number_in(text)
            for name, text in scenes.scene(view).numbers.items()
            if text[:1] in "+−0123456789"
        }

    ratio, own, step, gain = of("one_ratio"), of("own_weight"), of("one_step"), of("help")
    mixed = ratio["alpha"] * ratio["hard_loss"] + (1 - ratio["alpha"]) * ratio["soft_loss"]
    assert ratio["loss"] == pytest.approx(mixed, abs=2e-3)
    weighted = own["w_hard_i"] * own["hard_i"] + own["w_soft_i"] * own["soft_i"]
    assert own["loss_i"] == pytest.approx(weighted, abs=1e-2)
    assert step["change"] == pytest.approx(step["L_after"] - step["L_before"], abs=1e-9)
    assert gain["gain"] == pytest.approx(gain["accuracy"] - gain["accuracy_kd"], abs=1e-9)


@pytest.mark.parametrize("temperature", [1, 4, 12])
def test_the_softened_probability_is_that_of_the_moved_temperature(open_page, temperature):
    page = open_page("learn", lesson="3")
    page.session_state["session"].lesson_answers[3] = 0
    move_knob(page, "two_losses", "Temperature", temperature)
    values = [float(value) for _, _, value in symbols_of(shown_card(page))]
    target, score, shown, powers = values
    assert shown == temperature
    assert target == pytest.approx(math.exp(score / temperature) / powers, abs=2e-3)
    assert f"At temperature {temperature} " in drawings(page)["lesson-figure"]["sentence"]


def test_a_value_that_a_slider_cannot_have_is_the_nearest_one_it_can(open_page):
    page = open_page("learn", lesson="1")
    move_knob(page, "long_tail", "Imbalance factor", 10**6)
    assert "1 in the smallest" in drawings(page)["lesson-figure"]["sentence"]


def test_the_pushes_on_the_scores_are_those_of_the_engine():
    picture = scenes._beliefs().pictures[9]
    student, teacher = (torch.tensor([z]) for z in (picture.student, picture.teacher))
    for temperature in (1, 4):
        expected = -loss_gradients(student, teacher, torch.tensor([picture.label]), temperature)[0]
        np.testing.assert_allclose(belief.pulls(picture, temperature), expected, atol=1e-6)
    assert scenes.scene("two_losses").numbers["also"] != "none"  # the card says that there is one


def test_the_best_ratio_is_where_the_table_has_it():
    numbers, ratios = scenes.scene("one_ratio").numbers, scenes._ratios()
    for name, condition in zip(("alpha_clean", "alpha_noisy"), ratios.conditions, strict=True):
        means = [mean.mean for mean in condition.accuracy["few"]]
        assert float(numbers[name]) == condition.alphas[means.index(max(means))]
    assert numbers["alpha_clean"] != numbers["alpha_noisy"]  # the card says that it moves
    assert (FOLDER / "ratios.json").stat().st_size < 20_000


def test_a_table_that_is_missing_is_one_sentence(open_page, monkeypatch, tmp_path):
    monkeypatch.setattr(scenes, "ASSETS", tmp_path)
    scenes.scene.clear()
    page = open_page("learn", lesson="4")
    assert not page.exception
    assert "The table ratios.json is missing or cannot be read." in words(page)


def test_the_weights_can_be_heard_after_the_reveal_and_are_told_in_words(open_page):
    page = open_page("learn", lesson="5")
    assert not [data for data in components(page) if "many" in data and "few" in data]
    page.session_state["session"].lesson_answers[5] = 1
    page.run()
    [sound] = [data for data in components(page) if "many" in data and "few" in data]
    run = scenes.scene("own_weight").run
    assert sound["words"] == sound_of(run.epochs, run.started).words
    assert len(sound["few"]) == len(sound["many"]) == len(run.epochs)
    assert f"rises from {sound['few'][0]:.2f} to {sound['few'][-1]:.2f}" in sound["words"]


@pytest.mark.parametrize("number", NUMBERS)
def test_each_term_on_a_card_is_marked_where_it_is_first_used(open_page, number):
    page = open_page("learn", lesson=str(number))
    page.session_state["session"].lesson_answers[number] = 0
    page.run()
    card = shown_card(page)
    texts = [card[name] for name in ("title", "body", "question", "reveal")]
    marked = [mark[2] for found in card["terms"].values() for mark in found]
    used = {mark[2] for text in texts for mark in marks(text)}
    assert sorted(marked) == sorted(used)
    assert used


def test_the_answer_is_revealed_after_a_choice_and_kept(open_page):
    page = open_page("learn", lesson="4")
    assert not page.exception
    before = shown_card(page)
    assert (before["reveal"], before["right"]) == ("", None)
    title = drawings(page)["lesson-figure"]["title"]
    page.session_state["session"].lesson_answers[4] = 1
    page.run()
    after = shown_card(page)
    assert "with clean labels it was" in after["reveal"]
    assert (after["answer"], after["right"]) == (1, 0)
    assert drawings(page)["lesson-figure"]["title"] != title


def test_where_the_epoch_can_be_moved_the_figure_follows(open_page):
    page = open_page("learn", lesson="8")
    assert "Epoch" not in {data.get("label") for data in components(page)}
    page.session_state["session"].lesson_answers[8] = 0
    page.run()
    assert "Epoch" in {data.get("label") for data in components(page)}
    at_the_end = drawings(page)["lesson-figure"]["sentence"]
    move_knob(page, "surface", "Epoch", 5)
    assert "epoch 5" in drawings(page)["lesson-figure"]["sentence"] != at_the_end


@pytest.mark.parametrize("given", ["99", "0", "three", "-1"])
def test_an_impossible_card_is_one_sentence_and_the_first_card(open_page, given):
    page = open_page("learn", lesson=given)
    assert not page.exception
    assert f"lesson = '{given}' is not possible" in words(page)
    assert shown_card(page)["number"] == 1


def test_an_unknown_language_is_one_sentence_and_english(open_page):
    page = open_page("learn", language="xx")
    assert "language = 'xx' is not possible: it must be one of en" in words(page)
    assert shown_card(page)["title"] == read_card(1)[0].title


@pytest.fixture
def german(tmp_path):
    """A folder of two languages, of which the second lacks a card and has a broken one."""
    shutil.copytree(FOLDER / "en", tmp_path / "en")
    (tmp_path / "de").mkdir()
    whole = (FOLDER / "en" / "01-long-tail.md").read_text(encoding="utf-8")
    (tmp_path / "de" / "01-lang.md").write_text(whole.replace("The long tail", "Der Schwanz"))
    (tmp_path / "de" / "02-lehrer.md").write_text(whole.replace("title: The long tail\n", ""))
    return tmp_path


def test_in_another_language_english_stands_in_for_a_card_that_is_missing_or_broken(german):
    assert read_card(1, "de", german)[0].title == "Der Schwanz"
    broken, missing = (read_card(number, "de", german) for number in (2, 3))
    assert (broken[0].title, missing[0].title) == ("The teacher is biased too", "Two losses")
    assert broken[1].startswith("Card 2 of the lesson in the language de has a fault in title")
    assert missing[1] == (
        "Card 3 of the lesson is missing in the language de. The English one is shown."
    )
    assert symbols("de", german) == symbols("en", german)


@pytest.fixture
def in_german(german, monkeypatch):
    """The page with the folder of two languages."""
    monkeypatch.setattr(lesson_page, "read_card", partial(read_card, folder=german))
    monkeypatch.setattr(lesson_page, "symbols", partial(symbols, folder=german))
    for module in (lesson_text, lesson_link):
        monkeypatch.setattr(module, "languages", lambda: ("de", "en"))


def test_a_language_with_one_folder_is_not_to_be_chosen(open_page):
    assert shown_card(open_page("learn"))["languages"] == ["en"]


def test_another_language_is_another_folder(open_page, in_german):
    page = open_page("learn", language="de")
    card = shown_card(page)
    assert (card["title"], card["language"], card["chosen_language"]) == ("Der Schwanz", "de", "de")
    assert list(card["languages"]) == ["de", "en"]


def test_a_card_that_a_language_lacks_is_one_sentence_and_the_english_one(open_page, in_german):
    page = open_page("learn", language="de", lesson="3")
    assert words(page).count("Card 3 of the lesson is missing in the language de.") == 1
    card = shown_card(page)
    assert (card["title"], card["language"], card["chosen_language"]) == ("Two losses", "en", "de")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("view: long_tail", "view: nowhere", "names the view 'nowhere'"),
        ("{tail_accuracy}", "{colour}", "uses 'colour', which has no number or no meaning"),
    ],
)
def test_a_card_that_asks_for_what_is_not_there_is_one_sentence(
    open_page, german, in_german, old, new, said
):
    path = german / "de" / "01-lang.md"
    path.write_text(path.read_text().replace(old, new))
    page = open_page("learn", language="de")
    assert not page.exception
    assert said in words(page)
    assert shown_card(page)["title"] == "The long tail"


def test_a_recorded_run_that_is_missing_is_one_sentence(open_page, monkeypatch):
    monkeypatch.setattr(scenes, "recorded_runs", lambda: ())
    scenes.scene.clear()
    page = open_page("learn")
    assert not page.exception
    assert "2-digits-kd.zip is missing or cannot be read" in words(page)


def test_a_symbol_without_a_meaning_is_refused(german):
    (german / "de" / "symbols.md").write_text("## alpha\nsign: α\n")
    with pytest.raises(LessonError, match="The symbol 'alpha' needs a line"):
        symbols("de", german)


def test_each_term_leads_to_a_card_that_exists():
    assert {term.card for term in terms()} <= set(NUMBERS)
