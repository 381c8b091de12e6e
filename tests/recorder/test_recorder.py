"""A loop of somebody's own leaves a run like any other, and hears in a sentence what is wrong."""

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bikd_core import Recorder
from bikd_core.config import ConfigError, RunConfig, title_of
from bikd_core.events import SURFACE_AXIS, EpochDone, RunFailed, RunStarted
from bikd_core.places import Places
from bikd_core.runs import RunManager
from bikd_core.runs.history import History
from bikd_core.store import StoreError, open_run
from bikd_core.store.archive import export_run, import_run
from tests.torch_loops import COUNTS, NAMES, TEST, TRAIN, VAL, focal, meta_weight_net

EPOCHS = 3


def recorder_in(folder, **changes):
    values = {"epochs": EPOCHS, "val_labels": VAL.y, "runs_dir": folder}
    return Recorder(TRAIN.y, NAMES, TEST.y, **values | changes)


def epochs_of(recorder):
    return [
        e
        for e in open_run(recorder.folder.parent, recorder.run_id).events()
        if isinstance(e, EpochDone)
    ]


@pytest.fixture(scope="module")
def weighed(tmp_path_factory):
    """A recorded Meta-Weight-Net loop: its recorder, and what the loop held."""
    with recorder_in(tmp_path_factory.mktemp("runs"), method="MWN (plain torch)") as recorder:
        held = meta_weight_net(recorder, EPOCHS)
    return recorder, held


def folder_of(recorder):
    return open_run(recorder.folder.parent, recorder.run_id)


def test_a_loop_that_ends_leaves_a_finished_run_with_its_facts(weighed):
    folder = folder_of(weighed[0])
    assert folder.status().state == "finished"
    started = folder.events()[0]
    assert isinstance(started, RunStarted)
    assert started.class_names == NAMES
    assert started.class_counts == COUNTS
    assert (started.num_val, started.num_test) == (12, 42)
    assert folder.record().resolved == started
    assert title_of(folder.record().config.method) == "MWN (plain torch)"
    assert not folder.is_held()


def test_weights_and_losses_are_those_that_the_loop_held(weighed):
    recorder, held = weighed
    folder, labels = folder_of(recorder), TRAIN.y.numpy()
    for done, weights, losses in zip(epochs_of(recorder), held.weights, held.losses, strict=True):
        frame = folder.frame(done.epoch)
        np.testing.assert_allclose(frame.weights[:, 0], weights, atol=5e-4)  # half precision
        assert not frame.weights[:, 1].any()
        np.testing.assert_allclose(frame.ce_student, losses, rtol=1e-5)
        means = [weights[labels == label].mean() for label in range(4)]
        np.testing.assert_allclose(done.w_hard_per_class, means, rtol=1e-5)
        assert done.w_soft_per_class is None
        np.testing.assert_allclose(done.train_hard_loss, losses.mean(), rtol=1e-5)
        np.testing.assert_allclose(done.train_weighted_loss, (weights * losses).mean(), rtol=1e-5)
        assert frame.histograms[0].sum(axis=1).tolist() == list(COUNTS)


def test_results_are_those_of_the_loops_own_test_set(weighed):
    recorder, held = weighed
    for done, accuracy, val in zip(
        epochs_of(recorder), held.test_accuracy, held.val_loss, strict=True
    ):
        np.testing.assert_allclose(done.accuracy_per_class, accuracy, rtol=1e-6)
        assert done.accuracy == pytest.approx(np.mean(accuracy))
        assert done.accuracy_few == pytest.approx(accuracy[3])  # a third of four classes is one
        assert done.val_loss == pytest.approx(val, rel=1e-5)
        assert done.learning_rate == pytest.approx(0.1)


def test_the_surface_is_the_weight_function_on_the_grid(weighed):
    recorder, held = weighed
    surface = folder_of(recorder).frame(EPOCHS).surface[0]
    with torch.no_grad():
        inputs = torch.tensor(SURFACE_AXIS, dtype=torch.float32)[:, None]
        answers = held.weight_net(inputs)[:, 0].numpy()
    np.testing.assert_allclose(surface, np.tile(answers, (len(answers), 1)), atol=5e-4)


def test_what_the_student_believes_is_kept_of_logits(tmp_path):
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]]).repeat(len(TRAIN.y), 1)
    with recorder_in(tmp_path, epochs=1) as recorder:
        recorder.batch(torch.arange(len(TRAIN.y)), logits=logits, teacher_logits=-logits)
        recorder.end_epoch(torch.zeros(len(TEST.y), 4))
    frame = folder_of(recorder).frame(1)
    shares = logits[0].softmax(0).numpy()
    assert frame.student_top[0].tolist() == [0, 1, 2]
    np.testing.assert_allclose(frame.student_belief[0] / 255, shares[:3], atol=2e-3)
    assert frame.teacher_top[0].tolist() == [3, 2, 1]
    expected = F.cross_entropy(-logits, TRAIN.y, reduction="none").numpy()
    np.testing.assert_allclose(frame.ce_teacher, expected, rtol=1e-5)
    assert frame.weights is None


def test_two_losses_have_two_columns_of_weights_and_of_influence(tmp_path):
    rows, two = np.arange(len(TRAIN.y)), np.ones((len(TRAIN.y), 2), np.float32)
    weights = two * [3.0, 0.5]
    influence = two * [-1.0, np.float32(0.25)]
    with recorder_in(tmp_path, epochs=1, weight_scale="relative") as recorder:
        recorder.batch(rows, losses=two * [2.0, 4.0], weights=weights, influence=influence)
        done = recorder.end_epoch(np.zeros((len(TEST.y), 4)), hypergradient_norm=0.5)
    assert done.w_soft_per_class == pytest.approx((0.5,) * 4)
    assert done.influence_hard_per_class == pytest.approx((-1.0,) * 4)
    assert (done.train_soft_loss, done.train_weighted_loss) == (4.0, 3 * 2 + 0.5 * 4)
    assert (done.hypergradient_norm, done.saturated_share, done.val_loss) == (0.5, None, None)
    assert folder_of(recorder).frame(1).influence[0].tolist() == [-1.0, 0.25]


def test_images_without_a_step_are_counted_and_kept_out_of_the_means(tmp_path):
    labels, half = TRAIN.y.numpy(), np.arange(0, len(TRAIN.y), 2)
    with recorder_in(tmp_path, epochs=2) as recorder:
        recorder.batch(half, losses=np.ones(len(half)), weights=np.full(len(half), 0.25))
        first = recorder.end_epoch(np.zeros((len(TEST.y), 4)))
        recorder.batch([1], losses=[1.0], weights=[0.75])
        second = recorder.end_epoch(np.zeros((len(TEST.y), 4)))
    assert "37 of 75 training images had no step in epoch 1" in first.warnings[0]
    assert first.w_hard_per_class == pytest.approx((0.25,) * 4)
    frames = [folder_of(recorder).frame(epoch) for epoch in (1, 2)]
    assert frames[0].histograms[0].sum() == len(half)
    assert frames[0].weights[1, 0] == 0.25  # its class's mean: it never had a step
    assert frames[1].weights[1, 0] == 0.75
    assert second.w_hard_per_class[int(labels[1])] == pytest.approx(0.75)
    assert second.w_hard_per_class[3] == pytest.approx(0.25)  # as it was


# How a loop ends --------------------------------------------------------------------------------


def test_a_loop_that_raises_leaves_a_failed_run_with_the_reason(tmp_path):
    with pytest.raises(RuntimeError, match="own mistake"), recorder_in(tmp_path) as recorder:
        meta_weight_net(recorder, EPOCHS, stop_at=2)
    folder = folder_of(recorder)
    assert folder.status().state == "failed"
    assert folder.events()[-1] == RunFailed(reason="RuntimeError: the author's own mistake")
    assert len(epochs_of(recorder)) == 2


def test_ctrl_c_and_a_killed_process_leave_an_interrupted_run(tmp_path):
    with pytest.raises(KeyboardInterrupt), recorder_in(tmp_path) as recorder:
        raise KeyboardInterrupt
    status = folder_of(recorder).status()
    assert (status.state, status.reason) == (
        "interrupted",
        "Ctrl-C interrupted the loop after epoch 0 of 3.",
    )
    code = (
        "import os; from bikd_core import Recorder\n"
        f"r = Recorder([0, 1, 2], list('abc'), [0, 1, 2], epochs=2, runs_dir={str(tmp_path)!r})\n"
        "r.__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    [killed] = [path.name for path in tmp_path.glob("own-loop-*") if path.name != recorder.run_id]
    snapshot = History(open_run(tmp_path, killed)).snapshot()
    assert (snapshot.state, snapshot.can_resume) == ("interrupted", False)
    assert "ended without saying how it went" in snapshot.reason


def test_a_loop_that_ends_early_is_stopped_and_a_run_is_live_while_it_lasts(tmp_path):
    with recorder_in(tmp_path) as recorder:
        folder = folder_of(recorder)
        assert History(folder).snapshot().state == "running"
        focal(recorder, 1)
        snapshot = History(folder).snapshot()
        assert (snapshot.state, len(snapshot.epochs)) == ("running", 1)
    assert folder.status().state == "stopped"


def test_nobody_else_can_start_resume_or_steer_it(tmp_path):
    runs = Places.at(tmp_path).runs
    with recorder_in(runs) as recorder:
        manager = RunManager(Places.at(tmp_path), in_process=True)
        with pytest.raises(ValueError, match="which steers it alone"):
            manager.pause(recorder.run_id)
    with pytest.raises(ValueError, match="which steers it alone"):
        manager.resume_from_checkpoint(recorder.run_id)
    config = folder_of(recorder).record().config
    for refused in ({"method": "own_loop"}, {"dataset": "elsewhere"}):
        with pytest.raises(ConfigError, match="only shown"):
            RunConfig.from_flat(refused)
    with pytest.raises(ConfigError, match="only shown"):
        config.changed(method="kd")
    from bikd_core.cli.driver import drive_on

    with pytest.raises(StoreError, match="which steers it alone"):
        drive_on(folder_of(recorder), Places.at(tmp_path), as_json=False)


def test_its_record_claims_nothing_that_nobody_knows(weighed):
    config = folder_of(weighed[0]).record().config
    assert config.model_dump(mode="json") == {
        "data": {"dataset": "elsewhere"},
        "method": {
            "method": "own_loop",
            "loop": "MWN (plain torch)",
            "data": "Own data",
            "num_classes": 4,
            "num_images": 75,
            "weight_scale": "sigmoid",
        },
        "training": {"epochs": EPOCHS},
    }
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_an_exported_loop_opens_elsewhere_without_its_pictures(tmp_path):
    pictures = np.zeros((len(TRAIN.y), 8, 8), np.uint8)
    with recorder_in(tmp_path / "here", pictures=pictures) as recorder:
        focal(recorder, EPOCHS)
    buffer = io.BytesIO()
    export_run(folder_of(recorder), buffer)
    there = import_run(buffer, tmp_path / "there")
    assert there.events() == folder_of(recorder).events()
    assert (recorder.folder / "pictures.npy").exists()
    assert not (there.path / "pictures.npy").exists()


def test_importing_the_package_imports_no_torch():
    code = (
        "import sys, bikd_core; from bikd_core import Recorder; "
        "sys.exit('torch' in sys.modules or not hasattr(bikd_core, '__version__'))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labels": [0, 1, 2, 4]}, r"labels holds 4; it must hold 0 to 3"),
        ({"labels": [0, 1, 2, 2]}, r"labels has no image of class 3 \('<b>dogwood"),
        ({"labels": [[0, 1, 2, 3]]}, r"labels has the shape \(1, 4\)"),
        ({"labels": [0.0, 1, 2, 3]}, r"labels is of type float64"),
        ({"test_labels": [0, 1, 2, -1]}, r"test_labels holds -1"),
        ({"val_labels": [0, 1, 2]}, r"val_labels has no image of class 3"),
        ({"class_names": ["a", "b", ""]}, r"class_names\[2\] has 0 characters"),
        ({"class_names": ["a", "b", "a"]}, r"class_names\[2\] is 'a' as class_names\[0\]"),
        ({"class_names": ["a", "b"]}, r"class_names has 2 names; it must have 3"),
        ({"class_names": "abcd"}, r"class_names must be a list of texts"),
        ({"epochs": 0}, r"epochs = 0 is not possible"),
        ({"weight_scale": "log"}, r"weight_scale = 'log' is not possible"),
        ({"method": "<b>mine</b>"}, r"method = '<b>mine</b>' is not possible"),
        ({"pictures": np.zeros((3, 8, 8))}, r"pictures has the shape \(3, 8, 8, 1\)"),
    ],
)
def test_what_a_recorder_cannot_be_made_of_is_named(tmp_path, changes, sentence):
    values = {"labels": TRAIN.y, "class_names": NAMES, "test_labels": TEST.y, "epochs": 3}
    with pytest.raises(ValueError, match=sentence):
        Recorder(**values | {"runs_dir": tmp_path} | changes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rows": [0, 75]}, r"rows holds 75; it must hold 0 to 74"),
        ({"weights": [0.5, float("nan")]}, r"weights holds nan at \[1, 0\] in batch 1, in epoch 1"),
        ({"weights": [0.5]}, r"weights has the shape \(1,\)"),
        ({"weights": [0.5, -0.1]}, r"weights holds -0.1 .*must not be negative"),
        ({"weights": [0.5, 1.5]}, r"weights holds 1.5 .*weight_scale=.relative"),
        ({"weights": np.ones((2, 2))}, r"weights has 2 columns .*it must have 1"),
        ({"logits": np.zeros((2, 3))}, r"logits has the shape \(2, 3\); it must be \(2, 4\)"),
        ({"logits": np.full((2, 4), np.inf)}, r"logits holds inf at \[0, 0\]"),
        ({"logits": None}, r"logits = None is not possible without losses"),
        ({"weights": None, "influence": [0, 0]}, r"influence is not possible without weights"),
        ({"weights": ["a", "b"]}, r"weights is of type <U1"),
    ],
)
def test_what_a_batch_cannot_hold_is_named(tmp_path, changes, sentence):
    values = {"rows": [0, 1], "logits": np.zeros((2, 4)), "weights": [0.5, 0.5]}
    recorder = recorder_in(tmp_path)
    with pytest.raises(ValueError, match=sentence), recorder:
        recorder.batch(**values | changes)
    assert folder_of(recorder).status().state == "failed"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"test_logits": np.zeros((3, 4))}, r"test_logits has the shape \(3, 4\)"),
        ({"test_logits": np.full((42, 4), np.nan)}, r"test_logits holds nan"),
        ({"epoch": 2}, r"epoch = 2 is not possible here: epoch 1 is the next"),
        ({"epoch": 0}, r"epoch = 0 is not possible here: epoch 1 is the next"),
        ({"val_loss": float("nan")}, r"val_loss = nan is not possible in epoch 1"),
        ({"val_loss": 1.0, "val_logits": np.zeros((12, 4))}, r"val_loss is not possible beside"),
        ({"learning_rate": -1}, r"learning_rate = -1 is not possible"),
        ({"hypergradient_cosine": 2}, r"hypergradient_cosine = 2 is not possible"),
        ({"weight_function": lambda loss: loss[:3]}, r"weight_function has the shape \(3,\)"),
        ({"weight_function": lambda loss: loss}, r"weights holds 16 in weight_function's answer"),
    ],
)
def test_what_an_epoch_cannot_hold_is_named(tmp_path, changes, sentence):
    with recorder_in(tmp_path) as recorder:
        recorder.batch([0, 1], logits=np.zeros((2, 4)), weights=[0.5, 0.5])
        with pytest.raises(ValueError, match=sentence):
            recorder.end_epoch(**{"test_logits": np.zeros((42, 4))} | changes)
        assert recorder.end_epoch(np.zeros((42, 4))).epoch == 1  # nothing of it was written
        with pytest.raises(ValueError, match="epoch 2 has no batch"):
            recorder.end_epoch(np.zeros((42, 4)))
        with pytest.raises(ValueError, match="weights must be in every batch or in none"):
            recorder.batch([0, 1], logits=np.zeros((2, 4)))


def test_no_epoch_beyond_the_planned_ones_and_nothing_outside_the_block(tmp_path):
    recorder = recorder_in(tmp_path, epochs=1)
    with pytest.raises(RuntimeError, match="with Recorder"):
        recorder.batch([0], logits=np.zeros((1, 4)))
    with recorder:
        focal(recorder, 1)
        with pytest.raises(ValueError, match="epoch 2 is not possible: epochs = 1"):
            recorder.batch([0], losses=[1.0], weights=[1.0])
