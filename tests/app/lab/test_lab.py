import subprocess
import sys

import pytest

from app.shared.estimate import MAX_ASKED
from bikd_core.config import ConfigError, RunConfig, fields
from bikd_core.config.presets import PRESETS
from bikd_core.runs import StoreError
from tests.app.conftest import MAIN
from tests.app.shown import components, drawings, unfold, words
from tests.made_up import make_run
from tests.repeated import first_quick


def factor_slider(lab) -> dict:
    """What the slider of the imbalance factor was given."""
    [data] = [data for data in components(lab) if data.get("label") == "Imbalance factor"]
    return data


def test_opens_clean_and_says_what_to_do(open_lab):
    lab = open_lab()
    assert not lab.exception
    assert "Press Start" in words(lab)
    assert not lab.warning


def test_every_control_of_the_config_has_a_widget(open_lab):
    lab = unfold(open_lab())
    keys = {
        widget.key for kind in (lab.selectbox, lab.number_input, lab.toggle) for widget in kind
    } | {group.key for group in lab.get("button_group")}
    keys.add("control_imbalance_factor" if factor_slider(lab) else "")
    assert {f"control_{name}" for name in fields()} <= keys


def test_a_link_sets_the_controls(open_lab):
    lab = open_lab(dataset="cifar10", imbalance_factor="20", method="kd", seed="7", epochs="9")
    assert lab.selectbox(key="control_dataset").value == "cifar10"
    assert factor_slider(lab)["value"] == 20
    assert lab.selectbox(key="control_method").value == "kd"
    assert lab.number_input(key="control_seed").value == 7
    assert lab.number_input(key="control_epochs").value == 9
    assert not lab.warning
    advanced = unfold(lab)
    assert advanced.number_input(key="control_batch_size").value == 100  # CIFAR-10's default


JUNK = {name: "\"><script>alert('x')</script>" for name in fields() if name != "teacher"} | {
    "teacher": "",
    "imbalance_factor": "nan",
    "epochs": "-3",
    "seed": "1e99",
    "temperature": "inf",
    "run": "../../etc/passwd",
    "epoch": "last",
    "view": "nowhere",
    "axes": "cubic",
    "by": "colour",
    "order": "-1",
    "over": "nobody",
    "phase": "0",
    "step": "1e9",
    "colour": "red",
}


def test_all_junk_in_a_link_is_named_at_once(open_lab):
    lab = open_lab(**JUNK)
    assert not lab.exception
    assert not lab.error
    assert len(lab.warning) == len(JUNK)
    for name in JUNK:
        begins = (f"{name} = ", f"There is no control {name!r}")
        assert any(warning.value.startswith(begins) for warning in lab.warning), name
    assert not lab.button(key="start").disabled


#: The quick tests try these names alone, the slow ones each of the others.
ALONE = ("dataset", "epochs", "view")


@pytest.mark.parametrize(
    "name", first_quick([*ALONE, *(name for name in JUNK if name not in ALONE)], len(ALONE))
)
def test_junk_in_a_link_is_named_and_replaced(open_lab, name):
    lab = open_lab(**{name: JUNK[name]})
    assert not lab.exception
    [warning] = lab.warning
    assert name in warning.value
    assert len(warning.value) < 1000
    assert not lab.error
    assert not lab.button(key="start").disabled


@pytest.mark.parametrize("factor", first_quick(["107", "0", "nan", "1e9", "-1", "", "fifty"]))
def test_an_impossible_factor_falls_back_to_the_default(open_lab, factor):
    lab = open_lab(imbalance_factor=factor)
    [warning] = lab.warning
    assert warning.value.startswith("imbalance_factor = ")
    assert "The default of imbalance_factor is used: 50." in warning.value
    assert factor_slider(lab)["value"] == 50


def test_a_validation_set_larger_than_a_class_is_refused_in_a_link_and_on_the_page(open_lab):
    assert "val_per_class = 500" in open_lab(val_per_class="500").warning[0].value
    lab = unfold(open_lab())
    lab.number_input(key="control_val_per_class").set_value(500).run()
    assert "val_per_class = 500" in lab.error[0].value
    assert lab.button(key="start").disabled
    assert not lab.exception


def test_what_was_set_under_advanced_stays_when_it_is_folded_away(open_lab):
    lab = unfold(open_lab())
    lab.number_input(key="control_val_per_class").set_value(7).run()
    lab.session_state["advanced"] = False
    lab.run()
    assert lab.query_params["val_per_class"] == "7"
    assert unfold(lab).number_input(key="control_val_per_class").value == 7


def test_the_controls_are_written_into_the_link(open_lab):
    lab = open_lab()
    lab.number_input(key="control_epochs").set_value(12).run()
    assert lab.query_params == {"epochs": "12"}


def test_another_data_set_brings_its_defaults_and_keeps_method_and_seed(open_lab):
    lab = open_lab(method="kd", seed="3", epochs="12")
    lab.selectbox(key="control_dataset").select("cifar100").run()
    assert not lab.exception
    assert lab.number_input(key="control_inner_steps").value == 5
    assert lab.number_input(key="control_epochs").value == 120
    assert lab.selectbox(key="control_student").value == "resnet8x4"
    assert lab.selectbox(key="control_method").value == "kd"
    assert lab.number_input(key="control_seed").value == 3


def test_the_factor_ends_where_the_rarest_class_has_one_image(open_lab):
    assert factor_slider(open_lab())["high"] == 106
    assert factor_slider(open_lab(dataset="cifar10"))["high"] == 200


def test_class_counts_follow_the_factor(open_lab):
    lab = open_lab()
    assert (
        "106 in the largest class, 2 in the smallest" in drawings(lab)["class-counts"]["sentence"]
    )
    lab.session_state["session"].controls["imbalance_factor"] = 10.0
    lab.run()
    assert "10 in the smallest" in drawings(lab)["class-counts"]["sentence"]


def test_controls_that_a_method_does_not_read_are_disabled(open_lab):
    lab = open_lab(method="ce")
    assert lab.number_input(key="control_inner_steps").disabled
    assert lab.number_input(key="control_temperature").disabled
    assert lab.selectbox(key="control_teacher").disabled
    assert not lab.number_input(key="control_epochs").disabled


def test_the_dice_change_the_seed_and_nothing_else(open_lab):
    lab = open_lab(seed="5", epochs="7")
    lab.button(key="dice").click().run()
    assert lab.number_input(key="control_seed").value != 5
    assert lab.number_input(key="control_epochs").value == 7


def test_start_runs_what_the_controls_say_and_puts_the_run_into_the_link(open_lab, manager):
    lab = open_lab(imbalance_factor="20", seed="3")
    lab.button(key="start").click().run()
    [(asked, config)] = manager.asked
    assert asked == "start"
    assert config == RunConfig.from_flat({"imbalance_factor": 20, "seed": 3})
    [run] = manager.list()
    assert lab.query_params["run"] == run.run_id
    assert "finished" in words(lab)


@pytest.mark.parametrize(
    "error", first_quick([ConfigError("seed = 1 is not."), StoreError("The disk is full.")])
)
def test_what_the_manager_refuses_is_a_sentence(open_lab, manager, error):
    lab = open_lab()
    manager.error = error
    lab.button(key="start").click().run()
    assert not lab.exception
    assert str(error) in words(lab)
    lab.number_input(key="control_epochs").set_value(12).run()
    assert str(error) not in words(lab)


def test_an_unexpected_error_of_the_manager_leaves_the_page_standing(open_lab, manager):
    lab = open_lab()
    manager.error = RuntimeError("thread died")
    lab.button(key="start").click().run()
    assert not lab.exception
    assert "thread died" in lab.warning[0].value


def test_the_page_is_painted_before_an_estimate_is_asked_for(open_lab, manager):
    manager.seconds = 8.0
    lab = open_lab()
    assert "Estimating" in words(lab)
    lab.run()
    assert "About 8 s on this machine" in words(lab)


def test_a_run_that_cannot_be_estimated_is_asked_for_a_while_only(open_lab):
    lab = open_lab()
    assert "Estimating" in words(lab)
    lab.session_state["session"].run_estimate.times_asked = MAX_ASKED - 2
    for _ in range(2):
        lab.run()
    assert "No estimate now" in words(lab)


def test_a_long_run_is_confirmed_first(open_lab, manager):
    manager.seconds = 31 * 60
    lab = open_lab().run()
    assert "31 min" in words(lab)
    lab.button(key="start").click().run()
    assert not manager.asked
    lab.button(key="confirm_start").click().run()
    assert manager.asked[0][0] == "start"


def test_a_run_is_opened_by_its_link_with_its_controls(open_lab, manager):
    run = make_run(manager.places.runs, done=3, seed=9, method="kd")
    lab = open_lab(run=run.run_id)
    assert not lab.exception
    assert lab.number_input(key="control_seed").value == 9
    assert lab.selectbox(key="control_method").value == "kd"
    assert not lab.warning


def test_the_figures_of_a_run_show_the_epoch_of_the_link(open_lab, manager):
    run = make_run(manager.places.runs, done=3)
    newest = drawings(open_lab(run=run.run_id))
    assert newest["figure-w-hard"]["sentence"].startswith("At epoch 3 few-shot classes get 0.8")
    earlier = drawings(open_lab(run=run.run_id, epoch="1"))
    assert earlier["figure-w-hard"]["sentence"].startswith("At epoch 1 few-shot classes get 0.6")
    assert set(newest) == {
        "class-counts",
        "figure-w-hard",
        "figure-w-soft",
        "figure-accuracy",
        "figure-mean-weights",
        "figure-class-accuracy",
    }
    assert all(drawing["data"] and drawing["alt"] for drawing in newest.values())


@pytest.mark.parametrize("epoch", first_quick(["4", "0", "2.5", "-1", "x" * 500, "٣"]))
def test_an_epoch_that_the_run_has_not_is_refused(open_lab, manager, epoch):
    run = make_run(manager.places.runs, done=3)
    lab = open_lab(run=run.run_id, epoch=epoch)
    [warning] = lab.warning
    assert "epoch = " in warning.value
    assert "from 1 to 3" in warning.value


def test_a_view_is_chosen_by_the_link(open_lab, manager):
    run = make_run(manager.places.runs)
    lab = open_lab(run=run.run_id, view="Accuracy")
    assert set(drawings(lab)) == {
        "class-counts",
        "figure-accuracy",
        "figure-class-accuracy",
        "figure-confusion",
    }


@pytest.mark.parametrize("method", first_quick(["ce", "dkd"]))
def test_a_method_without_weights_says_so_where_they_would_be(open_lab, manager, method):
    run = make_run(manager.places.runs, method=method)
    shown = drawings(open_lab(run=run.run_id))
    for name in ("figure-w-hard", "figure-w-soft", "figure-mean-weights"):
        assert shown[name]["data"] == []
        assert f"{method.upper()} has no weight net" in shown[name]["sentence"]
    assert shown["figure-accuracy"]["data"]


def test_a_damaged_frame_is_named_in_its_place(open_lab, manager):
    run = make_run(manager.places.runs)
    (run.path / "frames" / "0003.npz").write_bytes(b"junk")
    lab = open_lab(run=run.run_id)
    assert not lab.exception
    assert "0003" in drawings(lab)["figure-w-hard"]["sentence"]
    assert drawings(lab)["figure-accuracy"]["data"]


def test_a_failed_run_says_why_and_can_be_resumed(open_lab, manager):
    run = make_run(manager.places.runs, state="failed", reason="The child was killed by SIGKILL.")
    lab = open_lab(run=run.run_id)
    assert "killed by SIGKILL." in lab.error[0].value
    lab.button(key="pause").click().run()
    assert manager.asked == [("resume_from_checkpoint", run.run_id)]


BUTTONS = {
    "running": {"pause": "Pause", "step": True, "stop": True},
    "paused": {"pause": "Resume", "step": True, "stop": True},
    "queued": {"pause": "Pause", "step": False, "stop": True},
    "finished": {"pause": None, "step": False, "stop": False},
    "stopped": {"pause": "Resume", "step": False, "stop": False},
}


@pytest.mark.parametrize("run_state", first_quick(list(BUTTONS), 3))
def test_buttons_are_enabled_as_the_state_allows(open_lab, manager, run_state):
    run = make_run(manager.places.runs, done=2, state=run_state)
    lab = open_lab(run=run.run_id)
    assert not lab.exception
    expected = BUTTONS[run_state]
    assert lab.button(key="pause").disabled == (expected["pause"] is None)
    if expected["pause"]:
        assert lab.button(key="pause").label == expected["pause"]
    assert lab.button(key="stop").disabled != expected["stop"]


def test_stop_and_pause_reach_the_run(open_lab, manager):
    run = make_run(manager.places.runs, state="running")
    lab = open_lab(run=run.run_id)
    lab.button(key="pause").click().run()
    lab.button(key="stop").click().run()
    assert manager.asked == [("pause", run.run_id), ("stop", run.run_id)]


def test_an_earlier_run_is_opened_from_the_list(open_lab, manager):
    run = make_run(manager.places.runs, seed=4)
    lab = open_lab()
    assert "Earlier runs" in words(lab)
    lab.button(key=f"welcome open {run.run_id}").click().run()
    assert lab.query_params["run"] == run.run_id
    assert lab.number_input(key="control_seed").value == 4


def test_a_hundred_classes_are_grouped_first(open_lab, manager):
    run = make_run(manager.places.runs, dataset="cifar100", done=2)
    ridges = drawings(open_lab(run=run.run_id))["figure-w-hard"]["data"]
    assert [trace["name"] for trace in ridges if "name" in trace] == ["many", "medium", "few"]


@pytest.mark.slow
def test_the_server_process_never_imports_torch(tmp_path):
    program = f"""
import sys
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash
from app.shared import engine
from tests.app.fake_manager import FakeManager
from tests.made_up import make_run
from pathlib import Path
fake = FakeManager(Path({str(tmp_path)!r}))
engine.manager = lambda: fake
lab = AppTest.from_file({str(MAIN)!r}, default_timeout=300)
home = lab.run()
assert not home.exception
lab._page_hash = calc_hash("lab")
lab.query_params["run"] = make_run(fake.places.runs).run_id
lab.run()
assert not lab.exception
heavy = {{"torch", "torchvision", "sklearn", "scipy"}} & set(sys.modules)
assert not heavy, heavy
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=MAIN.parents[1], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


def test_a_preset_sets_all_controls_but_the_seed_and_can_be_gone_back_to(open_lab):
    lab = open_lab(seed="7")
    assert lab.selectbox(key="control_preset").value == "quick"
    assert lab.button(key="reset").disabled
    lab.selectbox(key="control_preset").select("cifar100").run()
    assert lab.selectbox(key="control_dataset").value == "cifar100"
    assert lab.number_input(key="control_inner_steps").value == 5
    assert lab.number_input(key="control_seed").value == 7
    lab.number_input(key="control_epochs").set_value(3).run()
    assert not lab.button(key="reset").disabled
    lab.button(key="reset").click().run()
    assert lab.number_input(key="control_epochs").value == 120
    assert lab.button(key="reset").disabled


def test_a_preset_may_name_a_speed_that_can_be_set_before_start(open_lab, manager):
    lab = open_lab()
    assert lab.select_slider(key="control_speed").value is None
    lab.selectbox(key="control_preset").select("classroom").run()
    assert lab.select_slider(key="control_speed").value == 2.0
    lab.select_slider(key="control_speed").set_value(0.5).run()
    assert not lab.button(key="reset").disabled
    lab.button(key="start").click().run()
    [(_, config), (_, _, speed)] = [call for call in manager.asked if call[0] != "estimate"]
    assert speed == 0.5
    assert config == PRESETS["classroom"].config
    assert manager.asked[-1][0] == "set_speed"


def test_an_estimate_knows_the_speed_of_the_next_run(open_lab, manager):
    manager.seconds = 3.0
    lab = open_lab(imbalance_factor="100", epochs="200")  # the classroom's
    lab.run()
    assert any("About 1 min 40 s" in caption.value for caption in lab.caption)


def test_a_link_names_the_preset_that_it_is_nearest_to(open_lab):
    lab = open_lab(imbalance_factor="100", epochs="200")
    assert lab.selectbox(key="control_preset").value == "classroom"
    lab.selectbox(key="control_dataset").select("cifar10").run()
    assert lab.selectbox(key="control_preset").value == "cifar10"
