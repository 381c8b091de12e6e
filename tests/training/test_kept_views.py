"""Fixed views of the training images, with stored teacher logits."""

import pytest
import torch

from bikd_core.config import ConfigError
from bikd_core.data.batches import DeviceSet
from bikd_core.data.long_tail import load_split
from bikd_core.events import EpochDone, RunStarted, TeacherViewsDone
from bikd_core.models import build
from bikd_core.teachers.kept_views import TeacherViews


@pytest.fixture(scope="module")
def teacher():
    return build("digits_cnn_s", 10, 1, 8, torch.Generator().manual_seed(3)).eval()


@pytest.fixture
def images(digits, places):
    split = load_split(digits.data, places.data)
    return DeviceSet(split.train, split, "cpu", "crop_flip")


def filled(images, teacher, num_views=3, seed=0):
    views = TeacherViews(images, num_views, torch.Generator().manual_seed(seed))
    list(views.fill(teacher))
    return views


def losses_of(events):
    return [event.test_loss for event in events if isinstance(event, EpochDone)]


def test_the_logits_of_a_view_are_the_teachers_logits_of_that_picture(images, teacher):
    views = filled(images, teacher)
    pictures, logits = views.draw(torch.arange(20), torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(logits, teacher(pictures))


def test_an_image_has_at_most_num_views_different_views(images, teacher):
    views, draw = filled(images, teacher), torch.Generator().manual_seed(1)
    counts = []
    for row in range(20):
        pictures = views.draw(torch.full((100,), row), draw)[0].flatten(1)
        counts.append(len(pictures.unique(dim=0)))
    assert max(counts) == 3  # two views of an image may be the same crop


def test_without_augmentation_there_is_one_view_the_image_itself(digits, places, teacher):
    split = load_split(digits.data, places.data)
    plain = DeviceSet(split.train, split, "cpu", "none")
    views = filled(plain, teacher, num_views=4)
    assert len(views.logits) == len(plain)
    indices = torch.tensor([4, 2])
    torch.testing.assert_close(views.draw(indices, torch.Generator())[0], plain.batch(indices))


def test_saved_views_are_loaded_and_damaged_ones_are_not(images, teacher, tmp_path, caplog):
    views, path = filled(images, teacher), tmp_path / "views" / "a.safetensors"
    views.save(path)
    again = TeacherViews(images, 3, torch.Generator().manual_seed(0))
    assert again.load(path, 10)
    assert torch.equal(again.logits, views.logits)

    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert not again.load(path, 10)
    path.write_bytes(content[:100])
    assert not again.load(path, 10)
    assert caplog.text.count("is damaged") == 2
    assert not again.load(tmp_path / "nothing", 10)


def test_the_key_differs_by_teacher_views_and_data(images, teacher, digits, places):
    other = build("digits_cnn_s", 10, 1, 8, torch.Generator().manual_seed(4)).eval()
    views = filled(images, teacher)
    split = load_split(digits.data, places.data)
    other_images = DeviceSet(split.val, split, "cpu", "crop_flip")
    keys = {
        views.key(teacher),
        views.key(other),
        filled(images, teacher, num_views=2).key(teacher),
        filled(images, teacher, seed=1).key(teacher),
        filled(other_images, teacher).key(teacher),
    }
    assert len(keys) == 5
    assert filled(images, teacher).key(teacher) in keys


@pytest.mark.slow
def test_a_run_fills_its_views_once_and_warns_of_the_approximation(run, digits, places):
    config = digits.changed(
        method="kd", augmentation="crop", teacher_views=2, batch_size=64, epochs=2
    )
    first, second = run(config), run(config)
    progress = [event for event in first if isinstance(event, TeacherViewsDone)]
    assert progress[-1].done == progress[-1].total > 0
    assert not [event for event in second if isinstance(event, TeacherViewsDone)]
    started = next(event for event in first if isinstance(event, RunStarted))
    assert "teacher_views = 2" in started.warnings[-1]
    losses = [
        [e.test_loss for e in events if isinstance(e, EpochDone)] for events in (first, second)
    ]
    assert losses[0] == losses[1]

    [file] = (places.teachers / "views").iterdir()
    file.write_bytes(b"damaged")
    third = run(config)
    assert [event for event in third if isinstance(event, TeacherViewsDone)]
    assert losses_of(third) == losses_of(first)


def test_kept_views_are_refused_with_a_teacher_of_batch_statistics(run, digits):
    config = digits.changed(teacher_views=2, teacher_batch_statistics=True)
    with pytest.raises(ConfigError, match=r"teacher_views = 2.*teacher_batch_statistics"):
        run(config)
