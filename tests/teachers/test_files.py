import dataclasses

import pytest
import torch

from bikd_core.config import DataConfig, RunConfig
from bikd_core.data.image_set import ImageSet
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.models import build
from bikd_core.teachers.card import list_teachers, unpack_indices
from bikd_core.teachers.files import (
    TeacherError,
    find_teacher,
    load_teacher,
    make_card,
    save_teacher,
    teacher_name,
    train_fingerprint,
)

NAME = "digits_cnn_l"
CE = RunConfig.from_flat({"method": "ce", "student": NAME})


def images(indices):
    indices = torch.tensor(indices)
    pixels = (indices[:, None, None, None] * torch.arange(64).view(1, 1, 8, 8) % 256).byte()
    return ImageSet(pixels, indices % 10, indices)


def split(train=(0, 1, 2, 10, 11), val=(3, 4, 5), test=(6, 7, 8, 9), dataset="digits", classes=10):
    train_set = images(train)
    return LongTailSplit(
        dataset=dataset,
        class_names=tuple(str(c) for c in range(classes)),
        train=train_set,
        val=images(val),
        test=images(test),
        class_counts=tuple(torch.bincount(train_set.labels, minlength=classes).tolist()),
        mean=(0.5,),
        std=(0.25,),
        fingerprint="0" * 16,
    )


def network(num_classes=10, seed=0):
    return build(NAME, num_classes, 1, 8, torch.Generator().manual_seed(seed))


def card_of(of, **changes):
    accuracies = [0.5] * len(of.class_names)
    card = make_card(CE, of, accuracies, made_by="a test", versions={"bikd": "0"})
    return card.model_copy(update=changes)


def stored(folder, of, name="mine", seed=0, **changes):
    model = network(len(of.class_names), seed)
    save_teacher(folder, name, model, card_of(of, **changes))
    return model


@pytest.mark.parametrize("seed", [0, 1])
def test_a_stored_teacher_comes_back_ready_to_teach(tmp_path, seed):
    model = stored(tmp_path, split(), seed=seed)
    teacher = load_teacher("mine", NAME, split(), [tmp_path / "absent", tmp_path])
    assert (teacher.name, teacher.caution, teacher.card) == ("mine", "", card_of(split()))
    assert not any(module.training for module in teacher.model.modules())
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())
    batch = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(teacher.model(batch), model.eval()(batch))


def test_a_path_does_for_a_name(tmp_path):
    stored(tmp_path, split())
    teacher = load_teacher(str(tmp_path / "mine.safetensors"), NAME, split(), [])
    assert teacher.card == card_of(split())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_teacher_without_a_card_is_loaded_with_a_caution(tmp_path, suffix):
    model = stored(tmp_path, split())
    (tmp_path / "mine.json").unlink()
    torch.save({"model": model.state_dict()}, tmp_path / "mine.pth")
    teacher = load_teacher(str(tmp_path / f"mine{suffix}"), NAME, split(), [])
    assert teacher.card is None
    assert teacher.caution.startswith(
        "What teacher 'mine' was trained on is unknown: it may have seen"
    )


@pytest.mark.parametrize("name", ["mine", "mine.pth.tar", "mine.th"])
def test_a_path_needs_no_suffix(tmp_path, monkeypatch, name):
    torch.save(network().state_dict(), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (str(tmp_path / name), name):
        assert load_teacher(path, NAME, split(), []).card is None
    stored(tmp_path / "stored", split())  # a stored teacher comes before a file of its name
    if name == "mine":
        assert load_teacher(name, NAME, split(), [tmp_path / "stored"]).card is not None


def test_a_pth_is_not_judged_by_a_json_of_its_name(tmp_path):
    torch.save(network().state_dict(), tmp_path / "ckpt.pth")
    (tmp_path / "ckpt.json").write_text("{}", encoding="utf-8")
    assert load_teacher(str(tmp_path / "ckpt.pth"), NAME, split(), []).card is None


@pytest.mark.parametrize(
    ("val", "test", "message"),
    [
        ((3, 4, 11), (6, 7), r"on 1 of the 3 images of D_val and on 0 of the 2 test images"),
        ((3, 4, 5), (0, 2, 6, 10), r"on 0 of the 3 images of D_val and on 3 of the 4 test images"),
        ((0, 1), (2, 10), r"on 2 of the 2 images of D_val and on 2 of the 2 test images"),
    ],
)
def test_a_teacher_that_saw_d_val_or_test_is_refused_with_the_counts(tmp_path, val, test, message):
    stored(tmp_path, split())
    with pytest.raises(TeacherError, match=message):
        load_teacher("mine", NAME, split(train=(30, 31), val=val, test=test), [tmp_path])


def test_a_teacher_may_have_seen_a_d_val_that_is_copied_from_d_tr_and_no_test_image(tmp_path):
    stored(tmp_path, split())
    copied = dataclasses.replace(split(val=(0, 1, 10)), is_val_from_train=True)
    assert load_teacher("mine", NAME, copied, [tmp_path]).caution == ""
    assert find_teacher(copied, NAME, [tmp_path]).name == "mine"
    tested = dataclasses.replace(split(val=(0, 1, 10), test=(2, 6)), is_val_from_train=True)
    with pytest.raises(TeacherError, match="on 1 of the 2 test images"):
        load_teacher("mine", NAME, tested, [tmp_path])


def test_a_card_says_nothing_of_what_altered_d_val(tmp_path):
    altered = CE.changed(val_from="train", val_label_noise=0.5, val_corruption="blur")
    card = make_card(altered, split(), [0.5] * 10, made_by="a test", versions={})
    assert card.data == CE.data


def test_a_teacher_of_other_training_images_may_teach_if_it_saw_neither(tmp_path):
    stored(tmp_path, split())
    assert load_teacher("mine", NAME, split(train=(20, 21)), [tmp_path]).caution == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "digits_mlp"}, r"architecture digits_mlp; the run expects digits_cnn_l"),
        ({"data": DataConfig(dataset="kmnist")}, r"data set kmnist; the run expects digits"),
        (
            {"num_classes": 7, "accuracy_per_class": (0.5,) * 7},
            r"number of classes is 7; the run expects 10",
        ),
    ],
)
def test_a_card_that_does_not_fit_the_run_is_refused(tmp_path, changes, message):
    stored(tmp_path, split(), **changes)
    with pytest.raises(TeacherError, match=rf"Teacher 'mine' is, by its card, .*{message}"):
        load_teacher("mine", NAME, split(), [tmp_path])


@pytest.mark.parametrize(("found", "expected"), [(7, 10), (10, 7)])
def test_another_number_of_classes_is_refused_without_a_card_too(tmp_path, found, expected):
    torch.save(network(found).state_dict(), tmp_path / "one.pth")
    with pytest.raises(TeacherError, match=f"tells {found} classes.*data set has {expected}"):
        load_teacher(str(tmp_path / "one.pth"), NAME, split(classes=expected), [])


def test_a_broken_card_is_not_overlooked(tmp_path):
    stored(tmp_path, split())
    (tmp_path / "mine.json").write_text("{}", encoding="utf-8")
    with pytest.raises(TeacherError, match=r"mine.json is broken"):
        load_teacher("mine", NAME, split(), [tmp_path])


@pytest.mark.parametrize(
    "name", ["yours", "absent.pth", "~nobody/x.pth", "x" * 500, "a\0b.pth", "../mine", "mine.json"]
)
def test_a_teacher_that_is_not_there_is_refused_with_those_that_are(tmp_path, name):
    stored(tmp_path / "teachers", split())
    stored(tmp_path / "teachers", split(), name="other")
    with pytest.raises(TeacherError, match=r"There is no teacher .*; stored are: mine, other;"):
        load_teacher(name, NAME, split(), [tmp_path / "teachers"])


def test_an_empty_store_says_so(tmp_path):
    with pytest.raises(TeacherError, match="There is no teacher 'mine'; stored are: none"):
        load_teacher("mine", NAME, split(), [tmp_path])


def test_auto_takes_the_first_that_saw_exactly_the_training_images(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    stored(first, split(train=(0, 1, 2, 10)), name="fewer")
    stored(first, split(train=(0, 1, 2, 10, 12)), name="others")
    assert find_teacher(split(), NAME, [first, second]) is None
    stored(second, split(), name="b")
    stored(second, split(), name="c")
    stored(second, split(), name="a", model="digits_cnn_s")
    found = find_teacher(split(), NAME, [first, second])
    assert found is not None
    assert found.name == "b"


def test_auto_says_when_the_teacher_that_fits_is_damaged(tmp_path):
    stored(tmp_path, split())
    (tmp_path / "mine.safetensors").write_bytes(b"short")
    with pytest.raises(TeacherError, match=r"mine.safetensors is cut off or damaged"):
        find_teacher(split(), NAME, [tmp_path])


def test_the_fingerprint_follows_the_training_images_alone():
    same = train_fingerprint(split())
    assert train_fingerprint(split(val=(13,), test=(14, 15))) == same
    assert train_fingerprint(split(train=(0, 1, 2, 10, 12))) != same
    changed = split()
    changed.train.images[0, 0, 0, 0] += 1
    assert train_fingerprint(changed) != same
    relabelled = split()
    relabelled.train.labels[0] += 1
    assert train_fingerprint(relabelled) != same
    moved = split()
    moved.train.original_indices[-1] += 1
    assert train_fingerprint(moved) != same


def test_the_name_is_readable_and_can_be_stored(tmp_path):
    name = teacher_name(split(), NAME)
    assert name == f"digits-digits_cnn_l-{train_fingerprint(split())[:6]}"
    assert stored(tmp_path, split(), name=name)


def test_the_card_tells_what_the_run_was():
    card = card_of(split())
    assert unpack_indices(card.seen).tolist() == [0, 1, 2, 10, 11]
    assert (card.model, card.dataset, card.num_classes) == (NAME, "digits", 10)
    assert (card.data, card.training) == (CE.data, CE.training)
    assert card.train_fingerprint == train_fingerprint(split())


@pytest.mark.parametrize("method", ["kd", "bikd"])
def test_only_a_run_that_saw_nothing_else_can_become_a_teacher(method):
    with pytest.raises(TeacherError, match=f"method '{method}' cannot become a teacher"):
        make_card(CE.changed(method=method), split(), [0.5] * 10, made_by="", versions={})


def test_storing_again_replaces_and_leaves_nothing_behind(tmp_path):
    stored(tmp_path, split(), seed=0)
    model = stored(tmp_path, split(), seed=1, made_by="again")
    teacher = load_teacher("mine", NAME, split(), [tmp_path])
    assert torch.equal(teacher.model.fc.weight, model.fc.weight)
    assert teacher.card.made_by == "again"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.safetensors"]


def test_a_card_never_stands_beside_tensors_that_it_does_not_describe(tmp_path, monkeypatch):
    stored(tmp_path, split(), seed=0)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TeacherError, match=r"cannot be stored in .*: No space left on device"):
        stored(tmp_path, split(), seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]
    assert list_teachers([tmp_path]) == []


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TeacherError, match=r"cannot be stored in .*file"):
        stored(tmp_path / "file", split())


@pytest.mark.parametrize("name", ["", "../x", "a b", "x.pth", "-x", "ü", "x" * 101])
def test_a_name_that_is_not_plain_is_refused(tmp_path, name):
    with pytest.raises(TeacherError, match="cannot name a teacher: use up to 100 letters"):
        stored(tmp_path, split(), name=name)
    assert not list(tmp_path.iterdir())


def test_a_model_on_a_device_and_channels_last_can_be_stored(tmp_path, device):
    model = network().to(device, memory_format=torch.channels_last)
    save_teacher(tmp_path, "mine", model, card_of(split()))
    teacher = load_teacher("mine", NAME, split(), [tmp_path])
    assert torch.equal(teacher.model.convs[1].weight, model.convs[1].weight.cpu())


def test_another_data_set_of_the_same_shape_is_refused(tmp_path):
    stored(tmp_path, split())
    other = dataclasses.replace(split(), dataset="my digits")
    with pytest.raises(TeacherError, match="data set digits; the run expects my digits"):
        load_teacher("mine", NAME, other, [tmp_path])
