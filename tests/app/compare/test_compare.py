"""The Compare page without a browser, over a manager that trains nothing."""

import pytest

from app.shared import access
from bikd_core.config.presets import METHOD_PRESETS
from bikd_core.runs.cost import Timing
from bikd_core.store import control_key
from tests.app.shown import choose, drawings, words
from tests.made_up import make_run
from tests.repeated import first_quick

TWO = {"methods": "kd,bikd", "seeds": "0,1", "epochs": "3"}


def start(page):
    return page.button(key="start")


def test_opens_clean_and_says_what_to_do(open_page):
    page = open_page("compare")
    assert not page.exception
    assert "press Start" in words(page)
    assert start(page).label == "Start 12 runs"
    assert not page.warning


@pytest.mark.slow
def test_the_protocol_says_what_is_the_same_and_what_d_val_is_used_for(open_page):
    said = words(open_page("compare", epochs="7", learning_rate="0.03"))
    assert "Digits 8×8" in said
    assert "learning rate 0.03" in said
    assert "7 epochs" in said
    assert "BiKD for the weight net" in said
    assert "CE, KD and Balanced Softmax for nothing" in said
    assert "D_val is not trained on" in said
    assert "for choosing the epoch" in words(open_page("compare", counts="val"))
    noisy = words(open_page("compare", label_noise="0.3", label_noise_kind="pairs"))
    assert "88 labels wrong (30 % changed to the next class)" in noisy


def test_leagues_entries_and_faults_are_said_and_in_the_link(open_page):
    link = {
        "methods": "kd,bikd:prior=both,meta_loss=mix",
        "train_on_val": "batch",
        "faults": "drop_window",
    }
    page = open_page("compare", **link)
    said = words(page)
    assert not page.warning
    assert "as a batch of equal weight in every step" in said
    assert "BiKD (class prior both, meta loss mix) for the weight net, training" in said
    assert "drops the window left over at the end of an epoch" in said
    assert page.query_params == link | {"seeds": "0-2"}


def test_an_entry_that_is_none_is_named_beside_the_controls(open_page):
    page = open_page("compare")
    page.multiselect(key="control_methods").set_value(["kd", "bikd:colour=red"]).run()
    assert not page.exception
    assert "colour" in page.error[0].value
    assert start(page).disabled


def test_start_queues_only_what_is_missing(open_page, manager):
    make_run(manager.places.runs, method="kd", seed=0, epochs=3)
    page = open_page("compare", **TWO)
    assert start(page).label == "Start 3 runs"
    start(page).click().run()
    asked = [(config.method.method, config.training.seed) for _, config in manager.asked]
    assert asked == [("bikd", 0), ("bikd", 1), ("kd", 1)]
    assert not page.exception
    assert start(page).disabled
    assert set(drawings(page)) >= {
        f"figure-{name}" for name in ("who-wins", "differences", "class-differences", "cost")
    }


@pytest.mark.slow
def test_a_long_comparison_is_confirmed_first(open_page, manager):
    manager.seconds = 1000.0
    page = open_page("compare", **TWO)
    start(page).click().run()
    assert not manager.asked
    page.button(key="confirm_start").click().run()
    assert len(manager.asked) == 4


@pytest.mark.slow
def test_the_whole_state_is_in_the_link(open_page):
    page = open_page("compare", **TWO)
    page.multiselect(key="control_methods").set_value(["ce", "kd"]).run()
    page.text_input(key="control_seeds").set_value("0, 1,2").run()
    page.selectbox(key="control_reference").select("ce").run()
    page.number_input(key="control_epochs").set_value(9).run()
    link = dict(page.query_params)
    assert link == {"methods": "ce,kd", "seeds": "0-2", "reference": "ce", "epochs": "9"}
    other = open_page("compare", **link)
    assert other.multiselect(key="control_methods").value == ["ce", "kd"]
    assert other.selectbox(key="control_reference").value == "ce"
    assert start(other).label == "Start 6 runs"


@pytest.mark.slow
def test_the_quick_comparison_is_one_click(open_page, manager):
    page = open_page("compare", methods="dkd", epochs="9", counts="val")
    page.button(key="quick").click().run()
    assert not page.exception
    assert len(manager.asked) == 12
    assert {config.training.epochs for _, config in manager.asked} == {60}
    assert page.query_params == {"methods": "ce,kd,balanced_softmax,bikd", "seeds": "0-2"}


@pytest.mark.slow
def test_the_quick_comparison_s_time_is_this_machine_s_estimate_or_not_told(open_page, manager):
    assert "about" not in open_page("compare").button(key="quick").label
    manager.seconds = 10.0
    page = open_page("compare").run()  # the first script run only promises to estimate
    assert page.button(key="quick").label.endswith("about 2 min 0 s of training on this machine")
    page.text_input(key="control_seeds").set_value("0-5").run()
    assert "about" not in page.button(key="quick").label


@pytest.mark.parametrize(
    ("name", "junk"),
    first_quick(
        [
            ("methods", "kd,<script>"),
            ("seeds", "0-99999999999"),
            ("seeds", "-1"),
            ("reference", "dkd"),
            ("counts", "test"),
            ("faults", "none"),
            ("epochs", "nan"),
            ("colour", "red"),
        ],
        3,
    ),
)
def test_junk_in_a_link_is_named_and_replaced(open_page, name, junk):
    page = open_page("compare", **{name: junk})
    assert not page.exception
    [warning] = page.warning
    assert name in warning.value
    assert not start(page).disabled


@pytest.mark.slow
def test_no_method_and_impossible_seeds_are_said_beside_the_controls(open_page):
    page = open_page("compare")
    page.multiselect(key="control_methods").set_value([]).run()
    assert "at least one method" in words(page)
    assert start(page).disabled
    page = open_page("compare")
    page.text_input(key="control_seeds").set_value("some").run()
    assert "seeds = 'some' is not possible" in words(page)
    assert not page.exception


def test_a_failed_run_is_named_with_its_reason_and_does_not_count(open_page, manager):
    make_run(manager.places.runs, method="kd", seed=0, epochs=3)
    make_run(
        manager.places.runs, method="bikd", seed=0, epochs=3, done=1, state="failed", reason="boom."
    )
    page = open_page("compare", **TWO)
    assert "BiKD, seed 0, failed and does not count: boom." in words(page)
    assert "1 of 4 runs" in str(page.get("progress")[0].proto)
    assert len(page.dataframe[0].value) == 1  # one method has an answer


def test_stop_ends_the_waiting_runs_first(open_page, manager):
    trains = make_run(manager.places.runs, method="kd", seed=0, epochs=3, done=1, state="running")
    waits = make_run(manager.places.runs, method="bikd", seed=0, epochs=3, done=0, state="queued")
    page = open_page("compare", **TWO)
    page.button(key="stop").click().run()
    assert manager.asked == [("stop", waits.run_id), ("stop", trains.run_id)]


@pytest.fixture
def stopped(manager):
    """KD, seed 0, stopped after one epoch; BiKD, seed 0, interrupted."""
    runs = manager.places.runs
    kd = make_run(runs, method="kd", seed=0, epochs=3, done=1, state="stopped")
    return kd, make_run(runs, method="bikd", seed=0, epochs=3, done=1, state="interrupted")


def test_start_resumes_what_this_browser_may_steer(open_page, manager, stopped):
    page = open_page("compare", **TWO)
    start(page).click().run()
    resumed = [run_id for what, run_id in manager.asked if what == "resume_from_checkpoint"]
    assert set(resumed) == {run.run_id for run in stopped}
    assert len(manager.asked) == 4
    assert not page.warning


@pytest.mark.slow
def test_the_estimate_counts_only_what_this_browser_can_resume_as_begun(
    open_page, manager, stopped, monkeypatch
):
    manager.seconds = 60.0  # a run's
    shown = "About {} on this machine".format
    assert shown("3 min 20 s") in words(open_page("compare", **TWO).run())
    monkeypatch.setattr(access, "is_owner", lambda: False)
    assert shown("4 min 0 s") in words(open_page("compare", **TWO).run())


@pytest.mark.slow
def test_a_stopped_run_that_somebody_else_controls_is_left_and_said_to_be(
    open_page, manager, as_stranger, stopped
):
    kd, bikd = stopped
    control_key.make_key(kd)
    page = open_page("compare", **TWO)
    page.session_state["session"].keys.held[bikd.run_id] = control_key.make_key(bikd)
    start(page).click().run()
    assert not page.exception
    [warning] = page.warning
    assert "somebody else controls it: KD, seed 0. It stays" in warning.value
    assert [asked for asked in manager.asked if asked[0] != "start"] == [
        ("resume_from_checkpoint", bikd.run_id)
    ]
    begun = [config for what, config in manager.asked if what == "start"]
    assert ("kd", 0) in [(config.method.method, config.training.seed) for config in begun]
    assert len(manager.asked) == 4
    assert kd.status().state == "stopped"
    assert control_key.has_key(kd)


def test_the_lab_is_not_disturbed_by_a_comparison_s_parameters(open_lab):
    lab = open_lab(**TWO, reference="kd", counts="val")
    assert not lab.warning
    assert lab.number_input(key="control_epochs").value == 3


def test_a_control_that_no_compared_method_reads_is_disabled(open_page):
    page = open_page("compare", methods="ce,balanced_softmax")
    assert page.selectbox(key="control_teacher").disabled
    assert not open_page("compare", methods="ce,kd").selectbox(key="control_teacher").disabled
    assert open_page("compare", methods="bikd:over=ce").selectbox(key="control_teacher").disabled


@pytest.mark.slow
def test_the_question_of_the_weights_compares_each_objective_with_bikd_over_it(open_page, manager):
    page = open_page("compare", methods="kd,bikd,ltkd", seeds="0,1", epochs="3")
    page.selectbox(key="control_question").select("weights").run()
    assert not page.exception
    assert page.multiselect(key="control_methods").value == ["kd", "ltkd"]
    assert "bikd" not in page.multiselect(key="control_methods").options
    start(page).click().run()
    asked = [config.flat() for _, config in manager.asked]
    # The seeds of an entry train together.
    methods = ["kd", "kd", "bikd", "bikd", "ltkd", "ltkd", "bikd", "bikd"]
    assert [flat["method"] for flat in asked] == methods
    over = [flat["over"] for flat in asked if flat["method"] == "bikd"]
    assert over == ["kd", "kd", "ltkd", "ltkd"]
    assert page.query_params == {
        "question": "weights", "methods": "kd,ltkd", "seeds": "0,1", "epochs": "3"
    }  # fmt: skip


def test_what_the_weights_add_is_drawn_and_tabled(open_page, manager):
    form = METHOD_PRESETS["relative"] | {"over": "kd", "epochs": 3}
    for seed in (0, 1):
        make_run(manager.places.runs, method="kd", seed=seed, epochs=3)
        make_run(manager.places.runs, seed=seed, **form)
    page = open_page("compare", methods="kd", question="weights", seeds="0,1", epochs="3")
    assert not page.exception
    drawing = drawings(page)["figure-learned-weights"]
    assert "No claim about balanced accuracy: KD." in drawing["sentence"]
    assert list(page.dataframe[1].value["objective"]) == ["KD"]


@pytest.mark.slow
def test_the_question_of_the_learning_rate_compares_each_method_at_several(open_page, manager):
    page = open_page("compare", methods="kd", seeds="0,1", epochs="3")
    page.selectbox(key="control_question").select("rates").run()
    assert not page.exception
    start(page).click().run()
    rates = [config.training.learning_rate for _, config in manager.asked]
    assert rates == [0.05, 0.02, 0.1, 0.2, 0.5] * 2
    assert page.query_params["question"] == "rates"


@pytest.mark.slow
def test_accuracy_over_the_learning_rate_is_drawn_for_entries_that_differ_in_it(open_page, manager):
    for rate in (0.05, 0.2):
        for seed in (0, 1):
            make_run(manager.places.runs, method="kd", seed=seed, epochs=3, learning_rate=rate)
    page = open_page("compare", methods="kd,kd:learning_rate=0.2,ce", seeds="0,1", epochs="3")
    assert not page.exception
    drawing = drawings(page)["figure-learning-rates"]
    assert drawing["sentence"].startswith("Highest mean: KD at 0.05.")
    page = open_page("compare", methods="kd", question="rates", seeds="5", epochs="3")
    make_run(manager.places.runs, method="kd", seed=5, epochs=3)
    page.run()
    assert (
        "entries such as kd:learning_rate=0.1"
        in drawings(page)["figure-learning-rates"]["sentence"]
    )
    assert "figure-learning-rates" not in drawings(
        open_page("compare", methods="kd", seeds="0", epochs="3")
    )


def test_an_impossible_objective_is_named_beside_the_controls(open_page):
    page = open_page("compare", methods="bikd", question="weights")
    assert not page.exception
    assert "has learned weights already" in page.error[0].value
    assert start(page).disabled


def test_a_form_of_a_method_is_offered_and_labelled_by_what_it_is(open_page):
    page = open_page("compare")
    page.multiselect(key="control_methods").set_value(["relative", "kd"]).run()
    assert not page.exception
    assert start(page).label == "Start 6 runs"
    assert "BiKD over Prior-shifted KD (relative) for the weight net" in words(page)


def test_a_method_is_labelled_by_what_the_controls_make_of_it(open_page):
    page = open_page("compare", methods="kd,bikd", over="ltkd", weight_scale="relative")
    assert "BiKD over LTKD (relative) for the weight net" in words(page)


def test_class_biases_are_compared_from_the_same_runs(open_page, manager):
    for seed in (0, 1):
        make_run(manager.places.runs, method="kd", seed=seed, epochs=3, has_biases=True)
    page = open_page("compare", methods="kd,kd:calibration=class_biases", seeds="0,1", epochs="3")
    assert not page.exception
    assert start(page).label == "Nothing is missing"
    assert any("All 2 runs" in each.label for each in page.expander)
    said = words(page)
    assert "KD (class biases) for class biases" in said
    assert "the student's own, or with class biases and a temperature" in said
    table = page.dataframe[0].value
    assert set(table["method"]) == {"KD", "KD (class biases)"}
    assert "with class biases" in drawings(page)["figure-who-wins"]["alt"]


def test_which_accuracy_counts_is_chosen_for_all_and_in_the_link(open_page):
    page = open_page("compare", methods="kd,ce")
    choose(page, "control_calibration", "class_biases")
    assert not page.exception
    assert page.query_params["calibration"] == "class_biases"
    assert "with class biases and a temperature, fitted to D_val after training" in words(page)
    page = open_page("compare", methods="kd,ce", calibration="class_biases", train_on_val="batch")
    assert "is not possible where all of D_val is trained on" in page.error[0].value
    page = open_page("compare", calibration="magic")
    assert "calibration = 'magic' is not possible" in words(page)


def test_the_methods_are_timed_on_a_click_and_only_then_is_there_a_cost(open_page, manager):
    for method in ("kd", "bikd"):
        make_run(manager.places.runs, method=method, seed=0, epochs=3)
    page = open_page("compare", methods="kd,bikd", seeds="0", epochs="3")
    assert "cost" not in page.dataframe[0].value
    assert not drawings(page)["figure-cost"]["data"]
    page.button(key="time_methods").click().run()
    [asked] = manager.costs.asked
    assert [config.method.method for config in asked] == ["kd", "bikd"]
    manager.costs.now = Timing({asked[0]: (0.1,) * 5}, 1)
    page.run()
    assert "Timing: 1 of 5 turns" in words(page)
    assert page.button(key="time_methods").disabled
    manager.costs.now = Timing({asked[0]: (0.1,) * 5, asked[1]: (0.3,) * 5}, 5, is_over=True)
    page.run()
    table = page.dataframe[0].value.set_index("method")
    assert table.loc["BiKD", "cost"] == pytest.approx(3.0)
    assert "Slowest: BiKD, 3.0 times KD" in drawings(page)["figure-cost"]["sentence"]


def test_a_timing_that_failed_says_why(open_page, manager):
    make_run(manager.places.runs, method="kd", seed=0, epochs=3)
    manager.costs.now = Timing(is_over=True, failure="A run began meanwhile.")
    page = open_page("compare", methods="kd,bikd", seeds="0", epochs="3")
    assert "They could not be timed: A run began meanwhile." in words(page)
