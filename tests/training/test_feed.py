"""The batches of D_val that guide the weight net, and how often the teacher sees them."""

import pytest
import torch

from bikd_core.data.long_tail import load_split
from bikd_core.models import build
from bikd_core.training.loop import Loop


class CountingTeacher(torch.nn.Module):
    """A teacher that counts the images it has seen."""

    def __init__(self):
        super().__init__()
        self.net = build("digits_cnn_s", 10, 1, 8, torch.Generator().manual_seed(3)).eval()
        self.num_seen = 0

    def forward(self, images):
        self.num_seen += len(images)
        return self.net(images)


def guides(places, config, count=8):
    """Return some guiding batches of D_val, and their teacher."""
    teacher = CountingTeacher()
    split = load_split(config.data, places.data)
    loop = Loop(config, split, teacher, torch.device("cpu"))
    return [loop.feed.next_guide(0) for _ in range(count)], teacher


@pytest.mark.parametrize("meta_loss", ["soft", "mix"])
def test_the_teacher_sees_images_once_if_they_never_change(places, digits, meta_loss):
    batches, teacher = guides(places, digits.changed(meta_loss=meta_loss))
    assert sum(len(batch.labels) for batch in batches) > 100
    assert teacher.num_seen == 100  # D_val
    for batch in batches:
        torch.testing.assert_close(batch.teacher_logits, teacher.net(batch.images))


@pytest.mark.parametrize(
    "changes", [{"augmentation": "crop"}, {"teacher_batch_statistics": True}], ids=str
)
def test_the_teacher_sees_every_batch_if_its_logits_change(places, digits, changes):
    batches, teacher = guides(places, digits.changed(meta_loss="mix", **changes))
    assert teacher.num_seen == sum(len(batch.labels) for batch in batches)
    for batch in batches:
        torch.testing.assert_close(batch.teacher_logits, teacher.net(batch.images))


def test_a_hard_meta_loss_needs_no_teacher(places, digits):
    batches, teacher = guides(places, digits.changed(meta_loss="hard"))
    assert teacher.num_seen == 0
    assert all(batch.teacher_logits is None for batch in batches)


def test_the_teacher_sees_each_training_image_once_if_it_never_changes(places, digits):
    batches, teacher = trained_on(places, digits.changed(method="kd"))
    assert teacher.num_seen == 96  # D_tr, though two epochs have passed
    for batch in batches:
        torch.testing.assert_close(batch.teacher_logits, teacher.net(batch.images))


@pytest.mark.parametrize(
    "changes", [{"augmentation": "crop"}, {"teacher_batch_statistics": True}], ids=str
)
def test_the_teacher_sees_each_training_batch_if_its_logits_change(places, digits, changes):
    batches, teacher = trained_on(places, digits.changed(method="kd", **changes))
    assert teacher.num_seen == 2 * 96
    for batch in batches:
        torch.testing.assert_close(batch.teacher_logits, teacher.net(batch.images))


def trained_on(places, config):
    """Return the training batches of two epochs, and their teacher."""
    teacher = CountingTeacher()
    split = load_split(config.data, places.data)
    loop = Loop(config, split, teacher, torch.device("cpu"))
    batches = [
        loop.feed.training_batch(positions, epoch)[0]
        for epoch in (0, 1)
        for positions in loop.feed.epoch_batches(epoch)
    ]
    return batches, teacher
