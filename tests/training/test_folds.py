"""Runs with out-of-fold teachers: found or trained, asked, resumed, and what they refuse."""

import itertools
import shutil
import threading

import pytest
import torch
from filelock import FileLock

from bikd_core.config import ConfigError
from bikd_core.control import Control
from bikd_core.data.long_tail import load_split
from bikd_core.events import EpochDone, Frame, RunStarted, TeacherEpochDone
from bikd_core.places import Places
from bikd_core.teachers.card import TeacherError, list_teachers, unpack_indices
from bikd_core.teachers.files import load_teacher
from bikd_core.training import Training
from bikd_core.training.loop import Loop
from tests.repeated import first_quick
from tests.training.conftest import train_teachers_quickly
from tests.training.test_training import after_epoch, comparable

pytestmark = pytest.mark.slow

K = 3
FOLDS = {"teacher_folds": K}
INPUTS = {**FOLDS, "out_of_fold": "inputs"}


@pytest.fixture(scope="session")
def all_teachers(digits, tmp_path_factory):
    """Places with all teachers of the digits, and the events of the run that trained them."""
    shared = Places.at(tmp_path_factory.mktemp("folds"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        train_teachers_quickly(monkeypatch)
        events = list(Training(digits.changed(epochs=1, **INPUTS), Control(), shared))
    return shared, events


@pytest.fixture
def folded(places, quick_teacher, all_teachers):
    """Train a config with stored teachers, or without those of some folds; return its events."""
    shutil.copytree(all_teachers[0].teachers, places.teachers)

    def train(config, state=None):
        return list(Training(config, Control(), places, state=state))

    return train


def fold_cards(places):
    """The fold teachers' cards by fold, from 1, and their names."""
    cards = {card.without_fold: (name, card) for name, card in list_teachers([places.teachers])}
    return [cards[number, K] for number in range(1, K + 1)]


def teachers_of(events):
    """Which teachers were trained, in their order."""
    trained = (event.fold for event in events if isinstance(event, TeacherEpochDone))
    return list(dict.fromkeys(trained))


def started(events):
    return next(event for event in events if isinstance(event, RunStarted))


# Found or trained -------------------------------------------------------------------------------


def test_each_fold_s_teacher_has_never_seen_its_fold(digits, all_teachers):
    shared, events = all_teachers
    assert teachers_of(events) == [None, (1, K), (2, K), (3, K)]
    split = load_split(digits.data, shared.data)
    everything = set(split.train.original_indices.tolist())
    left_out = []
    for name, card in fold_cards(shared):
        seen = set(unpack_indices(card.seen).tolist())
        assert seen < everything
        left_out += everything - seen
        assert name.endswith("-fold{}of{}".format(*card.without_fold))
        assert card.left_out in ("fold 1 of 3", "fold 2 of 3", "fold 3 of 3")
    assert sorted(left_out) == sorted(everything)
    assert started(events).fold_teachers == tuple(name for name, _ in fold_cards(shared))


def test_the_teacher_of_all_of_d_tr_is_trained_only_where_it_is_asked(places, digits, folded):
    whole = started(folded(digits.changed(epochs=1, **INPUTS))).teacher
    for path in places.teachers.glob(f"{whole}.*"):
        path.unlink()
    events = folded(digits.changed(epochs=1, meta_loss="mix", train_on_val="batch", **FOLDS))
    assert teachers_of(events) == []
    assert started(events).teacher == f"{whole}-3folds"
    assert len(started(events).teacher_accuracy_per_class) == 10
    events = folded(digits.changed(method="kd", epochs=1, trust=1.0, **INPUTS))
    assert teachers_of(events) == [None]
    assert started(events).teacher == whole


def test_only_the_missing_fold_is_trained_again_and_is_as_before(places, digits, folded):
    name, _ = fold_cards(places)[1]
    path = places.teachers / f"{name}.safetensors"
    before = path.read_bytes()
    path.unlink()
    events = folded(digits.changed(method="kd", epochs=1, **FOLDS))
    assert teachers_of(events) == [(2, K)]
    assert path.read_bytes() == before


def test_a_fold_s_damaged_teacher_is_one_sentence_that_names_it(places, digits, folded):
    name, _ = fold_cards(places)[1]
    (places.teachers / f"{name}.safetensors").write_bytes(b"short")
    with pytest.raises(TeacherError, match=rf"{name}\.safetensors is cut off or damaged") as error:
        folded(digits.changed(method="kd", **FOLDS))
    assert "\n" not in str(error.value)


def test_a_run_waits_while_another_run_trains_a_fold_s_teacher(places, digits, folded):
    name, _ = fold_cards(places)[2]
    (places.teachers / f"{name}.json").unlink()
    control, events = Control(), []
    config = digits.changed(method="kd", **FOLDS)
    with FileLock(places.teachers / f".{name}.lock"):
        thread = threading.Thread(target=lambda: events.extend(Training(config, control, places)))
        thread.start()
        thread.join(1.0)
        assert thread.is_alive()
        control.stop()
        thread.join(10)
    assert not thread.is_alive()
    assert not events


def test_a_method_without_a_teacher_reads_no_folds(places, digits, quick_teacher):
    config = digits.changed(method="ce", epochs=1, **FOLDS)
    events = list(Training(config, Control(), places))
    assert not teachers_of(events)
    assert started(events).fold_teachers == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher_views": 2}, r"^teacher_views = 2 is not possible with teacher_folds = 3"),
        ({"teacher_batch_statistics": True}, r"^teacher_folds = 3 is .* teacher_batch_statistics"),
        ({"teacher": "mine"}, r"^teacher = 'mine' is not possible with teacher_folds = 3 and out_"),
    ],
    ids=str,
)
def test_what_out_of_fold_teachers_cannot_serve_is_refused(places, digits, changes, message):
    with pytest.raises(ConfigError, match=message):
        list(Training(digits.changed(**FOLDS, **changes), Control(), places))
    assert not places.teachers.exists()  # before anything is trained


def test_a_class_with_one_image_is_a_warning_of_the_run(places, digits, quick_teacher):
    config = digits.changed(imbalance_factor=20, method="kd", epochs=1, teacher_folds=2)
    events = list(Training(config, Control(), places))
    [warning] = started(events).warnings
    assert warning.startswith("teacher_folds = 2: classes 7, 8 and 9 have one training image each")


# Asked ------------------------------------------------------------------------------------------


def loop_with(places, config):
    """A loop with the stored teachers, and those loaded once more, by fold."""
    split, folders = load_split(config.data, places.data), [places.teachers]
    model = config.models.teacher_model
    names = [name for name, _ in fold_cards(places)]
    made, again = (
        [load_teacher(name, model, split, folders).model for name in names] for _ in range(2)
    )
    whole = next(n for n, card in list_teachers(folders) if card.without_fold is None)
    teacher = load_teacher(whole, model, split, folders).model
    asked = teacher if config.needs_whole_teacher else None
    return Loop(config, split, asked, torch.device("cpu"), made), again, teacher


def by_hand(places, images, indices, nets):
    """Each image's logits by the teacher whose card does not list its original index."""
    cards = [card for _, card in fold_cards(places)]
    rows = []
    for image, index in zip(images, indices.tolist(), strict=True):
        [fold] = [k for k, card in enumerate(cards) if not card.num_seen([index])]
        with torch.no_grad():
            rows.append(nets[fold](image[None])[0])
    return torch.stack(rows)


@pytest.mark.parametrize("augmentation", first_quick(["crop", "none"]))
@pytest.mark.parametrize("folds", [FOLDS, INPUTS], ids=["both", "inputs"])
def test_each_image_of_a_batch_is_judged_by_the_teacher_that_lacks_it(
    places, digits, folded, augmentation, folds
):
    config = digits.changed(augmentation=augmentation, **folds)
    loop, nets, whole = loop_with(places, config)
    positions = torch.arange(0, 48, 3)
    batch, _ = loop.feed.training_batch(positions, epoch=0)
    indices = loop.split.train.original_indices[positions]
    expected = by_hand(places, batch.images, indices, nets)
    torch.testing.assert_close(batch.out_of_fold_logits, expected)
    with torch.no_grad():
        of_whole = whole(batch.images)
    is_replaced = folds is FOLDS
    torch.testing.assert_close(batch.teacher_logits, expected if is_replaced else of_whole)
    assert not torch.allclose(expected, of_whole, atol=1e-3)


@pytest.mark.parametrize("augmentation", first_quick(["crop", "none"]))
def test_d_val_s_logits_are_those_of_one_teacher_for_each_image(
    places, digits, folded, augmentation
):
    config = digits.changed(meta_loss="mix", augmentation=augmentation, **FOLDS)
    loop, nets, _ = loop_with(places, config)
    used = set()
    for _ in range(4):
        batch = loop.feed.next_guide(0)
        with torch.no_grad():
            of_each = torch.stack([net(batch.images) for net in nets])
        distance = (of_each - batch.teacher_logits).abs().amax(dim=2)
        assert distance.amin(dim=0).max() < 1e-4
        used |= set(distance.argmin(dim=0).tolist())
    assert used == set(range(K))


def test_d_val_is_judged_too_where_it_is_trained_on(places, digits, folded):
    loop, nets, _ = loop_with(places, digits.changed(train_on_val="batch", trust=1.0, **FOLDS))
    batch, positions = loop.feed.training_batch(torch.arange(16), epoch=0)
    assert batch.out_of_fold_logits.shape == (32, 10)
    with torch.no_grad():
        of_each = torch.stack([net(batch.images) for net in nets])
    distance = (of_each - batch.out_of_fold_logits).abs().amax(dim=2)
    assert distance.argmin(dim=0).tolist() == loop.feed.out_of_fold.folds[positions].tolist()
    record = loop.new_record()
    loop.step(torch.arange(16), record, 1, under_lens=False)
    assert record.arrays(16)["ce_teacher"][:16].min() > 0


def test_the_frame_s_teacher_is_the_one_that_has_not_seen_the_image(places, digits, folded):
    events = folded(digits.changed(epochs=1, **INPUTS))
    [frame] = [event for event in events if isinstance(event, Frame)]
    loop, nets, _ = loop_with(places, digits.changed(**INPUTS))
    images = loop.feed.train_set.batch(torch.arange(len(loop.split.train)))
    logits = by_hand(places, images, loop.split.train.original_indices, nets)
    losses = torch.nn.functional.cross_entropy(logits, loop.split.train.labels, reduction="none")
    torch.testing.assert_close(torch.from_numpy(frame.ce_teacher), losses, rtol=1e-4, atol=1e-5)


# Resumed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "controls",
    first_quick(
        [
            {"method": "bikd", "inner_steps": 3, "meta_loss": "mix", **FOLDS},
            {"method": "prior_kd", "trust": 1.0, "train_on_val": "mixed", **INPUTS},
            {"over": "prior_kd", "weight_scale": "relative", "trust": 0.5, **INPUTS},
        ]
    ),
    ids=str,
)
def test_a_resumed_run_equals_an_undisturbed_one(places, digits, folded, controls):
    config = digits.changed(epochs=3, augmentation="crop", **controls)
    whole = folded(config)
    training = Training(config, Control(), places)
    done = (event for event in training if isinstance(event, EpochDone))
    list(itertools.islice(done, 1))
    resumed = folded(config, state=training.state())
    assert comparable(resumed)[2:] == after_epoch(1, whole)


def test_a_run_that_is_stopped_between_two_folds_goes_on_with_the_next(
    places, digits, quick_teacher, all_teachers
):
    control, config = Control(), digits.changed(method="kd", epochs=1, **FOLDS)
    for event in Training(config, control, places):
        if isinstance(event, TeacherEpochDone) and event.fold == (2, K):
            control.stop()
    assert len(list(places.teachers.glob("*.safetensors"))) == 1
    events = list(Training(config, Control(), places))
    assert teachers_of(events) == [(2, K), (3, K)]
    shared, _ = all_teachers
    for name, _ in fold_cards(shared):
        own, other = (at.teachers / f"{name}.safetensors" for at in (places, shared))
        assert own.read_bytes() == other.read_bytes()


def test_trust_and_folds_change_the_run(digits, folded):
    configs = [digits.changed(method="kd", epochs=1, **FOLDS, trust=trust) for trust in (0.0, 1.0)]
    plain, trusting = (
        next(e for e in folded(config) if isinstance(e, EpochDone)) for config in configs
    )
    assert plain.train_weighted_loss != trusting.train_weighted_loss
