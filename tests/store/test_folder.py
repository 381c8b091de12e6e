import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from filelock import FileLock

from bikd_core.config import RunConfig
from bikd_core.events import ControlChanged, RunFailed, to_json
from bikd_core.store import (
    CorruptRunError,
    LogReader,
    RunFolder,
    StoreError,
    UnknownRun,
    create_run,
    list_runs,
    open_run,
)
from tests import made_up
from tests.fake_training import config
from tests.made_up import epoch_done, frame, started

EVENTS = [started(), epoch_done(1), epoch_done(2), RunFailed(reason="é ∞\u2028 over")]


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return create_run(tmp_path / "runs", config(epochs=2))


def with_log(folder, events):
    for event in events:
        folder.append(event)
    return folder


# The folder itself


def test_a_new_run_reads_back_as_it_was_made(tmp_path):
    wanted = RunConfig.from_flat({"dataset": "cifar10", "imbalance_factor": 12.5, "seed": 3})
    folder = create_run(tmp_path, wanted, " my first  ")
    again = open_run(tmp_path, folder.run_id)
    assert again.record().config == wanted
    assert again.record().name == "my first"
    assert again.record().resolved is None
    assert again.status().state == "queued"
    assert again.events() == []
    assert again.frames_available == ()
    assert re.fullmatch("cifar10-bikd-12_5-s3-[2-9a-z]{5}", folder.run_id)


def test_ids_differ_and_a_nameless_run_is_named_by_its_id(tmp_path):
    folders = [create_run(tmp_path, config()) for _ in range(20)]
    assert len({folder.run_id for folder in folders}) == 20
    assert folders[0].record().name == folders[0].run_id


@pytest.mark.parametrize(
    "junk",
    ["", ".", "..", "../runs", "a/b", "a\\b", "/etc", "A-b", "x" * 500, "a b", "a\x00b", "nobody"],
)
def test_a_junk_id_is_an_unknown_run(folder, junk):
    with pytest.raises(UnknownRun, match="no run"):
        open_run(folder.path.parent, junk)


def test_an_id_that_leaves_the_folder_is_refused_even_if_a_run_is_there(tmp_path):
    run = create_run(tmp_path / "a", config())
    (tmp_path / "b").mkdir()
    with pytest.raises(UnknownRun):
        open_run(tmp_path / "b", f"../a/{run.run_id}")


def test_a_folder_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"file.*cannot be written \(Not a directory\)"):
        create_run(tmp_path / "file" / "runs", config())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_run_that_could_not_be_made_whole_leaves_nothing(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_status", full)
    with pytest.raises(StoreError, match="No space left"):
        create_run(tmp_path, config())
    assert list(tmp_path.iterdir()) == []


def test_too_long_a_name_is_refused(folder):
    with pytest.raises(StoreError, match="200 characters; this one has 201"):
        create_run(folder.path.parent, config(), "x" * 201)
    with pytest.raises(StoreError, match="200 characters"):
        folder.rename("x" * 201)


def test_renaming_while_the_training_resolves_loses_neither(folder):
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            pool.submit(folder.rename, f"name {number}")
            pool.submit(folder.write_resolved, started())
    assert folder.record().resolved == started()
    assert folder.record().name.startswith("name")


def test_a_rename_waits_until_another_change_of_the_record_is_written(folder):
    with ThreadPoolExecutor(1) as pool, FileLock(folder.path / "record.lock"):
        renaming = pool.submit(folder.rename, "new")
        with pytest.raises(TimeoutError):
            renaming.result(0.2)
    assert folder.record().name == "new"


def test_runs_are_listed_newest_first_without_damaged_and_deleted_ones(tmp_path, caplog):
    first, second, third, fourth = (create_run(tmp_path, config()) for _ in range(4))
    (third.path / "run.json").write_text("{")
    fourth.delete()
    assert [run.run_id for run in list_runs(tmp_path)] == [second.run_id, first.run_id]
    assert f"left out of the list of runs: {third.path}" in caplog.text
    assert not fourth.path.exists()


def test_there_are_no_runs_before_the_first(tmp_path):
    assert list_runs(tmp_path / "none") == []


def test_damaged_json_names_the_file_and_the_field(folder):
    values = json.loads((folder.path / "run.json").read_text())
    values["config"]["training"]["epochs"] = -1
    (folder.path / "run.json").write_text(json.dumps(values))
    with pytest.raises(CorruptRunError, match=r"run\.json: config\.training\.epochs"):
        folder.record()


def test_size_counts_all_files(folder):
    before = folder.size_bytes()
    (folder.path / "frames" / "x").write_bytes(b"123")
    assert folder.size_bytes() == before + 3


def test_size_can_be_asked_while_the_checkpoint_is_replaced(folder):
    """As the page does: each click asks it, and a training that writes may not end the page."""
    is_over = threading.Event()

    def write():
        while not is_over.is_set():
            folder.save_checkpoint({"theta": np.zeros(4, np.float32)}, {"epoch": 1})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        sizes = [folder.size_bytes() for _ in range(500)]
    finally:
        is_over.set()
        writer.join()
    assert min(sizes) > 0


def test_the_lock_has_one_holder(folder):
    assert not folder.is_held()
    with folder.lock().acquire(timeout=0):
        assert folder.is_held()
        assert RunFolder(folder.path).is_held()
    assert not folder.is_held()


def test_a_folder_in_which_no_lock_can_be_taken_is_held_by_nobody(folder, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    (folder.path / "lock").touch()
    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert not folder.is_held()


# The log


def test_events_come_back_as_they_were_written(folder):
    assert with_log(folder, EVENTS).events() == EVENTS


def test_a_half_written_last_line_is_skipped_and_mended(folder):
    with_log(folder, EVENTS[:2])
    with folder.log_path.open("a") as file:
        file.write('{"kind": "epo')
    assert folder.events() == EVENTS[:2]
    folder.mend_log()
    folder.append(EVENTS[2])
    assert folder.events() == EVENTS[:3]


@pytest.mark.parametrize(
    "line", ["not json", '{"kind": "no such"}', '{"kind": "epoch"}', "", "[1]"]
)
def test_any_other_bad_line_is_located(folder, line):
    with_log(folder, EVENTS[:1])
    with folder.log_path.open("a") as file:
        file.write(line + "\n")
    with_log(folder, EVENTS[1:])
    with pytest.raises(CorruptRunError, match=r"events\.jsonl:2: "):
        folder.events()


def test_a_reader_gets_each_event_once_and_waits_for_the_rest_of_a_line(folder):
    with_log(folder, EVENTS[:2])
    reader = LogReader(folder.log_path)
    assert reader.read_new().events == EVENTS[:2]
    assert reader.read_new().events == []
    with_log(folder, EVENTS[2:3])
    whole = folder.log_path.read_text()
    os.truncate(folder.log_path, len(whole) - 5)
    assert reader.read_new().events == []
    with folder.log_path.open("a") as file:
        file.write(whole[-5:])
    assert reader.read_new() == ([EVENTS[2]], False)


def test_a_reader_notices_that_the_log_was_cut(folder):
    with_log(folder, EVENTS[:3])
    reader = LogReader(folder.log_path)
    reader.read_new()
    folder.truncate_to(1)
    assert reader.read_new() == (EVENTS[:2], True)


def test_a_reader_counts_lines_over_its_calls(folder):
    with_log(folder, EVENTS[:2])
    reader = LogReader(folder.log_path)
    reader.read_new()
    folder.append(EVENTS[2])
    reader.read_new()
    with folder.log_path.open("a") as file:
        file.write("junk\n")
    with pytest.raises(CorruptRunError, match=r"events\.jsonl:4: "):
        reader.read_new()


# Frames


def test_a_frame_comes_back_with_what_it_has(folder):
    with_log(folder, [started(), frame(7, 2.5)])
    again = folder.frame(7)
    assert again.epoch == 7
    assert again.ce_student.tolist() == [2.5] * 5
    assert again.ce_student.dtype == np.float32
    assert again.weights is None
    assert folder.frames_available == (7,)


def test_frames_that_are_missing_or_damaged_are_told_apart(folder):
    with pytest.raises(StoreError, match="has not started yet"):
        folder.panel()
    folder.append(started())
    with pytest.raises(StoreError, match=r"no 0003\.npz yet") as refusal:
        folder.frame(3)
    assert not isinstance(refusal.value, CorruptRunError)
    with pytest.raises(StoreError, match=r"no panel\.npz yet"):
        folder.panel()
    folder.append(frame(3))
    path = folder.path / "frames" / "0003.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CorruptRunError, match=r"0003\.npz"):
        folder.frame(3)


def test_a_frame_of_a_run_whose_log_is_damaged_names_the_line(folder):
    folder.append(frame(1))
    folder.log_path.write_text("junk\n")
    with pytest.raises(CorruptRunError, match=r"events\.jsonl:1: "):
        folder.frame(1)


def test_the_trace_of_a_step_comes_back_by_its_step(folder):
    trace = made_up.trace(
        2, 31, np.array([4, 0]), ce_student=np.array([0.5, 1.5], dtype=np.float32)
    )
    with_log(folder, [started(), trace])
    again = folder.trace(31)
    assert (again.epoch, again.step, again.rows.tolist()) == (2, 31, [4, 0])
    assert again.weights_before is None
    assert list(folder.traces()) == [31]
    with pytest.raises(StoreError, match="step 30"):
        folder.trace(30)
    with_log(folder, [epoch_done(1), epoch_done(2)])
    folder.truncate_to(1)  # epoch 2 will be trained again
    assert folder.traces() == {}


def test_cutting_keeps_what_was_up_to_the_end_of_that_epoch(folder):
    pause = ControlChanged(epoch=1, step=4, control="paused")
    with_log(folder, [started(), frame(1), epoch_done(1), pause, frame(2), epoch_done(2)])
    for epoch, step in ((1, 4), (2, 6)):
        folder.append(made_up.trace(epoch, step))
    folder.append(frame(3))  # not committed: the writer died before its line
    folder.truncate_to(1)
    assert folder.events() == [started(), epoch_done(1)]
    assert folder.frames_available == (1,)
    assert list(folder.traces()) == [4]
    folder.truncate_to(0)
    assert folder.events() == []
    assert folder.frames_available == ()


def test_cutting_behind_the_end_of_the_log_is_refused(folder):
    with_log(folder, EVENTS[:2])
    with pytest.raises(CorruptRunError, match="ends after epoch 1, before epoch 2"):
        folder.truncate_to(2)
    assert folder.events() == EVENTS[:2]


# Checkpoints


def test_a_checkpoint_comes_back_and_is_replaced(folder):
    assert folder.load_checkpoint() is None
    assert folder.checkpoint_epoch() == 0
    for epoch in (1, 2):
        tensors = {"a": np.arange(6).reshape(2, 3).T, "b": np.array(epoch)}
        folder.save_checkpoint(tensors, {"epoch": epoch, "rate": 0.5})
    again = folder.load_checkpoint()
    assert again.values == {"epoch": 2, "rate": 0.5}
    assert again.tensors["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert again.tensors["b"].shape == ()
    assert again.tensors["b"] == 2
    assert sorted(path.name for path in folder.path.glob("check*")) == ["checkpoint"]


def test_a_crash_while_a_checkpoint_is_replaced_leaves_the_former_one(folder):
    folder.save_checkpoint({"a": np.ones(1)}, {"epoch": 4})
    (folder.path / "checkpoint").rename(folder.path / "checkpoint.old")
    (folder.path / "checkpoint.new").mkdir()
    assert folder.load_checkpoint().values["epoch"] == 4
    folder.save_checkpoint({"a": np.ones(1)}, {"epoch": 5})
    assert folder.checkpoint_epoch() == 5
    assert sorted(path.name for path in folder.path.glob("check*")) == ["checkpoint"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("tensors.safetensors", b"\x08"), ("values.json", b"{"), ("values.json", b'{"epoch": "x"}')],
)
def test_a_damaged_checkpoint_names_the_file(folder, name, content):
    folder.save_checkpoint({"a": np.ones(1)}, {"epoch": 4})
    (folder.path / "checkpoint" / name).write_bytes(content)
    with pytest.raises(CorruptRunError, match=name):
        folder.load_checkpoint()


@pytest.mark.slow
def test_replaying_a_run_needs_no_torch():
    code = "import bikd_core.runs, sys; assert not {'torch', 'sklearn', 'scipy'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_epoch_before_the_start_of_its_run_is_named(folder):
    folder.log_path.write_text(to_json(made_up.epoch_done(1)) + "\n", encoding="utf-8")
    with pytest.raises(CorruptRunError, match="epoch 1 stands before the start of the run"):
        folder.events()
