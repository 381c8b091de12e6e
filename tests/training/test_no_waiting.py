"""Within an epoch nothing is read back from the device, so that a GPU never waits for the host.

The "meta" device holds shapes without values, so reading a value fails there: the rule is tested
without a GPU. On CUDA, torch itself detects reads and blocking copies.
"""

import pytest
import torch

from bikd_core.config import RunConfig
from bikd_core.config.presets import METHOD_PRESETS
from bikd_core.methods import METHODS
from bikd_core.models import build
from bikd_core.teachers.kept_views import TeacherViews
from bikd_core.training.loop import Loop
from bikd_core.training.measure import random_split
from tests.cuda_waits import waiting_refused

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
RELATIVE = {"method": "bikd", "weight_scale": "relative"}
OPTIONS = [
    {"estimator": "finite_difference"},
    {"train_on_val": "batch", "cross_fit": True},
    {"prior": "both", "inner_steps": 2, "warm_up": 1},
    {"teacher_folds": 3, "out_of_fold": "inputs", "trust": 1.0},
    RELATIVE | {"over": "balanced_ltkd", "class_shifts": "one"},
]
SLOW_OPTIONS = [
    {"estimator": "unrolled"},
    {"augmentation": "crop_flip", "meta_loss": "mix"},
    {"train_on_val": "mixed"},
    {"teacher_folds": 3, "trust": 1.0, "train_on_val": "batch", "meta_loss": "mix"},
    {"teacher_views": 3, "augmentation": "crop_flip"},
    {"teacher_folds": 3, "out_of_fold": "inputs_and_soft_loss", "method": "prior_kd", "trust": 1.0},
    METHOD_PRESETS["relative"] | {"outer_every": 2},
    RELATIVE | {"over": "prior_kd", "class_shifts": "each", "virtual_step": 3},
    RELATIVE | {"teacher_folds": 3, "trust": 1.0, "over": "prior_kd", "outer_from": 0.5},
    {"dataset": "cifar10", "student": "resnet8", "precision": "float32"},
]
#: With both, with a weight net alone, with a teacher alone, with neither.
FIRST = ("bikd", "meta_weight_net", "kd", "ce")
CONTROLS = [
    *({"method": name} for name in FIRST),
    *OPTIONS,
    *(
        pytest.param({"method": name}, marks=pytest.mark.slow)
        for name in sorted(METHODS.keys() - set(FIRST))
    ),
    *(pytest.param(controls, marks=pytest.mark.slow) for controls in SLOW_OPTIONS),
]


def loop_on(name, controls):
    config = RunConfig.from_flat({"batch_size": 16, "memory_format": "contiguous"} | controls)
    split = random_split(config)
    shape = (10, *split.train.images.shape[1:3])
    draw = torch.Generator().manual_seed(0)
    teacher = build("digits_cnn_s" if shape[1] == 1 else "resnet8", *shape, draw).eval()
    folds = [teacher] * config.num_fold_teachers
    whole = teacher.requires_grad_(False) if config.needs_whole_teacher else None
    loop = Loop(config, split, whole, torch.device(name), folds)
    if config.training.teacher_views:
        loop.feed.views = TeacherViews(loop.feed.train_set, config.training.teacher_views, draw)
        list(loop.feed.views.fill(teacher))
    loop.student.train()
    return loop


def steps(loop):
    """Take a step that moves the weight net, if there is one, and the steps before it."""
    record = loop.new_record()
    options = loop.config.method
    count = getattr(options, "inner_steps", 1) * getattr(options, "outer_every", 1)
    for positions in loop.feed.epoch_batches(0)[:count]:
        loop.step(positions, record, 1, under_lens=False)
    return record


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("controls", CONTROLS, ids=str)
def test_no_step_reads_anything_back(name, controls):
    loop = loop_on(name, controls)
    if name == "meta":
        steps(loop)
        return
    steps(loop)  # the first steps choose kernels
    with waiting_refused():
        steps(loop)


def test_reading_a_value_fails_on_the_meta_device():
    record = steps(loop_on("meta", {}))
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        record.check(1)
