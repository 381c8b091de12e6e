"""Out-of-fold teachers: who is dealt to which fold, and which teacher judges whom."""

import dataclasses

import numpy as np
import pytest
import torch

from bikd_core.config import ConfigError
from bikd_core.data.image_set import ImageSet
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.models import build
from bikd_core.teachers.files import teacher_name, train_fingerprint
from bikd_core.teachers.folds import OutOfFold, deal, single_image_warning, split_without

COUNTS = (23, 9, 4, 1)
SEED = 7


def images(labels, start=0):
    labels = torch.tensor(labels)
    draw = torch.Generator().manual_seed(start)
    pixels = torch.randint(0, 256, (len(labels), 1, 8, 8), dtype=torch.uint8, generator=draw)
    return ImageSet(pixels, labels, torch.arange(start, start + len(labels)))


def split_of(counts=COUNTS):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return LongTailSplit(
        dataset="digits",
        class_names=tuple("abcdefgh"[: len(counts)]),
        train=images(labels.tolist()),
        val=images(list(range(len(counts))) * 2, 1000),
        test=images(list(range(len(counts))), 2000),
        class_counts=tuple(counts),
        mean=(0.5,),
        std=(0.25,),
        fingerprint="0" * 16,
    )


@pytest.mark.parametrize("num_folds", [2, 5])
def test_folds_are_stratified_and_of_equal_size(num_folds):
    labels = split_of().train.labels
    folds = deal(labels, num_folds, SEED)
    sizes = torch.bincount(folds, minlength=num_folds)
    assert sizes.sum() == len(labels)
    assert sizes.max() - sizes.min() <= 1
    for label in range(len(COUNTS)):
        of_class = torch.bincount(folds[labels == label], minlength=num_folds)
        assert of_class.max() - of_class.min() <= 1


def test_the_deal_follows_its_seed_and_each_class_has_an_order_of_its_own():
    labels = split_of().train.labels
    assert torch.equal(deal(labels, 5, SEED), deal(labels, 5, SEED))
    assert not torch.equal(deal(labels, 5, SEED), deal(labels, 5, SEED + 1))
    first_image = {int(deal(torch.zeros(20).long(), 5, seed)[0]) for seed in range(20)}
    assert len(first_image) > 2
    alike = deal(torch.tensor([0, 1]).repeat_interleave(20), 5, SEED)
    assert not torch.equal(alike[:20], alike[20:])


@pytest.mark.parametrize("num_folds", [2, 5])
def test_each_image_is_left_out_once_and_nothing_else_changes(num_folds):
    split = split_of()
    left_out = []
    for fold in range(num_folds):
        kept = split_without(split, num_folds, fold, SEED)
        seen = set(kept.train.original_indices.tolist())
        left_out += sorted(set(split.train.original_indices.tolist()) - seen)
        counts = torch.bincount(kept.train.labels, minlength=len(COUNTS)).tolist()
        assert kept.class_counts == tuple(counts)
        assert (kept.val, kept.test, kept.mean) == (split.val, split.test, split.mean)
        assert kept.fingerprint != split.fingerprint
    assert sorted(left_out) == split.train.original_indices.tolist()


def test_more_folds_than_images_are_refused():
    with pytest.raises(ConfigError, match=r"^teacher_folds = 5 .* must be at most 3, the number"):
        split_without(split_of((2, 1)), 5, 0, SEED)


def test_a_fold_teacher_is_named_after_its_images_and_its_fold():
    kept = split_without(split_of(), 5, 1, SEED)
    name = teacher_name(kept, "digits_cnn_s", (2, 5))
    assert name == f"digits-digits_cnn_s-{train_fingerprint(kept)[:6]}-fold2of5"


class Counting(torch.nn.Module):
    """A network that counts the images it has seen."""

    def __init__(self, seed):
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.net = build("digits_cnn_s", len(COUNTS), 1, 8, draw).eval()
        self.num_seen = 0

    def forward(self, batch):
        self.num_seen += len(batch)
        return self.net(batch)


def test_an_image_s_logits_are_those_of_the_teacher_that_has_not_seen_it(device):
    split, num_folds = split_of(), 3
    teachers = [Counting(seed).to(device) for seed in range(num_folds)]
    asked = OutOfFold(teachers, split, SEED)
    everything = torch.cat([split.train.images, split.val.images]).float().to(device)
    positions = torch.randperm(len(everything), generator=torch.Generator().manual_seed(1))
    found = asked.logits(everything[positions.to(device)], positions).cpu()
    assert sum(teacher.num_seen for teacher in teachers) == len(everything)  # one pass an image

    with torch.no_grad():
        of_each = torch.stack([teacher.net(everything) for teacher in teachers]).cpu()
    num_train = len(split.train)
    for fold in range(num_folds):
        kept = split_without(split, num_folds, fold, SEED)
        seen = torch.isin(split.train.original_indices, kept.train.original_indices)
        rows = torch.isin(positions, (~seen).nonzero()[:, 0])
        torch.testing.assert_close(found[rows], of_each[fold][positions[rows]])
    # D_val is dealt too, each class to several teachers.
    of_val = found[positions >= num_train]
    where = positions[positions >= num_train]
    distance = (of_each[:, where] - of_val).abs().amax(dim=2)
    assert distance.amin(dim=0).max() < 1e-5
    assert len(set(distance.argmin(dim=0).tolist())) == num_folds


def test_a_fold_that_no_image_of_a_batch_is_in_is_not_asked():
    split = split_of()
    teachers = [Counting(seed) for seed in range(3)]
    asked = OutOfFold(teachers, split, SEED)
    positions = (asked.folds == 1).nonzero()[:, 0]
    asked.logits(torch.randn(len(positions), 1, 8, 8), positions)
    assert [teacher.num_seen for teacher in teachers] == [0, len(positions), 0]


def test_a_class_with_one_image_is_said():
    assert single_image_warning(split_of(), 5) == (
        "teacher_folds = 5: class d has one training image, and the teacher that judges it has "
        "never seen an image of its class."
    )
    assert single_image_warning(split_of((5, 2)), 5) == ""
    seven = single_image_warning(split_of((1,) * 7), 5)
    assert "classes a, b, c, d, e and 2 more have one training image each, and" in seven
    two = dataclasses.replace(split_of(), class_counts=(3, 3, 1, 1))
    assert "classes c and d have one training image each" in single_image_warning(two, 2)


def test_a_copy_in_d_val_is_judged_by_the_teacher_that_has_not_seen_the_original():
    split = split_of()
    rows = torch.tensor([0, 3, 20, 36])
    relabelled = dataclasses.replace(split.train[rows], labels=torch.zeros(4, dtype=torch.long))
    copied = dataclasses.replace(split, val=relabelled, is_val_from_train=True)
    folds = OutOfFold([torch.nn.Identity()] * 5, copied, SEED).folds
    num_rows = len(split.train)
    assert folds[num_rows:].tolist() == folds[:num_rows][rows].tolist()
    assert torch.equal(folds[:num_rows], deal(split.train.labels, 5, SEED))
