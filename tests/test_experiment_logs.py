"""A run's numbers in TensorBoard, MLflow and Trackio; stand-ins note what the tools are told."""

import importlib.util
import sys
import types
from functools import partial

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
    done = partial(epoch_done, accuracy_per_class=(0.25, 0.75, 0.5))
    monkeypatch.setattr(fake_training, "epoch_done", done)
    monkeypatch.setattr(fake_training, "frame", partial(made_up.frame, num_classes=3))
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
        def __init__(self, log_dir, purge_step):
            noting("open")(log_dir, purge_step)

        def __getattr__(self, name):
            return noting(name)

    known = types.SimpleNamespace(info=types.SimpleNamespace(run_id="theirs"))
    modules = {
        "torch.utils.tensorboard": {"SummaryWriter": SummaryWriter},
        "tensorboard": {},
        "mlflow": {
            n: noting(n)
            for n in ("set_experiment", "start_run", "log_params", "log_metrics", "end_run")
        }
        | {"search_runs": noting("search_runs", [known])},
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
    assert told[0] == ("open", (str(folder.path / "tensorboard"), None), {})
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


@pytest.fixture
def interrupted(home, told):
    """A run whose process ended after its last epoch; what the tools are told begins anew."""
    assert train() == 0
    folder = the_run(home)
    with folder.lock():
        folder.write_status("interrupted", "The computer went down.", epoch=3, epochs=3)
    return folder.run_id


def test_a_resumed_run_goes_on_in_mlflow_under_its_name(interrupted, told):
    assert main(["resume", interrupted, "--log", "mlflow"]) == 0
    calls = {name: named for name, _, named in told}
    assert calls["search_runs"]["filter_string"] == f"attributes.run_name = '{interrupted}'"
    assert calls["start_run"] == {"run_id": "theirs"}
    assert "log_params" not in calls


def test_a_resumed_run_goes_on_in_the_other_tools(interrupted, told):
    assert main(["resume", interrupted, "--log", "tensorboard"]) == 0
    assert told[0][1][1] == 4  # what was written of epochs after the checkpoint is taken back


def test_a_resumed_run_goes_on_in_trackio(interrupted, told):
    assert main(["resume", interrupted, "--log", "trackio"]) == 0
    assert told[0][2]["resume"] == "allow"


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


def test_mlflow_itself_reads_a_run_and_its_going_on_back(home, monkeypatch, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "their store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert train("--log", "mlflow") == 0
    folder = the_run(home)
    with folder.lock():
        folder.write_status("interrupted", "The computer went down.", epoch=3, epochs=3)
    assert main(["resume", folder.run_id, "--log", "mlflow"]) == 0
    [run] = mlflow.search_runs(experiment_names=["bikd"], output_format="list")
    assert (run.info.run_name, run.info.status) == (folder.run_id, "FINISHED")
    assert run.data.params["epochs"] == "3"
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "test/accuracy")
    told = {metric.step: metric.value for metric in history}
    assert told == {done.epoch: pytest.approx(done.accuracy) for done in epochs_of(folder)}
