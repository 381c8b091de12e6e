"""A run's numbers in TensorBoard, MLflow and Trackio; stand-ins note what the tools are told."""

import importlib.util
import sys
import types

import pytest

from bikd_core import experiment_logs
from bikd_core.cli import driver, main
from bikd_core.events import EpochDone, from_json
from bikd_core.experiment_logs import scalars_of
from bikd_core.places import Places
from bikd_core.store import list_runs
from tests import fake_training, made_up
from tests.made_up import epoch_done

TOOLS = ("tensorboard", "mlflow", "trackio")


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home of its own, in which a stand-in trains."""
    monkeypatch.setenv("BIKD_HOME", str(tmp_path))
    started = made_up.started(class_names=("a", "b", "c"), class_counts=(4, 2, 1))
    monkeypatch.setattr(fake_training, "started", lambda *_, **__: started)
    monkeypatch.setattr(driver, "load_training", lambda: fake_training.FakeTraining)
    monkeypatch.setattr(driver, "_fetch", lambda *_: None)
    return Places.at(tmp_path)


@pytest.fixture
def told(monkeypatch):
    """What the tools are told, in order; they seem to be installed."""
    notes = []

    def noting(name, result=None):
        def note(*arguments, **named):
            print(f"{name} prints")
            notes.append((name, arguments, named))
            return result

        return note

    class SummaryWriter:
        def __init__(self, log_dir):
            noting("open")(log_dir)

        def __getattr__(self, name):
            return noting(name)

    modules = {
        "torch.utils.tensorboard": {"SummaryWriter": SummaryWriter},
        "tensorboard": {},
        "mlflow": {
            n: noting(n)
            for n in ("set_experiment", "start_run", "log_params", "log_metrics", "end_run")
        },
        "trackio": {n: noting(n) for n in ("init", "log", "finish")},
    }
    for name, members in modules.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        module.__spec__ = importlib.util.spec_from_loader(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    return notes


def the_run(home):
    [folder] = list_runs(home.runs)
    return folder


def epochs_of(folder):
    events = map(from_json, folder.log_path.read_text(encoding="utf-8").splitlines())
    return [event for event in events if isinstance(event, EpochDone)]


def train(*arguments):
    return main(["run", "--epochs", "3", *arguments])


def test_tensorboard_gets_each_epochs_numbers_in_the_runs_folder(home, told):
    assert train("--log", "tensorboard") == 0
    folder = the_run(home)
    assert told[0] == ("open", (str(folder.path / "tensorboard"),), {})
    written = {arguments[::2]: arguments[1] for name, arguments, _ in told if name == "add_scalar"}
    for done in epochs_of(folder):
        assert written["test/accuracy", done.epoch] == done.accuracy
        assert written["val/loss", done.epoch] == done.val_loss
        assert written["test_by_class/01", done.epoch] == done.accuracy_per_class[1]
    assert len(written) == 3 * len(scalars_of(epochs_of(folder)[0]))
    [text] = [arguments[1] for name, arguments, _ in told if name == "add_text"]
    assert "| epochs | 3 |" in text
    assert told[-1][0] == "close"


def test_mlflow_gets_controls_numbers_and_how_it_ended(home, told):
    assert train("--log", "mlflow") == 0
    folder = the_run(home)
    calls = {name: (arguments, named) for name, arguments, named in told}
    assert calls["set_experiment"] == (("bikd",), {})
    assert calls["start_run"] == ((), {"run_name": folder.run_id})
    assert calls["log_params"][0][0]["epochs"] == "3"
    (numbers,), named = calls["log_metrics"]
    assert named == {"step": 3}
    assert numbers["test/accuracy_few"] == epochs_of(folder)[-1].accuracy_few
    assert told[-1] == ("end_run", (), {"status": "FINISHED"})


def test_trackio_gets_controls_and_numbers(home, told):
    assert train("--log", "trackio") == 0
    (name, _, opened), *logged = told[:4]
    assert name == "init"
    assert (opened["project"], opened["name"]) == ("bikd", the_run(home).run_id)
    assert [named["step"] for _, _, named in logged] == [1, 2, 3]
    assert told[-1][0] == "finish"


def test_a_failed_run_has_failed_there_too(home, told):
    assert train("--log", "mlflow", "--seed", str(fake_training.DIVERGES)) == 1
    assert told[-1] == ("end_run", (), {"status": "FAILED"})


def test_what_a_tool_prints_is_no_result(home, told, capsys):
    assert train("--log", "trackio", "--json") == 0
    assert all(line.startswith("{") for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_is_not_installed_is_one_sentence_with_the_command(
    home, tool, capsys, monkeypatch
):
    monkeypatch.setattr(experiment_logs.importlib.util, "find_spec", lambda name: None)
    assert train("--log", tool) == 2
    assert capsys.readouterr().err.strip() == (
        f"log = '{tool}' needs the package {tool}: pip install 'bikd[{tool}]'"
    )
    assert not list_runs(home.runs)


def test_a_tool_that_cannot_be_opened_refuses_the_run(home, told, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["mlflow"], "set_experiment", _unreachable)
    assert train("--log", "mlflow") == 2
    assert "log = 'mlflow' cannot be opened: no such server" in capsys.readouterr().err
    assert not list_runs(home.runs)


def test_a_tool_that_fails_later_is_left_alone_and_the_run_goes_on(home, told, monkeypatch, caplog):
    monkeypatch.setattr(sys.modules["trackio"], "log", _unreachable)
    assert train("--log", "trackio") == 0
    assert the_run(home).status().state == "finished"
    assert [record.message for record in caplog.records] == [
        "Nothing more goes to trackio: no such server"
    ]
    assert told[-1][0] == "init"


def _unreachable(*_, **__):
    raise OSError("no such server")


def test_numbers_that_a_run_does_not_have_are_left_out():
    numbers = scalars_of(epoch_done(1, val_loss=None, learning_rate=None))
    assert not {"val/loss", "train/learning_rate", "train/soft_loss"} & set(numbers)
    many = epoch_done(1, accuracy_per_class=(0.5,) * 100)
    assert not [name for name in scalars_of(many) if name.startswith("test_by_class")]


def test_tensorboard_itself_reads_the_numbers_back(home):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train("--log", "tensorboard") == 0
    read = EventAccumulator(str(the_run(home).path / "tensorboard")).Reload()
    values = [(event.step, event.value) for event in read.Scalars("test/accuracy")]
    expected = [(done.epoch, done.accuracy) for done in epochs_of(the_run(home))]
    assert values == [(step, pytest.approx(value)) for step, value in expected]
