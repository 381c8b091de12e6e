import dataclasses
import io
import zipfile

import numpy as np
import pytest

from bikd_core.cli import main
from bikd_core.evaluation import weight_histograms
from bikd_core.events import Frame, Panel, StepTrace
from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.store import CorruptRunError, StoreError, create_run
from bikd_core.store.archive import export_run, import_run, panel_rows, read_record
from tests.fake_training import config, epoch_done, started

LABELS = np.repeat([0, 1, 2], [30, 8, 2])


@pytest.fixture
def finished(tmp_path):
    draw = np.random.default_rng(0)
    folder = create_run(tmp_path / "runs", config(epochs=2), name="Ünïcode")
    folder.append(started())
    folder.append(
        Panel(labels=LABELS.astype(np.int16), original_indices=np.arange(40, dtype=np.int32))
    )
    for epoch in (1, 2):
        weights = draw.random((40, 2))
        folder.append(
            Frame(
                epoch=epoch,
                ce_student=draw.random(40).astype(np.float32),
                confusion=np.eye(3, dtype=np.int32),
                weights=weights.astype(np.float16),
                histograms=weight_histograms(weights, LABELS, 3),
            )
        )
        folder.append(epoch_done(epoch))
    folder.write_status("finished", epoch=2, epochs=2)
    (folder.path / "worker.log").write_text("a line that names paths of this machine")
    return folder


def test_an_exported_run_opens_elsewhere_as_it_was(finished, tmp_path):
    export_run(finished, tmp_path / "run.zip")
    again = import_run(tmp_path / "run.zip", tmp_path / "elsewhere")
    assert again.run_id == finished.run_id
    as_it_was = again.record().model_copy(update={"is_imported": False})
    assert as_it_was == finished.record()
    assert again.record().is_imported
    assert again.events() == finished.events()
    np.testing.assert_array_equal(again.frame(2).weights, finished.frame(2).weights)
    assert not (again.path / "worker.log").exists()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [again.run_id]


def test_a_zip_says_what_it_holds_without_being_opened(finished, tmp_path):
    export_run(finished, tmp_path / "run.zip", max_images=12)
    assert read_record(tmp_path / "run.zip") == finished.record()
    (tmp_path / "other.zip").write_bytes(b"no zip")
    with pytest.raises(CorruptRunError, match=r"other\.zip"):
        read_record(tmp_path / "other.zip")


def test_a_manager_opens_a_recorded_run_once(finished, tmp_path):
    export_run(finished, tmp_path / "run.zip")
    manager = RunManager(Places.at(tmp_path / "home"), in_process=True)
    opened = [manager.open_recorded(tmp_path / "run.zip") for _ in range(2)]
    assert opened == [finished.run_id] * 2
    assert [run.name for run in manager.list()] == ["Ünïcode"]
    assert len(manager.snapshot(finished.run_id).epochs) == 2
    manager.shutdown()


def test_a_run_that_is_there_already_is_returned(finished, tmp_path):
    export_run(finished, tmp_path / "run.zip")
    assert import_run(tmp_path / "run.zip", tmp_path / "runs").path == finished.path


def test_another_run_of_the_same_id_gets_an_id_of_its_own(finished, tmp_path):
    export_run(finished, tmp_path / "run.zip")
    finished.append(epoch_done(2))
    again = import_run(tmp_path / "run.zip", tmp_path / "runs")
    assert again.run_id != finished.run_id
    assert again.record().id == again.run_id


def test_a_recorded_run_keeps_a_stratified_panel_and_all_histograms(finished, tmp_path):
    export_run(finished, tmp_path / "run.zip", max_images=12)
    again = import_run(tmp_path / "run.zip", tmp_path / "elsewhere")
    rows = panel_rows(LABELS, 12)
    np.testing.assert_array_equal(again.panel().labels, LABELS[rows])
    np.testing.assert_array_equal(again.frame(1).weights, finished.frame(1).weights[rows])
    np.testing.assert_array_equal(again.frame(1).histograms, finished.frame(1).histograms)
    assert again.size_bytes() < finished.size_bytes()


def test_a_recorded_run_keeps_the_steps_under_the_lens_and_all_images_of_their_batches(
    finished, tmp_path
):
    batch = np.array([38, 3, 29, 31], dtype=np.int32)
    finished.append(
        StepTrace(
            epoch=2,
            step=7,
            rows=batch,
            ce_student=np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32),
            losses=np.zeros(4, dtype=np.float32),
        )
    )
    export_run(finished, tmp_path / "run.zip", max_images=6)
    again = import_run(tmp_path / "run.zip", tmp_path / "elsewhere")
    trace, panel = again.trace(7), again.panel()
    np.testing.assert_array_equal(panel.original_indices[trace.rows], batch)
    np.testing.assert_array_equal(trace.ce_student, finished.trace(7).ce_student)
    expected = sorted({*panel_rows(LABELS, 6).tolist(), *batch.tolist()})
    assert panel.original_indices.tolist() == expected
    np.testing.assert_array_equal(again.frame(1).weights, finished.frame(1).weights[expected])


@pytest.mark.parametrize(
    ("max_images", "expected"),
    [(12, [5, 5, 2]), (6, [2, 2, 2]), (40, [30, 8, 2]), (99, [30, 8, 2])],
)
def test_a_panel_is_as_even_as_the_classes_allow(max_images, expected):
    rows = panel_rows(LABELS, max_images)
    assert np.bincount(LABELS[rows]).tolist() == expected
    assert len(set(rows.tolist())) == len(rows)


def test_a_run_that_trains_is_not_exported(finished, tmp_path):
    finished.write_status("running", epoch=1, epochs=2)
    with pytest.raises(StoreError, match="is running"):
        export_run(finished, tmp_path / "run.zip")
    assert not (tmp_path / "run.zip").exists()


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize(
    ("upload", "complaint"),
    [
        (io.BytesIO(b"no zip"), "not the zip of a run"),
        (zipped(**{"../../evil": "x"}), "evil"),
        (zipped(**{"frames/../../0001.npz": "x"}), "holds"),
        (zipped(**{"notes.txt": "x"}), r"notes\.txt"),
        (zipped(), r"run\.json"),
        (zipped(**{"run.json": "{}", "status.json": "{}"}), r"run\.json"),
    ],
)
def test_junk_is_refused_and_leaves_nothing(tmp_path, upload, complaint):
    with pytest.raises(CorruptRunError, match=complaint):
        import_run(upload, tmp_path / "runs")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_a_damaged_frame_is_refused(finished, tmp_path):
    export_run(finished, tmp_path / "run.zip")
    content = (tmp_path / "run.zip").read_bytes()
    with pytest.raises(CorruptRunError):
        import_run(io.BytesIO(content[:-200]), tmp_path / "elsewhere")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("bikd_core.store.archive.MAX_UNPACKED_BYTES", 100)
    with pytest.raises(CorruptRunError, match="larger than 100 bytes"):
        import_run(zipped(**{"panel.npz": b"0" * 1000}), tmp_path / "runs")


def test_export_and_replay_from_the_command_line(finished, tmp_path, capsys):
    zipped_run, runs, elsewhere = (str(tmp_path / name) for name in ("a.zip", "runs", "b"))
    assert main(["export", finished.run_id, "--output", zipped_run, "--runs-dir", runs]) == 0
    assert main(["replay", zipped_run, "--runs-dir", elsewhere]) == 0
    assert f"?run={finished.run_id}" in capsys.readouterr().out
    assert main(["replay", str(tmp_path / "c.zip"), "--runs-dir", elsewhere]) == 2
    assert main(["export", "../nothing", "--runs-dir", runs]) == 2
    complaints = capsys.readouterr().err
    assert "There is no file" in complaints
    assert "There is no run '../nothing'" in complaints


def test_the_beliefs_of_a_recorded_run_are_those_of_its_panel(finished, tmp_path):
    top = (np.arange(len(LABELS), dtype=np.uint8)[:, None] // np.uint8([1, 3, 9])) % 3
    with_beliefs = dataclasses.replace(finished.frame(1), epoch=3, student_top=top)
    finished.append(with_beliefs)
    finished.append(epoch_done(3))
    export_run(finished, tmp_path / "run.zip", max_images=12)
    again = import_run(tmp_path / "run.zip", tmp_path / "elsewhere")
    np.testing.assert_array_equal(again.frame(3).student_top, top[panel_rows(LABELS, 12)])
    assert again.frame(1).student_top is None  # as in runs of earlier versions
