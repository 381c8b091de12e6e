"""Whatever comes in from outside ends in a value or in one sentence: drawn cases.

With BIKD_WHOLE set they are 10,000.
"""

import io
import json
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cyclopts import CycloptsError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bikd_core import cli
from bikd_core.config import ConfigError, RunConfig, choices, fields
from bikd_core.events import Frame, Panel, StepTrace, from_json, to_json
from bikd_core.store import CorruptRunError, StoreError
from bikd_core.store.archive import export_run, import_run
from bikd_core.store.arrays import Dimensions, load_arrays
from bikd_core.store.files import read_model
from bikd_core.store.layouts import arrays, layouts
from bikd_core.store.record import RunRecord, Status
from bikd_core.studies import read_entry, read_seeds
from tests import made_up
from tests.repeated import as_many


def cases(number):
    return settings(
        max_examples=as_many(number // 5, number),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


ODD_TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", " ", "0", "-0", "nan", "inf", "1e400", "1_0", "٣", "../..", "null", "\0"]),
    st.integers().map(str),
    st.floats().map(str),
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ODD_TEXT)
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXT, inner, max_size=3)
)


@st.composite
def likely(draw, name):
    """A value of a control, often a possible one, as text."""
    if (possible := choices(name)) and draw(st.booleans()):
        return str(draw(st.sampled_from(possible)))
    return draw(ODD_TEXT)


@st.composite
def parameters(draw, names):
    """Query parameters, most of them by known names."""
    found = {}
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(names)) if draw(st.integers(0, 9)) else draw(ODD_TEXT)
        found[name] = draw(likely(name)) if name in fields() else draw(ODD_TEXT)
    return found


def is_one_sentence(error):
    text = str(error)
    return bool(text) and "\n" not in text.strip() and "Traceback" not in text


@contextmanager
def or_a_sentence(*kinds):
    """Let a block raise one of these errors, if its message is one."""
    try:
        yield
    except kinds as error:
        assert is_one_sentence(error)  # noqa: PT017 any input may be refused, none must be


@cases(2000)
@given(st.dictionaries(st.sampled_from(list(fields())), ANYTHING, max_size=4))
def test_controls_make_a_run_or_a_sentence(controls):
    with or_a_sentence(ConfigError):
        config = RunConfig.from_flat(controls)
        assert RunConfig.from_flat(config.flat()) == config


@cases(1500)
@given(parameters([*fields(), "run", "with", "epoch", "picture", "view", "by", "key"]))
def test_an_address_of_the_lab_is_read_and_complained_about(given_parameters):
    from app.lab.link import PARAMETERS, LabLink
    from app.shared.controls_link import read_controls, write_controls

    link, complaints = LabLink.read(given_parameters)
    config, more = read_controls(given_parameters, PARAMETERS)
    assert all(map(is_one_sentence, complaints + more))
    assert LabLink.read(link.write())[0] == link
    assert read_controls(write_controls(config.flat()))[0] == config


@cases(1500)
@given(
    parameters(["methods", "seeds", "reference", "counts", "calibration", "faults", "question"]),
    st.lists(st.sampled_from(["bikd", "kd", "relative", ":", "=", ",", "over", "seed", "x"])),
)
def test_an_address_of_compare_is_read_and_complained_about(given_parameters, pieces):
    from app.compare.link import CompareLink

    given_parameters = {"methods": "".join(pieces)} | given_parameters
    link, complaints = CompareLink.read(given_parameters)
    assert all(map(is_one_sentence, complaints))
    assert CompareLink.read(link.write())[0].methods == link.methods


@cases(500)
@given(ODD_TEXT | st.lists(st.sampled_from(["kd", "bikd", ":", "over=", "kd", ",", "="])))
def test_entries_and_seeds_are_read_or_refused(text):
    text = text if isinstance(text, str) else "".join(text)
    for read in (read_entry, read_seeds):
        with or_a_sentence(ConfigError):
            read(text)


COMMANDS = ("run", "compare", "search", "duel", "teacher", "resume", "export", "replay", "bench")


@cases(500)
@given(
    st.sampled_from(COMMANDS),
    st.lists(
        st.tuples(st.sampled_from([*fields(), "json", "jobs", "seeds", "methods", "x"]), ODD_TEXT),
        max_size=3,
    ),
)
def test_a_command_line_is_read_or_refused(command, options):
    tokens = [command]
    for name, text in options:
        tokens += [f"--{name.replace('_', '-')}", text]
    with or_a_sentence(ValueError, StoreError):
        try:
            cli.app.parse_args(tokens, exit_on_error=False, print_error=False)
        except CycloptsError as error:
            raise ValueError(cli.refusal_of(error)) from error


CONFIG = RunConfig.from_flat({"method": "kd"})
EVENTS = [
    json.loads(to_json(event))
    for event in (
        made_up.started(CONFIG),
        made_up.epoch_done(1, CONFIG),
        made_up.epoch_done(2, RunConfig()),
        made_up.class_biases(CONFIG),
    )
]


def changed(draw, value):
    """A JSON object with one value, at any depth, that is anything."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        return value | {name: changed(draw, value[name])}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], changed(draw, value[place]), *value[place + 1 :]]
    return draw(ANYTHING)


@cases(1500)
@given(st.data())
def test_an_event_is_whole_or_refused(data):
    event = changed(data.draw, data.draw(st.sampled_from(EVENTS)))
    with or_a_sentence(ValueError):
        found = from_json(json.dumps(event))
        assert from_json(to_json(found)) == found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The members of a run's zip, by name."""
    run = made_up.make_run(tmp_path_factory.mktemp("runs"), method="kd", has_biases=True)
    buffer = io.BytesIO()
    export_run(run, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@cases(1000)
@given(data=st.data())
def test_a_record_and_a_status_are_whole_or_refused(whole, data, tmp_path_factory):
    members = whole
    name, model = data.draw(st.sampled_from([("run.json", RunRecord), ("status.json", Status)]))
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(changed(data.draw, json.loads(members[name]))))
    with or_a_sentence(CorruptRunError):
        read_model(path, model)


KINDS = {
    Panel: made_up.panel_of(CONFIG),
    Frame: made_up.frame_of(CONFIG, made_up.epoch_done(1, CONFIG)),
    StepTrace: made_up.trace(2, 7, np.array([1, 2, 3])),
}
SOME_VALUES = (0, 1, -1, 99, 2**40, np.nan, np.inf, 1e300)


@st.composite
def any_array(draw):
    dtype = draw(st.sampled_from(["f2", "f4", "f8", "i4", "i8", "u1", "?", "c8", "U3", "S2"]))
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 5, 10, 293]), max_size=3))
    value = draw(st.sampled_from(SOME_VALUES))
    with np.errstate(all="ignore"):
        return np.full(shape, value).astype(dtype)


@cases(1000)
@given(data=st.data())
def test_arrays_are_whole_or_refused(data, tmp_path_factory):
    kind = data.draw(st.sampled_from(list(KINDS)))
    held = {name: value for name, value in arrays(KINDS[kind]).items() if value is not None}
    name = data.draw(st.sampled_from(sorted(layouts(kind))))
    if data.draw(st.booleans()) and name in held:
        array = held[name].copy()
        if array.size:
            with np.errstate(all="ignore"):
                array.reshape(-1)[0] = np.asarray(data.draw(st.sampled_from(SOME_VALUES))).astype(
                    array.dtype
                )
    else:
        array = data.draw(any_array())
    path: Path = tmp_path_factory.getbasetemp() / "any.npz"
    np.savez(path, **held | {name: array})
    with or_a_sentence(CorruptRunError):
        load_arrays(path, kind, Dimensions(293, 10), layouts(kind))


@cases(500)
@given(data=st.data())
def test_a_zip_is_imported_whole_or_refused_and_nothing_else_is_written(
    whole, data, tmp_path_factory
):
    members = dict(whole)
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(members)))
        content = bytearray(members[name])
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, max(0, len(content) - 1)))
            content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        members[name] = bytes(content)
    else:
        name = data.draw(st.sampled_from(["../x", "/x", "frames/../../x", "a\\b", "x" * 300, ""]))
        members[name] = b"x"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name or "empty", content)
    zipped = bytearray(buffer.getvalue())
    if data.draw(st.integers(0, 3)) == 0:
        zipped[data.draw(st.integers(0, len(zipped) - 1))] ^= data.draw(st.integers(1, 255))
    outside = tmp_path_factory.getbasetemp() / "any-zip"
    runs = outside / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    with or_a_sentence(StoreError):
        import_run(io.BytesIO(bytes(zipped)), runs).delete()
    assert list(outside.iterdir()) == [runs]
    assert not list(runs.iterdir())
