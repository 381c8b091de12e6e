"""The command line: in this process, or in its own where signals, pipes or imports matter."""

import dataclasses
import json
import logging
import re
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from bikd_core import __version__
from bikd_core.cli import driver, main
from bikd_core.config import SOURCE_FACTS, RunConfig, choices, fields, is_read_by
from bikd_core.config.presets import PRESETS
from bikd_core.data.long_tail import load_split
from bikd_core.events import EpochDone, from_json
from bikd_core.places import Places
from bikd_core.store import list_runs
from bikd_core.teachers.files import load_teacher
from tests import fake_training, made_up
from tests.other_values import other_value
from tests.patience import PATIENCE_S
from tests.repeated import first_quick

SMALL = "--imbalance-factor 5 --head-count 20 --batch-size 16".split()
BIKD = [sys.executable, "-c", "import sys; from bikd_core.cli import main; sys.exit(main())"]


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """Give the test its own BIKD_HOME and a screen wide enough for any sentence."""
    monkeypatch.setenv("BIKD_HOME", str(tmp_path))
    monkeypatch.delenv("BIKD_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "600")
    yield Places.at(tmp_path)
    logging.getLogger("bikd_core.worker.recording").handlers.clear()


@pytest.fixture
def fake(monkeypatch):
    """Use the fake training, whose seed decides what goes wrong; every data set exists."""
    started = made_up.started(class_names=("a", "b", "c"), class_counts=(4, 2, 1))
    monkeypatch.setattr(fake_training, "started", lambda *_, **__: started)
    monkeypatch.setattr(driver, "load_training", lambda: fake_training.FakeTraining)
    monkeypatch.setattr(driver, "_fetch", lambda *_: None)


def the_run(home):
    (folder,) = list_runs(home.runs)
    return folder


def epochs_of(folder):
    return [event for event in folder.events() if isinstance(event, EpochDone)]


# Options ----------------------------------------------------------------------------------------


def test_version_and_bare_call(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"
    assert main([]) == 0
    assert "teacher" in capsys.readouterr().out


def test_help_lists_option_choices_range_and_defaults_of_each_control(capsys):
    assert main(["run", "--help"]) == 0
    text = capsys.readouterr().out
    for name, info in fields().items():
        assert f"--{name.replace('_', '-')} " in text
        assert info.description in text
        if choices(name):
            assert f"[choices: {', '.join(map(str, choices(name)))}]" in text
    assert "[range: 1 to 200] [default: 50.0" in text
    assert "[range: 0 to below 1] [default: 0.9]" in text
    assert "[range: 1 and up]" in text
    assert "[default: hard; mix for cifar10 as published]" in text
    [epochs] = re.findall(r"\[default: 60; (.*?)\]", text)
    assert {"20 for fashion_mnist, kmnist", "120 for svhn, cifar10, cifar100"} <= {
        *epochs.split("; ")
    }


@pytest.mark.slow
def test_help_imports_no_torch():
    check = (
        "import sys; from bikd_core.cli import main; main(['run', '--help']); "
        "sys.exit(bool({'torch', 'sklearn', 'streamlit'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], stdout=subprocess.DEVNULL, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0


#: Values that go together, each other than the default.
OTHERS = {name: other_value(name) for name in fields()} | {
    "dataset": "cifar100",
    "imbalance": "step",
    "imbalance_factor": 12.5,
    "head_count": 120,
    "val_per_class": 20,
    "val_imbalance_factor": 2.0,
    "test_per_class": 50,
    "teacher_model": "resnet20",
    "student": "resnet8",
    "learning_rate": 0.2,
    "device": "cpu",
    "weight_form": "scale",
}
#: Forms that read all controls between them.
FORMS = [{"method": method} for method in choices("method")] + [{"method": "bikd", "over": "ce_kd"}]


def values_read(form):
    return {k: v for k, v in (OTHERS | form).items() if is_read_by(k, OTHERS | form)}


def test_these_forms_read_all_controls():
    assert {name for form in FORMS for name in values_read(form)} == set(OTHERS)


@pytest.mark.parametrize("form", first_quick(FORMS, 2), ids=str)
def test_each_control_can_be_given_to_a_method_that_reads_it(fake, home, form):
    values = values_read(form)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    assert main(["run", *options]) == 0
    assert the_run(home).record().config.read_by_method() == values


def test_a_preset_is_what_options_override(fake, home):
    assert main(["run", "--preset", "relative", "--epochs", "3", "--over", "kd"]) == 0
    preset = PRESETS["relative"].config
    assert the_run(home).record().config == preset.changed(epochs=3, over="kd")


def test_what_a_preset_sets_may_be_unread_where_an_option_changes_the_form(fake, home):
    assert main(["run", "--preset", "relative", "--weight-scale", "sigmoid", "--epochs", "1"]) == 0
    assert the_run(home).record().config.method.weight_scale == "sigmoid"


@pytest.mark.parametrize("dataset", first_quick(list(SOURCE_FACTS), 2))
def test_options_not_given_take_the_data_sets_default(fake, home, dataset):
    assert main(["run", "--dataset", dataset, "--epochs", "1"]) == 0
    expected = RunConfig.from_flat({"dataset": dataset, "epochs": 1})
    assert the_run(home).record().config == expected


def test_runs_dir_stores_runs_elsewhere(fake, home, tmp_path):
    assert main(["run", "--epochs", "1", "--runs-dir", str(tmp_path / "elsewhere")]) == 0
    assert len(list_runs(tmp_path / "elsewhere")) == 1
    assert list_runs(home.runs) == []


# Bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--imbalance-factor 0", "imbalance_factor = '0' is not possible: .* at least 1 and at m"),
        ("--imbalance-factor nan", "imbalance_factor = 'nan' is not possible"),
        ("--imbalance-factor 1e9", "imbalance_factor = '1e9' is not possible"),
        ("--imbalance-factor 107", "imbalance_factor = 107.0 is not possible: .* from 1 to 106"),
        ("--val-per-class 116", "val_per_class = 116 is not possible: .* at most 115"),
        ("--head-count 107", "head_count = 107 is not possible: .* at most 106"),
        ("--epochs many", "epochs = 'many' is not possible: it must be a whole number"),
        ("--dataset mnist", "dataset = 'mnist' is not possible: it must be one of digits,"),
        ("--method=divine", "method = 'divine' is not possible: it must be one of bikd,"),
        ("--student resnet20", "student = 'resnet20' is not possible with digits: .* digits_mlp"),
        ("--rho 50", "Unknown option: --rho"),
        ("--epochs", "--epochs requires an argument"),
        ("junk", "Unused Tokens"),
        ("--teacher nobody", "There is no teacher 'nobody'"),
        ("--teacher nowhere.pth", "There is no teacher 'nowhere.pth'"),
        (f"--name {'x' * 201}", "name has at most 200 characters"),
        ("--preset fast", "preset = 'fast' is not possible: it must be one of quick, "),
        (
            "--method kd --inner-steps 3",
            "inner_steps = 3 is not possible: KD does not read it, only methods with a weight net",
        ),
        (
            "--over ce --temperature 2",
            "temperature = 2 is not possible: BiKD over CE does not read it, only methods with a t",
        ),
        (
            "--outer-from 0.5",
            "outer_from = 0.5 is not possible: BiKD reads it only with weight_scale = relative",
        ),
        (
            "--kd-alpha 0.5",
            "kd_alpha = 0.5 is not possible: BiKD reads it only with over = kd, dive or prior_kd",
        ),
        (
            "--method ce --prior both",
            "prior = 'both' is not possible: CE does not .* only bikd does",
        ),
        ("--weight-scale relative --weight-form convex", "weight_form = 'convex' is not possible"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_run(capsys, home, arguments, sentence):
    assert main(["run", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.strip().splitlines()
    assert re.search(sentence, line)
    assert not list(home.runs.glob("*"))


def test_a_folder_that_cannot_be_written_is_refused(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert main(["run", "--runs-dir", str(tmp_path / "file")]) == 2
    assert "runs need a folder that can be written" in capsys.readouterr().err


def test_an_unreachable_data_set_is_named_and_leaves_no_run(capsys, monkeypatch, home, tmp_path):
    def offline(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    sets = tmp_path / "sets"
    assert main(["run", "--dataset", "kmnist", "--data-dir", str(sets)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"is not in {sets} and could not be downloaded there" in err
    assert not list(home.runs.glob("*"))


@pytest.mark.parametrize("name", ["a b", "../a", "x" * 101])
def test_a_teachers_name_is_checked_before_it_is_trained(capsys, home, name):
    assert main(["teacher", "--name", name]) == 2
    assert "cannot name a teacher" in capsys.readouterr().err
    assert not list(home.runs.glob("*"))


# How a run ends ---------------------------------------------------------------------------------


def test_a_failure_is_one_sentence_and_its_traceback_is_kept(fake, capsys, home):
    assert main(["run", "--seed", str(fake_training.DIVERGES)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "RuntimeError: nan in epoch 3\n" in err
    assert "Traceback (most" not in err
    details = the_run(home).path / "traceback.txt"
    assert str(details) in err
    assert "Traceback (most" in details.read_text()
    assert the_run(home).status().state == "failed"


def test_a_teacher_that_is_trained_first_is_announced(fake, capsys):
    seed = str(fake_training.TRAINS_A_TEACHER)
    assert main(["run", "--seed", seed, "--epochs", "1", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err.count("No stored teacher fits this split, so one is trained first.") == 1
    assert len(out.splitlines()) == 1


def test_the_result_goes_to_standard_output_and_progress_does_not(fake, capsys, home):
    assert main(["run", "--epochs", "2"]) == 0
    out, err = capsys.readouterr()
    path = the_run(home).path
    assert out == f"Finished after epoch 2, 50.0% balanced accuracy. The run: {path}\n"
    assert "epoch 2/2" in err
    assert "50.0% few, 5 images/s" in err


# With the real training -------------------------------------------------------------------------


@pytest.fixture
def teacher(capsys, home):
    """Train a quick teacher for the splits of `SMALL`; return what the command printed."""
    assert main(["teacher", *SMALL, "--epochs", "2", "--name", "quick"]) == 0
    return capsys.readouterr().out


@pytest.mark.slow
def test_a_teacher_is_an_ordinary_run_and_a_stored_file(teacher, home):
    run, config = the_run(home), the_run(home).record().config
    assert (config.method.method, config.models.student) == ("ce", "digits_cnn_l")
    split = load_split(config.data, home.data)
    stored = load_teacher("quick", "digits_cnn_l", split, [home.teachers])
    assert stored.card is not None
    assert stored.card.accuracy_per_class == epochs_of(run)[-1].accuracy_per_class
    assert stored.card.made_by == (
        "bikd teacher --teacher-model=digits_cnn_l --head-count=20 --imbalance-factor=5.0 "
        "--batch-size=16 --epochs=2"
    )
    assert f"Teacher quick: {home.teachers / 'quick.safetensors'}\n" in teacher


@pytest.mark.slow
def test_json_is_the_runs_epochs_and_nothing_else(teacher, capsys, home):
    assert main(["run", *SMALL, "--epochs", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    folder = list_runs(home.runs)[0]
    assert [from_json(line) for line in out.splitlines()] == epochs_of(folder)
    assert "Teacher: quick, " in err
    fitted = folder.events()[-1]
    assert f"With class biases fitted to {fitted.num_val} images of D_val" in err
    assert f"{fitted.accuracy:.1%} balanced" in err
    for number, line in enumerate(out.splitlines(), 1):
        values = json.loads(line)
        assert values["epoch"] == number
        assert values["seconds"] > 0
        per_class = [values[name] for name in ("w_hard_per_class", "w_soft_per_class")]
        assert all(len(weights) == 10 and min(weights) > 0 for weights in per_class)
        assert values["accuracy"] == pytest.approx(sum(values["accuracy_per_class"]) / 10)
    assert folder.frames_available == (1, 2, 3)
    assert folder.status().state == "finished"


# Under the lens ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bikd", "ce"])
def test_more_steps_are_recorded_in_the_lens_epochs_and_change_nothing(home, method):
    given = ["run", *SMALL, "--method", method, "--epochs", "4"]
    given += ["--inner-steps", "2"] if method == "bikd" else []
    assert main(given) == 0
    plain = the_run(home)
    assert [int(path.stem.split("-")[0]) for path in plain.traces().values()] == [1, 2, 4]
    assert main([*given, "--name", "lens", "--lens-epochs", "1", "3"]) == 0
    (watched,) = [folder for folder in list_runs(home.runs) if folder.record().name == "lens"]
    num_steps = epochs_of(plain)[-1].step // 4  # an epoch's
    first = 2 * num_steps + 1  # first step of epoch 3, where no window is open
    more = [1, 2, first, first + 1] if method == "bikd" else [1, first]
    assert list(watched.traces()) == sorted({*plain.traces(), *more})
    clock = {"seconds": 0.0, "images_per_second": 0.0}
    assert [dataclasses.replace(epoch, **clock) for epoch in epochs_of(watched)] == [
        dataclasses.replace(epoch, **clock) for epoch in epochs_of(plain)
    ]


def test_a_lens_epoch_beyond_the_last_epoch_is_refused(home, capsys):
    assert main(["run", "--epochs", "4", "--lens-epochs", "5"]) == 2
    assert "lens_epochs = 5 is not possible: it must be an epoch from 1 to 4." in (
        capsys.readouterr().err
    )
    assert not list_runs(home.runs)
