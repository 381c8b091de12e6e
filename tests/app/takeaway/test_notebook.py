"""A run as a notebook: executed, it gives the run's numbers and the page's figures."""

import base64
import json

import nbclient
import nbformat
import numpy as np
import pytest

from app.figures.drawing import THEME_TEXT, Drawing
from app.lab.views import VIEWS, Moment
from app.takeaway import rerun
from app.takeaway.notebook import as_notebook
from bikd_core.cli import main
from bikd_core.config import ConfigError, RunConfig
from bikd_core.places import Places
from bikd_core.store import RunFolder
from tests.app.shown import unpacked
from tests.app.takeaway.test_bake import snapshot_of
from tests.made_up import make_run

PLOTLY = "application/vnd.plotly.v1+json"


def figures_of(run):
    """The page's figures of the views that are rows of figures, by the view's name."""
    moment = Moment(run, len(run.epochs))
    return {
        view.name: [
            figure.drawn_once(moment if view.link is None else with_link(moment, view))
            for row in view.rows
            for figure in row
            if figure.is_worth_drawing(moment)
        ]
        for view in VIEWS
        if view.rows
    }


def with_link(moment, view):
    return Moment(moment.snapshot, moment.chosen, link=view.link())


def values(traces) -> list:
    """The numbers and names of traces, however they are packed."""
    return [[numbers(trace[name]) for name in ("x", "y", "z") if name in trace] for trace in traces]


def numbers(value) -> list:
    if not isinstance(value, dict):
        return np.asarray(value).tolist()
    if "shape" in value:
        return unpacked(value).tolist()
    return np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"])).tolist()


@pytest.mark.slow
def test_executed_it_trains_the_same_run_and_draws_the_page_s_figures(tmp_path, monkeypatch):
    monkeypatch.setenv("BIKD_HOME", str(tmp_path / "home"))
    controls = ["--epochs=3", "--imbalance-factor=20", "--weight-net-learning-rate=0.02"]
    assert main(["run", "--name=<b>mine", *controls]) == 0
    places = Places.from_environment()
    [path] = places.runs.glob("digits-*")
    target = tmp_path / "run.ipynb"
    assert main(["export", path.name, f"--notebook={target}"]) == 0
    notebook = nbformat.read(target, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))

    ended = [cell for cell in notebook.cells if cell.cell_type == "code"]
    [said] = [out.text for out in ended[1].outputs if out.get("name") == "stdout"]
    run = snapshot_of(RunFolder(path))
    accuracy = f"{run.epochs[-1].accuracy:.2%}"
    assert f"recorded {accuracy}, now {accuracy}" in said
    [again] = set(places.runs.glob("digits-*")) - {path}
    assert snapshot_of(RunFolder(again)).config == run.config
    for name, drawings in figures_of(run).items():
        [cell] = [cell for cell in ended if cell.source.startswith(f"draw(run, {name!r})")]
        drawn = [out.data[PLOTLY] for out in cell.outputs if PLOTLY in out.get("data", {})]
        expected = [each.data for each in drawings if each.data]
        assert [values(each["data"]) for each in drawn] == list(map(values, expected)), name
    [walk] = [cell for cell in ended if cell.source == "draw_step(run)"]
    assert any(PLOTLY in out.get("data", {}) for out in walk.outputs)


@pytest.mark.parametrize("method", ["bikd", "kd", "ce", "ltkd"])
def test_its_controls_are_those_that_differ_from_the_defaults(tmp_path, method):
    run = snapshot_of(make_run(tmp_path, method=method))
    code = json.loads(as_notebook(run))["cells"][1]["source"]
    scope = {"RunConfig": RunConfig}
    exec(code[code.index("config = ") :], scope)
    assert scope["config"] == run.config
    assert code.count("\n") < 25


def test_a_figure_has_the_light_page_s_colours():
    bar = {"type": "bar", "x": [1], "y": [2], "marker": {"color": THEME_TEXT}}
    figure = rerun.figure_of(Drawing("", "", "", [bar], {}, 300))
    assert figure.data[0].marker.color == "#222222"
    assert figure.layout.height == 300


def test_what_cannot_be_drawn_is_named(tmp_path):
    run = snapshot_of(make_run(tmp_path, done=2))
    with pytest.raises(ConfigError, match="view = 'Wights' is not possible: it must be Overview"):
        rerun.draw(run, "Wights")
    with pytest.raises(ConfigError, match="epoch = 3 is not possible: it must be from 1 to 2"):
        rerun.draw(run, "Weights", epoch=3)
    with pytest.raises(ConfigError, match="has no epoch"):
        as_notebook(snapshot_of(make_run(tmp_path, done=0)))


def test_the_command_refuses_what_no_notebook_can_be(tmp_path, capsys):
    run_id = make_run(tmp_path / "runs").run_id
    runs = f"--runs-dir={tmp_path / 'runs'}"
    assert main(["export", run_id, runs, "--notebook=run.txt"]) == 2
    assert "its name must end with .ipynb" in capsys.readouterr().err
    assert main(["export", run_id, runs, "--notebook=a.ipynb", "--html=a.html"]) == 2
    assert "give one of them" in capsys.readouterr().err
    assert main(["export", run_id, runs, "--notebook=a.ipynb", "--beside=b"]) == 2
    assert "beside is not possible without html" in capsys.readouterr().err
