import dataclasses
import io
import json
import zipfile

import numpy as np
import pytest

from bikd_core.cli import main
from bikd_core.evaluation import weight_histograms
from bikd_core.events import to_json
from bikd_core.places import ASSETS, Places
from bikd_core.runs import RunManager
from bikd_core.runs.history import History
from bikd_core.store import CorruptRunError, StoreError, create_run
from bikd_core.store.archive import export_run, import_run, panel_rows, read_record
from tests import made_up
from tests.fake_training import config
from tests.repeated import first_quick

RECORDED = sorted((ASSETS / "runs").glob("*.zip"))
COUNTS = (30, 8, 2)
LABELS = np.repeat([0, 1, 2], COUNTS)
STARTED = made_up.started(class_names=("a", "b", "c"), class_counts=COUNTS)


def epoch_done(epoch):
    return made_up.epoch_done(epoch, accuracy_per_class=(0.25, 0.75, 0.5))


@pytest.fixture
def finished(tmp_path):
    draw = np.random.default_rng(0)
    folder = create_run(tmp_path / "runs", config(epochs=3), name="Ünïcode")
    folder.append(STARTED)
    folder.append(made_up.panel(LABELS))
    for epoch in (1, 2):
        weights = draw.random((40, 2))
        folder.append(
            made_up.frame(
                epoch,
                draw.random(40),
                3,
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


def test_class_biases_are_exported_and_opened_with_the_run(tmp_path):
    folder = made_up.make_run(tmp_path / "runs", method="kd", has_biases=True)
    export_run(folder, tmp_path / "run.zip")
    again = History(import_run(tmp_path / "run.zip", tmp_path / "elsewhere")).snapshot()
    fitted = made_up.class_biases(again.config)
    assert again.class_biases == again.folder.events()[-1] == fitted


def test_a_run_of_an_earlier_version_opens_without_class_biases(tmp_path):
    folder = made_up.make_run(tmp_path / "runs", method="kd")
    assert History(folder).snapshot().class_biases is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"biases": (0.5, -0.5)}, "biases has 2 values for 10 classes"),
        ({"accuracy_per_class": (0.5,)}, "accuracy_per_class has 1 values for 10 classes"),
        ({"epoch": 2}, "class biases of epoch 2 after epoch 3"),
    ],
)
def test_class_biases_that_are_not_of_this_run_are_refused(tmp_path, changes, complaint):
    folder = made_up.make_run(tmp_path / "runs", method="kd")
    folder.append(made_up.class_biases(folder.record().config, **changes))
    with pytest.raises(CorruptRunError, match=complaint):
        folder.events()


def test_class_biases_are_forgotten_where_a_run_goes_on_from_an_earlier_epoch(tmp_path):
    folder = made_up.make_run(tmp_path / "runs", method="kd", has_biases=True)
    folder.truncate_to(3)
    assert History(folder).snapshot().class_biases is None


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
    finished.append(epoch_done(3))
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
        made_up.trace(2, 7, batch, ce_student=np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32))
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
    [(12, [5, 5, 2]), (6, [2, 2, 2]), (2, [1, 1, 1]), (40, [30, 8, 2]), (99, [30, 8, 2])],
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
    monkeypatch.setattr("bikd_core.store.limits.MAX_UNPACKED_BYTES", 100)
    with pytest.raises(CorruptRunError, match="larger than 100 bytes"):
        import_run(zipped(**{"panel.npz": b"0" * 1000}), tmp_path / "runs")


def rezipped(finished, **members):
    """The zip of the run, with some of its files replaced."""
    buffer = io.BytesIO()
    export_run(finished, buffer)
    with zipfile.ZipFile(buffer) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    return zipped(**(whole | members))


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def log_with(old, new):
    lines = [to_json(event) for event in (STARTED, epoch_done(1), epoch_done(2))]
    lines[2] = lines[2].replace(old, new)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"accuracy": 0.5', '"accuracy": "x"', "accuracy = 'x'"),
        ('"accuracy": 0.5', '"accuracy": "0.5"', "accuracy = '0.5'"),
        ('"accuracy": 0.5', '"accuracy": null', "accuracy = None"),
        ('"accuracy": 0.5', '"accuracy": NaN', "accuracy = nan"),
        ('"accuracy": 0.5', '"accuracy": 1.5', r"accuracy = 1\.5"),
        ('"seconds": 2.0', '"seconds": 1e308', r"seconds = 1e\+308"),
        ('"step": 8', '"step": -8', "step = -8"),
        ('"step": 8', '"step": true', "step = True"),
        ('"epoch": 2', '"epoch": 3', "epoch = 3 where epoch 2 must be"),
        ("[0.25, 0.75, 0.5]", "[0.25, 0.75]", "accuracy_per_class has 2 values for 3 classes"),
        ("[0.25, 0.75, 0.5]", "0.5", r"accuracy_per_class = 0\.5"),
        ('"val_loss": 1.0', '"val_loss": 1e300', "val_loss"),
    ],
)
def test_a_log_whose_values_cannot_be_is_refused_with_its_line(
    finished, tmp_path, old, new, complaint
):
    upload = rezipped(finished, **{"events.jsonl": log_with(old, new)})
    with pytest.raises(CorruptRunError, match=rf"^events\.jsonl:3: .*{complaint}"):
        import_run(upload, tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_label_counts_must_be_one_for_each_class(finished, tmp_path):
    log = log_with("", "").replace('"label_counts": []', '"label_counts": [38, 2]')
    with pytest.raises(CorruptRunError, match="label_counts has 2 values for 3 classes"):
        import_run(rezipped(finished, **{"events.jsonl": log}), tmp_path / "elsewhere")


@pytest.mark.parametrize("created", ["2026-11-24T19:24:12", "0001-01-01T00:00:00Z", 3, None])
def test_a_run_made_at_no_possible_time_is_refused(finished, tmp_path, created):
    record = json.loads((finished.path / "run.json").read_text()) | {"created": created}
    upload = rezipped(finished, **{"run.json": json.dumps(record)})
    with pytest.raises(CorruptRunError, match=r"^run\.json: created = "):
        import_run(upload, tmp_path / "elsewhere")


def test_what_was_resolved_is_a_start_of_a_run(finished, tmp_path):
    record = json.loads((finished.path / "run.json").read_text()) | {"resolved": {"device": 1}}
    with pytest.raises(CorruptRunError, match=r"^run\.json: resolved\."):
        import_run(rezipped(finished, **{"run.json": json.dumps(record)}), tmp_path / "elsewhere")


CE, CONFUSION = np.ones(40, np.float32), np.eye(3, dtype=np.int32)
WEIGHTS = np.ones((40, 2), np.float16)
FITTING = {"ce_student": CE, "confusion": CONFUSION, "weights": WEIGHTS}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"ce_student": CE[:39]}, r"ce_student has the shape \(39,\); it must be \(40,\)"),
        ({"ce_student": CE.astype(np.float64)}, "ce_student is of type float64"),
        ({"ce_student": CE.astype(object)}, "ce_student: it holds Python objects"),
        ({"confusion": np.eye(4, dtype=np.int32)}, r"confusion has the shape \(4, 4\)"),
        ({"confusion": -CONFUSION}, "confusion holds -1 to 0"),
        ({"weights": WEIGHTS[:, 0]}, r"weights has the shape \(40,\)"),
        ({"histograms": np.ones((2, 3, 63), np.int32)}, r"histograms has the shape \(2, 3, 63\)"),
        ({"surface": np.ones((2, 4, 4), np.float16)}, r"surface has the shape \(2, 4, 4\)"),
        ({"student_top": np.full((40, 3), 3, np.uint8)}, "student_top holds 3 to 3"),
        ({"unheard_of": CE}, "unknown array 'unheard_of'"),
    ],
)
def test_a_frame_that_is_not_of_this_run_is_refused_with_its_array(
    finished, tmp_path, changed, complaint
):
    upload = rezipped(finished, **{"frames/0002.npz": npz(**(FITTING | changed))})
    with pytest.raises(CorruptRunError, match=rf"^frames/0002\.npz: .*{complaint}"):
        import_run(upload, tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("labels", "indices", "complaint"),
    [
        (LABELS, np.arange(39), r"original_indices has the shape \(39,\); it must be \(40,\)"),
        (LABELS + 1, np.arange(40), "labels holds 1 to 3; it must hold 0 to 2"),
        (LABELS, np.arange(-1, 39), "original_indices holds -1"),
        (np.zeros(41), np.arange(41), r"labels has the shape \(41,\); it must be \(40,\)"),
    ],
)
def test_a_panel_that_is_not_of_this_run_is_refused(finished, tmp_path, labels, indices, complaint):
    panel = npz(labels=labels.astype(np.int16), original_indices=indices.astype(np.int32))
    with pytest.raises(CorruptRunError, match=rf"^panel\.npz: .*{complaint}"):
        import_run(rezipped(finished, **{"panel.npz": panel}), tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("true_labels", "complaint"),
    [
        (LABELS + 1, "true_labels holds 1 to 3; it must hold 0 to 2"),
        (LABELS[:39], r"true_labels has the shape \(39,\); it must be \(40,\)"),
    ],
)
def test_true_labels_that_do_not_fit_are_refused(finished, tmp_path, true_labels, complaint):
    arrays = {"labels": LABELS, "true_labels": true_labels}
    panel = npz(
        original_indices=np.arange(40, dtype=np.int32),
        **{name: array.astype(np.int16) for name, array in arrays.items()},
    )
    with pytest.raises(CorruptRunError, match=rf"^panel\.npz: .*{complaint}"):
        import_run(rezipped(finished, **{"panel.npz": panel}), tmp_path / "elsewhere")


@pytest.mark.parametrize("rows", [[0, 40], [-1, 0], [[0, 1]]])
def test_a_trace_of_rows_that_are_not_there_is_refused(finished, tmp_path, rows):
    losses = np.ones(2, np.float32)
    trace = npz(rows=np.array(rows, np.int32), ce_student=losses, losses=losses)
    upload = rezipped(finished, **{"traces/0002-000007.npz": trace})
    with pytest.raises(CorruptRunError, match=r"^traces/0002-000007\.npz: rows"):
        import_run(upload, tmp_path / "elsewhere")


def test_an_array_that_claims_to_be_huge_is_refused_before_it_is_read(finished, tmp_path):
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**13,)}
    np.lib.format.write_array_header_1_0(buffer, header)
    bomb = zipped(**{"ce_student.npy": buffer.getvalue()}).getvalue()
    with pytest.raises(CorruptRunError, match=r"ce_student has the shape \(10000000000000,\)"):
        import_run(rezipped(finished, **{"frames/0002.npz": bomb}), tmp_path / "elsewhere")


@pytest.mark.parametrize("path", first_quick(RECORDED, 2), ids=lambda path: path.stem)
def test_the_recorded_runs_of_the_project_open(path, tmp_path):
    assert import_run(path, tmp_path).frames_available


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
