"""The page about the answer has the numbers of the recorded one."""

import json
import re
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from bikd_core.answer.ledger import Ledger, Run
from bikd_core.answer.plans import DIGITS
from bikd_core.answer.report import accuracies_of, as_entry
from bikd_core.answer.stages import Answer
from bikd_core.answer.summary import lead_in_points, recorded
from bikd_core.recommend.recipes import Recipe
from bikd_core.studies.answer import in_percent
from bikd_core.studies.significance import SIGNIFICANCE, p_in_words

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "answer.md"
LEAGUE_2 = "Where D_val may be trained on"
WRONG = "Where labels are wrong"
PICTURES = ROOT / "benchmarks" / "answer-digits-league1-pictures.json"
PARTS = ROOT / "benchmarks" / "answer-digits-league1-parts.json"


def rows_under(heading, table=0):
    """Return the cells of a table under a heading, without its head; the first one by default."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    rows = [row.strip("|").split("|") for row in tables[table].splitlines()]
    return [[cell.strip() for cell in row] for row in rows][2:]


@pytest.mark.parametrize(
    ("answer", "heading", "table"),
    [
        ("digits-league1", "What came out", 0),
        ("digits-league2", LEAGUE_2, 2),
    ],
)
def test_what_came_out_is_the_second_test(answer, heading, table):
    part = recorded(answer).again
    lead_over = {lead.over: lead_in_points(lead) for lead in part.leads}
    assert part.leads[0].is_claim
    assert f"{100 * part.leads[0].mean:.1f} points" in PAGE.read_text(encoding="utf-8")
    assert rows_under(heading, table) == [
        [
            line.title,
            in_percent(line.interval),
            f"{100 * line.few:.1f}",
            lead_over.get(line.title, ""),
        ]
        for line in part.lines
    ]


@pytest.mark.parametrize(
    ("answer", "heading", "table"),
    [
        ("digits-league1", "Class balance, or more?", 0),
        ("digits-league2", LEAGUE_2, 1),
        ("digits_pairs-league1", WRONG, 1),
    ],
)
def test_what_weights_and_biases_add_is_that_of_the_answer(answer, heading, table):
    assert rows_under(heading, table) == [
        [
            gain.objective,
            gain.biases.in_points,
            gain.weights.in_points,
            gain.weights_beyond_biases.in_points,
        ]
        for gain in recorded(answer).gains
    ]


def test_per_picture_or_per_class_is_that_of_the_comparison():
    [content] = json.loads(PARTS.read_text(encoding="utf-8"))
    found = []
    for line in content["lines"]:
        lead = line["lead"].get("accuracy")
        found.append(
            [
                plus_minus(line["values"]["accuracy"]),
                f"{100 * lead['mean']:+.1f} ± {half(lead)}".replace("-", "−") if lead else "",
                p_in_words(line["test"]["p_value"]) if line["test"] else "",
                plus_minus(line["by_calibration"]["class_biases"]),
            ]
        )
    assert [row[1:] for row in rows_under("Per picture, or per class?")] == found
    changed = {row[0]: row for row in rows_under("Per picture, or per class?")}
    means = next(line for line in content["lines"] if "class_means" in line["method"])
    assert changed["each picture has the mean weight of its class"][1] == plus_minus(
        means["values"]["accuracy"]
    )
    assert means["test"]["p_value"] > SIGNIFICANCE
    assert f"{100 * means['test']['detectable']:.1f} points" in PAGE.read_text(encoding="utf-8")


def test_which_pictures_gain_is_what_the_runs_say():
    plain, with_biases = json.loads(PICTURES.read_text(encoding="utf-8"))
    assert "calibration=class_biases" in with_biases["rival"]
    found = [
        [f"{100 * one['pictures']:.1f}", signed(one["net"]), signed(other["net"])]
        for kind in ("by_group", "by_margin")
        for one, other in zip(plain[kind], with_biases[kind], strict=True)
    ]
    assert [row[1:] for row in rows_under("Which pictures gain?")] == found
    for content in (plain, with_biases):
        unsure = content["by_margin"][1:3]
        whole = sum(row["net"]["mean"] for row in content["by_margin"])
        assert sum(row["pictures"] for row in unsure) < 0.2
        assert sum(row["net"]["mean"] for row in unsure) > whole / 2
    text, weights = PAGE.read_text(encoding="utf-8"), plain["weights"]
    hard, soft = (100 * weights[f"between_classes_{kind}"]["mean"] for kind in ("hard", "soft"))
    assert f"{hard:.0f} and {soft:.0f} % of the variance of hard and soft weights" in text
    for kind in ("hard", "soft"):
        assert f"{weights[f'within_class_by_loss_{kind}']['mean']:.2f}" in text


def rows_of(part, is_shown):
    """The cells of the lines of a part that are shown, with what its form leads them by."""
    lead_over = {lead.over: lead_in_points(lead) for lead in part.leads}
    return [
        [
            line.title,
            in_percent(line.interval),
            f"{100 * line.few:.1f}",
            str(line.num_seeds),
            lead_over.get(line.title, ""),
        ]
        for line in part.lines
        if is_shown(line)
    ]


def test_league_2_lists_all_that_are_as_good_as_kd():
    part = recorded("digits-league2").first
    kd = next(line for line in part.lines if line.title == "KD")
    assert rows_under(LEAGUE_2) == rows_of(part, lambda line: line.balanced >= kd.balanced)
    assert part.bikd == "BiKD over BKD"
    level = sorted(lead.over for lead in part.leads if not lead.is_claim)
    assert level == ["DiVE", "Prior-shifted KD"]
    assert sum(lead.is_claim and lead.mean > 0 for lead in part.leads) == 24
    before = next(line for line in recorded("digits-league1").first.lines if line.title == "KD")
    assert round(100 * (kd.balanced - before.balanced)) == 17


def test_its_words_about_gains_in_league_2_are_true():
    gains = recorded("digits-league2").gains
    assert sum(gain.biases.high < 0 for gain in gains) == 9
    added = sorted((gain.weights.mean, gain.objective) for gain in gains if gain.weights.mean > 0)
    assert {name for _, name in added[:2]} == {"DiVE", "Prior-shifted KD"}
    assert sum(gain.weights.low > 0 for gain in gains) > 6


def kind_of(title):
    """How a method under wrong labels has its teachers."""
    return "trust" if "trust" in title else "folds" if "fold" in title else "plain"


def test_wrong_labels_list_all_that_are_as_good_as_the_best_rival_with_fold_teachers_alone():
    part = recorded("digits_pairs-league1").first
    rivals = [line for line in part.lines if not line.is_weighted]
    best = next(line for line in rivals if kind_of(line.title) == "folds")
    shown = rows_of(part, lambda line: line.balanced >= best.balanced or line.title == "KD")
    assert rows_under(WRONG) == shown
    assert (len(rivals), len(part.lines) - len(rivals)) == (62, 64)
    ahead, level = part.ahead_of, part.level_with
    assert (len(ahead), len(level), len(part.leads)) == (56, 6, 62)
    assert all(lead.over.endswith("with trust in labels, with class biases") for lead in level)
    assert sum(lead.mean < 0 for lead in level) == 3
    smallest = min(lead.mean for lead in part.leads if kind_of(lead.over) != "trust")
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"all without trust, by {100 * smallest:.1f} points or more" in text
    assert part.lines[0].title == "BiKD over BKD with trust in labels"
    assert part.bikd == "BiKD over DiVE with out-of-fold teachers, with class biases"


def test_its_words_about_gains_under_wrong_labels_are_true():
    gains = {gain.objective: gain for gain in recorded("digits_pairs-league1").gains}
    assert all(gain.biases.low > 0 for gain in gains.values())
    beyond = {name: gain.weights_beyond_biases for name, gain in gains.items()}
    added = {"plain": [], "folds": [], "trust": []}
    for name, difference in beyond.items():
        added[kind_of(name)].append(difference.low > 0)
    counts = {kind: (sum(are), len(are)) for kind, are in added.items()}
    assert counts == {"plain": (7, 12), "folds": (4, 9), "trust": (2, 9)}
    assert {name for name, one in beyond.items() if one.high < 0} == {
        "Balanced Softmax",
        "BKD with trust in labels",
        "Prior-shifted KD with trust in labels",
    }
    ways = ("DiVE", "DiVE with out-of-fold teachers", "DiVE with trust in labels")
    assert all(beyond[way].low > 0 for way in ways)
    plain, folds, trust = (f"{100 * beyond[way].mean:.1f}" for way in ways)
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"{plain} points plain, {folds} with out-of-fold teachers and {trust} with trust" in text
    clean = [gain.weights_beyond_biases.low > 0 for gain in recorded("digits-league1").gains]
    assert (sum(clean), len(clean)) == (4, 12)


def test_what_judging_by_the_other_half_would_have_chosen_is_in_the_ledgers():
    plan = DIGITS["digits-league1"]
    ledgers = (
        Ledger(ROOT / "benchmarks" / f"answer-digits-league1{part}-runs.jsonl", plan.base)
        for part in ("", "-halves")
    )
    whole, halves = (Answer(plan, ledger) for ledger in ledgers)
    rows = []
    for choice in whole.chosen().choices:
        if choice.method in plan.weighted:
            judged = [
                halves.ledger.results[Run(entry, seed)].of(choice.calibration)["val_accuracy"]
                for entry in Recipe(choice.entry, "", is_guided=True).judged_entries(choice.entry)
                for seed in plan.trial_seeds + plan.further_seeds
            ]
            test = fmean(accuracies_of(choice, whole.ended(choice)).values())
            rows.append((fmean(judged), choice.val_accuracy, test, choice))
    half, all_of_it, test = (np.array([row[place] for row in rows]) for place in range(3))
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"over the {len(rows)} forms the correlation" in text
    assert f"is {np.corrcoef(half, test)[0, 1]:.2f}, and" in text
    assert f"and {np.corrcoef(all_of_it, test)[0, 1]:.2f} with all of D_val" in text
    best = rows[int(half.argmax())]
    assert best[3].method.startswith("bikd:over=dive,")
    assert f"BiKD over DiVE would have been chosen, {100 * best[2]:.1f} %" in text
    strongest = next(
        row
        for row in rows
        if as_entry(whole, row[3]) == recorded("digits-league1").again.own.method
    )
    assert (half > strongest[0]).sum() == 16
    assert (all_of_it > strongest[1]).sum() == 1


def plus_minus(value):
    return f"{100 * value['mean']:.1f} ± {half(value)}"


def signed(value):
    return f"{100 * value['mean']:+.1f} ± {half(value)}".replace("-", "−")


def half(value):
    return f"{100 * (value['high'] - value['mean']):.1f}"


def test_its_words_about_the_first_test_are_true():
    first = recorded("digits-league1").first
    assert first.bikd == "BiKD over BKD"
    level = [lead.over for lead in first.leads if not lead.is_claim]
    assert sorted(level) == [
        "BKD, with class biases",
        "DiVE, with class biases",
        "Prior-shifted KD, with class biases",
    ]
    assert sum(lead.is_claim and lead.mean > 0 for lead in first.leads) == 23
