"""What lies in a folder of runs: each that cannot be read costs one row of the list."""

import json

import pytest

from bikd_core.events import to_json
from bikd_core.runs.history import Histories
from bikd_core.store import LogReader
from tests import made_up
from tests.repeated import first_quick

JUNK = [None, "x", -1, 1e308, True, [], {}, [None], [[1]], "9" * 5000, 10**30]


def listed(runs_dir):
    """Return how many runs are listed, and why the others are not."""
    runs, broken = Histories(runs_dir, is_ours=lambda run_id: False).list()
    return len(runs), [run.reason for run in broken]


def change_json(path, changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("value", first_quick(JUNK), ids=lambda value: repr(value)[:12])
def test_any_value_in_any_file_costs_one_row_at_most(tmp_path, value):
    made_up.make_run(tmp_path)
    others = 0
    for file in ("run.json", "status.json"):
        for name in json.loads((made_up.make_run(tmp_path).path / file).read_text()):
            others += 1
            change_json(made_up.make_run(tmp_path).path / file, {name: value})
        others += 1
    for event in (made_up.started(), made_up.epoch_done(1)):
        for name in json.loads(to_json(event)):
            run = made_up.make_run(tmp_path)
            line = json.loads(to_json(event)) | {name: value}
            run.log_path.write_text(json.dumps(line) + "\n")
            others += 1
    num_runs, reasons = listed(tmp_path)
    assert num_runs + len(reasons) == 1 + others
    assert not any("\n" in reason for reason in reasons)


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b"null", b"{}"])
@pytest.mark.parametrize("file", ["run.json", "status.json"])
def test_a_file_of_junk_is_named_in_its_row(tmp_path, file, content):
    made_up.make_run(tmp_path)
    (made_up.make_run(tmp_path).path / file).write_bytes(content)
    num_runs, [reason] = listed(tmp_path)
    assert num_runs == 1
    assert file in reason


def test_a_folder_in_place_of_a_file_costs_one_row(tmp_path):
    made_up.make_run(tmp_path)
    log = made_up.make_run(tmp_path).path / "status.json"
    log.unlink()
    log.mkdir()
    assert listed(tmp_path)[0] == 1


@pytest.mark.parametrize(
    ("changes", "version", "schema"),
    [
        ({"schema_version": 2}, "0.", "2"),
        ({"unheard_of": 1, "versions": {"bikd": "9.1.0"}}, "9.1.0", "1"),
        ({"schema_version": 2, "versions": {"bikd": "9.1.0"}}, "9.1.0", "2"),
    ],
)
def test_a_run_of_another_version_is_listed_as_what_it_is(tmp_path, changes, version, schema):
    change_json(made_up.make_run(tmp_path).path / "run.json", changes)
    _, [reason] = listed(tmp_path)
    assert f"it was made by version {version}" in reason
    assert f"(run format {schema}), this is version" in reason


def test_an_unknown_field_of_this_version_is_named(tmp_path):
    change_json(made_up.make_run(tmp_path).path / "run.json", {"unheard_of": 1})
    _, [reason] = listed(tmp_path)
    assert "unheard_of" in reason
    assert "made by version" not in reason


@pytest.fixture
def reads(monkeypatch):
    """The logs that are read, by the folder's name."""
    seen, read_new = [], LogReader.read_new

    def counted(reader):
        seen.append(reader._path.parent.name)
        return read_new(reader)

    monkeypatch.setattr(LogReader, "read_new", counted)
    return seen


def histories(runs_dir):
    return Histories(runs_dir, is_ours=lambda run_id: False)


def test_a_list_reads_the_logs_that_somebody_asks_for(tmp_path, reads):
    for _ in range(3):
        made_up.make_run(tmp_path, done=2)
    known = histories(tmp_path)
    first, *_ = known.list()[0]
    assert (first.state, reads) == ("finished", [])
    assert [epoch.epoch for epoch in first.epochs] == [1, 2]
    assert first.resolved is not None
    assert known.list()[0][0] is first
    assert reads == [first.run_id]


def test_a_broken_log_shows_when_its_run_is_opened_and_in_the_list_from_then_on(tmp_path):
    run = made_up.make_run(tmp_path, done=2)
    with run.log_path.open("a") as log:
        log.write("{}\n")
    known = histories(tmp_path)
    [listed_run] = known.list()[0]
    assert known.snapshot(run.run_id).state == "failed"
    assert "events.jsonl:" in known.snapshot(run.run_id).reason
    assert listed_run.epochs == ()
    assert known.list()[0][0].state == "failed"


def test_what_is_added_after_the_list_was_made_is_read_with_the_rest(tmp_path):
    run = made_up.make_run(tmp_path, done=3)
    *lines, last = run.log_path.read_bytes().splitlines(keepends=True)
    run.log_path.write_bytes(b"".join(lines))
    known = histories(tmp_path)
    assert known.list()[0][0].state == "finished"
    with run.log_path.open("ab") as log:
        log.write(last)
    assert len(known.snapshot(run.run_id).epochs) == 3
    assert len(known.list()[0][0].epochs) == 3
