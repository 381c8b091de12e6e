"""Which runs a comparison queues, resumes and counts; the runs are fakes."""

import json
import threading
import time

import pytest

from bikd_core.config import ConfigError, RunConfig
from bikd_core.studies import Comparison, queue_missing
from bikd_core.studies.comparison import is_run_of
from tests import fake_training as fake
from tests.repeated import first_quick

THREAD_OR_CHILD = pytest.mark.parametrize(
    "in_process", [True, pytest.param(False, marks=pytest.mark.slow)]
)
BASE = RunConfig.from_flat({"epochs": 2})


def compared(methods=("ce", "kd"), seeds=(0, 1), reference="kd", chosen="last"):
    return Comparison(BASE, tuple(methods), tuple(seeds), reference, chosen)


def run_all(comparison, manager):
    started = []
    queue_missing(
        comparison.configs(), manager, lambda config, run_id: started.append((config, run_id))
    )
    for _, run_id in started:
        while not manager.snapshot(run_id).has_ended:
            time.sleep(0.02)
    return [(config.method.method, config.training.seed) for config, _ in started]


@THREAD_OR_CHILD
def test_every_method_runs_with_every_seed_and_nothing_twice(manager):
    assert run_all(compared(), manager) == [("ce", 0), ("ce", 1), ("kd", 0), ("kd", 1)]
    assert run_all(compared(), manager) == []
    assert run_all(compared(seeds=(0, 1, 2)), manager) == [("ce", 2), ("kd", 2)]
    lines = {line.method: line for line in compared().answer(manager.list())}
    assert lines["ce"].seeds == lines["kd"].seeds == (0, 1)
    last = [run.epochs[-1].accuracy for run in manager.list() if run.config.training.seed < 2]
    assert lines["ce"].values["accuracy"].mean == pytest.approx(sum(last) / 4)


@THREAD_OR_CHILD
def test_a_run_that_dies_does_not_count_and_the_others_finish(manager):
    comparison = compared(methods=("kd",), seeds=(0, fake.DIVERGES))
    longer = Comparison(BASE.changed(epochs=4), comparison.methods, comparison.seeds, "kd")
    run_all(longer, manager)
    [line] = longer.answer(manager.list())
    assert line.seeds == (0,)
    assert run_all(longer, manager) == [("kd", fake.DIVERGES)]  # tried once more, nothing else


@THREAD_OR_CHILD
def test_a_stopped_run_is_resumed_where_it_was(manager):
    comparison = Comparison(BASE.changed(epochs=80), ("kd",), (0,), "kd")
    [run_id] = queue_missing(comparison.configs(), manager, lambda *_: None)
    while len(manager.snapshot(run_id).epochs) < 2:
        time.sleep(0.02)
    manager.stop(run_id)
    while not manager.snapshot(run_id).has_ended:
        time.sleep(0.02)
    assert comparison.answer(manager.list()) == []
    assert queue_missing(comparison.configs(), manager, lambda *_: None) == [run_id]
    while not manager.snapshot(run_id).has_ended:
        time.sleep(0.02)
    [line] = comparison.answer(manager.list())
    assert line.seeds == (0,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"methods": ("kd", "magic")}, "methods = 'magic'"),
        ({"methods": ("kd", "kd")}, "methods = 'kd, kd'"),
        ({"methods": ()}, "methods = ''"),
        ({"seeds": ()}, "seeds = ''"),
        ({"seeds": (1, 1)}, "seeds = '1, 1'"),
        ({"reference": "dkd"}, "reference = 'dkd' is not possible: it must be one of .* ce, kd"),
        ({"chosen": "best"}, "epoch = 'best' is not possible: it must be last, val or test"),
    ],
)
def test_an_impossible_comparison_is_refused_by_name(change, said):
    with pytest.raises(ConfigError, match=said):
        compared(**change)


def test_the_epoch_can_be_chosen_by_the_validation_loss_never_by_the_test_set(manager):
    run_all(compared(methods=("kd",), seeds=(0,)), manager)
    [run] = manager.list()
    best = min(run.epochs, key=lambda epoch: epoch.val_loss)
    [line] = compared(methods=("kd",), seeds=(0,), chosen="val").answer([run])
    assert line.values["accuracy"].mean == best.accuracy


# The command ------------------------------------------------------------------------------------


def test_the_answer_comes_with_its_protocol_as_json(bikd):
    code, printed = bikd("compare", "--methods", "ce,kd", "--seeds", "0-1", "--json")
    assert code == 0
    answer = json.loads(printed.out)
    assert {line["method"] for line in answer["lines"]} == {"ce", "kd"}
    assert answer["protocol"]["seeds"] == [0, 1]
    assert answer["protocol"]["epoch"] == "last"
    assert answer["protocol"]["controls"]["epochs"] == 2
    assert answer["failed"] == {}


def test_a_table_names_the_methods_and_what_failed(bikd):
    code, printed = bikd(
        "compare", "--methods", "ce,kd", "--seeds", f"0,{fake.DIVERGES}", "--epochs", "4"
    )
    assert code == 1
    assert "lead over KD" in printed.out
    assert f"KD, seed {fake.DIVERGES} does not count: failed: " in printed.err


@THREAD_OR_CHILD
@pytest.mark.slow
def test_a_run_of_another_process_is_waited_for_and_resumed(bikd, manager):
    config = BASE.changed(epochs=40, method="kd", seed=0)
    elsewhere = manager.start(config)  # the command has its own manager and child processes
    manager.pause(elsewhere)
    fake.until(lambda: manager.snapshot(elsewhere).state == "paused")

    def stop_once_the_other_has_run():
        fake.until(lambda: any(run.state == "finished" for run in manager.list()))
        manager.stop(elsewhere)

    stopping = threading.Thread(target=stop_once_the_other_has_run)
    stopping.start()
    code, printed = bikd(
        "compare", "--methods", "ce,kd", "--seeds", "0", "--epochs", "40", "--json"
    )
    stopping.join()
    assert code == 0
    assert json.loads(printed.out)["failed"] == {}
    assert len(manager.list()) == 2
    assert len(manager.snapshot(elsewhere).epochs) == 40


@pytest.mark.parametrize("seeds", first_quick(["", "a", "1.5", "-1", "3-1", "0,,1"], 2))
def test_malformed_seeds_are_refused_by_name(bikd, seeds):
    code, printed = bikd("compare", f"--seeds={seeds}")
    assert code == 2
    assert "seeds = " in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("stored", "asked", "counts"),
    [
        ("forward", "auto", True),  # as earlier versions wrote their default
        ("auto", "forward", True),
        ("auto", "auto", True),
        ("auto", "finite_difference", False),
        ("auto", "unrolled", False),
    ],
)
def test_a_run_counts_for_what_auto_stood_for_in_it(finished, stored, asked, counts):
    base = RunConfig.from_flat({"epochs": 1, "precision": "auto"})
    run = finished(base.changed(estimator=stored), {})  # it was trained by forward, in float32
    assert is_run_of(run, base.changed(estimator=asked, precision="float32")) == counts
    assert not is_run_of(run, base.changed(estimator=asked, precision="bfloat16"))
    assert not is_run_of(run, base.changed(estimator=asked, epochs=2))
    assert not is_run_of(run, base.changed(estimator=asked, seed=1))


def test_a_comparison_by_default_counts_the_runs_of_an_earlier_default(finished):
    earlier = Comparison(BASE.changed(estimator="forward"), ("bikd", "kd"), (0,), "kd")
    runs = [finished(config, {}, {}) for config in earlier.configs()]
    today = compared(methods=("bikd", "kd"), seeds=(0,))
    assert earlier.configs() != today.configs()
    assert today.finished(runs) == earlier.finished(runs)
    assert [line.seeds for line in today.answer(runs)] == [(0,), (0,)]
