"""Entries with class biases: the same runs as those without, told apart in every table."""

import json

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.runs.history import History
from bikd_core.studies import Comparison, planned_runs, queue_missing, read_entry, report_of
from bikd_core.studies.calibration import with_class_biases
from bikd_core.studies.export import rows, table
from bikd_core.studies.learned_weights import gains
from bikd_core.studies.planned import each_once
from bikd_core.studies.report import as_data, protocol_of, protocol_sentences
from tests.app.fake_manager import FakeManager
from tests.made_up import class_biases, epoch_done, make_run

BOTH = ("kd", "kd:calibration=class_biases")


def compared(methods=BOTH, seeds=(0, 1), chosen="last", calibration="none", faults=(), **controls):
    base = RunConfig.from_flat({"epochs": 3} | controls)
    return Comparison(
        base, methods, seeds, methods[0], chosen, faults=faults, calibration=calibration
    )


@pytest.fixture
def runs(tmp_path):
    """Two finished runs of KD with class biases."""
    folders = [make_run(tmp_path, method="kd", seed=seed, has_biases=True) for seed in (0, 1)]
    return [History(folder).snapshot() for folder in folders]


def test_both_entries_are_answered_from_the_same_runs(runs):
    comparison = compared()
    lines = {line.method: line for line in comparison.answer(runs)}
    config = runs[0].config
    own, fitted = epoch_done(3, config), class_biases(config)
    plain, calibrated = (lines[text] for text in BOTH)
    assert plain.accuracies == (own.accuracy,) * 2
    assert calibrated.accuracies == (fitted.accuracy,) * 2
    assert calibrated.values["accuracy_few"].mean == pytest.approx(fitted.accuracy_few)
    assert calibrated.values["calibration_error"].mean == pytest.approx(fitted.calibration_error)
    assert calibrated.per_class[9].mean == pytest.approx(fitted.accuracy_per_class[9])
    assert calibrated.lead["accuracy"].mean == pytest.approx(fitted.accuracy - own.accuracy)
    for line in (plain, calibrated):
        assert line.by_calibration["none"].mean == pytest.approx(own.accuracy)
        assert line.by_calibration["class_biases"].mean == pytest.approx(fitted.accuracy)


def test_two_entries_that_differ_in_class_biases_alone_plan_one_run_a_seed(tmp_path):
    manager, comparison = FakeManager(tmp_path), compared()
    assert len(comparison.configs()) == 2
    planned = planned_runs(comparison, [])
    assert len(planned) == 4
    assert [one.seed for one in each_once(planned)] == [0, 1]
    queue_missing(comparison.configs(), manager, calibrated=comparison.calibrated)
    assert [config.training.seed for _, config in manager.asked] == [0, 1]


def test_a_finished_run_serves_an_entry_with_class_biases_and_nothing_is_trained(tmp_path):
    manager = FakeManager(tmp_path)
    for seed in (0, 1):
        make_run(manager.places.runs, method="kd", seed=seed, has_biases=True)
    comparison = compared()
    assert queue_missing(comparison.configs(), manager, calibrated=comparison.calibrated) == []
    assert all(one.is_done for one in planned_runs(comparison, manager.list()))


def test_a_run_of_an_earlier_version_counts_only_without_class_biases(tmp_path):
    manager = FakeManager(tmp_path)
    make_run(manager.places.runs, method="kd", seed=0)
    [old] = manager.list()
    plain, both = compared(("kd",), (0,)), compared(seeds=(0,))
    assert plain.answer([old])[0].by_calibration == {}
    assert queue_missing(plain.configs(), manager, calibrated=plain.calibrated) == []
    assert both.answer([old]) == []
    assert not any(one.is_done for one in planned_runs(both, [old]))
    assert len(queue_missing(both.configs(), manager, calibrated=both.calibrated)) == 1


def test_the_numbers_of_d_val_stay_the_student_s_own(runs):
    calibrated = with_class_biases(runs[0])
    assert calibrated.val_loss == runs[0].epochs[-1].val_loss
    assert calibrated.test_loss == runs[0].class_biases.test_loss
    assert calibrated.epoch == 3


def test_a_comparison_with_class_biases_has_entries_without(runs):
    comparison = compared(("kd", "kd:calibration=none"), calibration="class_biases")
    lines = {line.label: line for line in comparison.answer(runs)}
    assert set(lines) == {"KD", "KD (no class biases)"}
    assert lines["KD"].accuracies[0] == runs[0].class_biases.accuracy
    assert lines["KD (no class biases)"].accuracies[0] == runs[0].epochs[-1].accuracy


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("kd:calibration=class_biases", "KD (class biases)"),
        ("kd:kd_alpha=0.3,calibration=class_biases", "KD (kd alpha 0.3, class biases)"),
        (
            "relative:over=kd,calibration=class_biases",
            "BiKD over KD (relative, class biases)",
        ),
    ],
)
def test_the_label_of_an_entry_names_its_class_biases(text, label):
    entry = read_entry(text)
    assert entry.label == label
    assert "calibration" not in entry.own_controls


def test_the_table_the_protocol_and_the_files_name_the_class_biases(runs):
    report = report_of(compared(), runs)
    head, *body = table(report)
    assert {row[0] for row in body} == {"KD", "KD (class biases)"}
    own, fitted = runs[0].epochs[-1].accuracy, runs[0].class_biases.accuracy
    column = head.index("class biases: none → fitted")
    assert {row[column] for row in body} == {f"{100 * own:.1f} → {100 * fitted:.1f}"}
    said = " ".join(protocol_sentences(report.comparison))
    assert "Accuracy: the student's own, or with class biases and a temperature" in said
    assert "both come from the same runs" in said
    protocol = protocol_of(report.comparison)
    assert protocol["calibration"] == {"kd": "none", BOTH[1]: "class_biases"}
    assert protocol["use_of_d_val"][BOTH[1]] == "class biases"
    assert {row["calibration"] for row in rows([report])} == {"none", "class_biases"}
    line = json.loads(json.dumps(as_data(report)))["lines"][0]
    assert line["by_calibration"]["class_biases"]["mean"] == pytest.approx(fitted)


def test_learned_weights_are_paired_with_class_biases_on_both_sides_or_on_neither():
    methods = ("kd", BOTH[1], "relative:over=kd", "relative:over=kd,calibration=class_biases")
    found = gains(compared(methods), {})
    assert [(gain.objective, gain.weighted) for gain in found] == [
        (methods[0], methods[2]),
        (methods[1], methods[3]),
    ]


# Bad input --------------------------------------------------------------------------------------


def test_class_biases_in_league_2_need_a_half_of_d_val_that_is_not_trained_on():
    said = (
        "calibration = 'class_biases' is not possible where all of D_val is trained on: it must "
        "be none, or hold_out_half must be on."
    )
    for trained in ("mixed", "batch"):
        for wrong in ({"methods": ("kd",), "calibration": "class_biases"}, {"methods": BOTH}):
            with pytest.raises(ConfigError) as refusal:
                compared(**wrong, train_on_val=trained)
            assert str(refusal.value) == said
    compared(("kd", "ce"), train_on_val="batch")


def test_rows_of_league_2_with_class_biases_say_that_half_of_d_val_is_not_trained_on():
    comparison = compared(train_on_val="batch", hold_out_half=True)
    assert comparison.labels["kd"] == "KD"
    assert comparison.labels[BOTH[1]] == "KD (class biases, half of D_val not trained on)"
    all_of_them = compared(("kd",), calibration="class_biases", train_on_val="mixed",
                           hold_out_half=True)  # fmt: skip
    assert all_of_them.labels["kd"] == "KD (half of D_val not trained on)"
    said = " ".join(protocol_sentences(all_of_them))
    assert "fitted to the half of D_val that is not trained on" in said
    assert compared().labels[BOTH[1]] == "KD (class biases)"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"calibration": "magic"}, "calibration = 'magic' is not possible: it must be one of none"),
        ({"methods": ("kd:calibration=1",)}, "calibration = '1' is not possible: it must be one"),
        ({"chosen": "val"}, "is not possible with epoch = 'val': the biases are fitted to the"),
        ({"faults": ("test_chosen_epoch",)}, "is not possible with the fault test_chosen_epoch: "),
        ({"methods": ("kd", "kd:calibration=none")}, "both are the same run"),
    ],
)
def test_impossible_choices_are_refused_in_one_sentence(wrong, said):
    with pytest.raises(ConfigError, match=said):
        compared(**wrong)
