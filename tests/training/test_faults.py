"""The published faults that the loop restores."""

import pytest
import torch

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.models import build
from bikd_core.training.loop import Loop
from bikd_core.training.measure import random_split


def loop_of(**controls):
    config = RunConfig.from_flat({"batch_size": 16, "epochs": 2} | controls)
    teacher = build("digits_cnn_s", 10, 1, 8, torch.Generator().manual_seed(0)).eval()
    return Loop(config, random_split(config), teacher, torch.device("cpu"))  # 5 steps an epoch


@pytest.mark.parametrize(("drops", "num_left"), [(False, 2), (True, 0)])
def test_the_window_that_an_epoch_leaves_unfinished_goes_on_unless_the_fault_drops_it(
    drops, num_left
):
    loop = loop_of(inner_steps=3, drop_window=drops)
    list(loop.run_epoch(Control()))
    assert loop.method.window.num_gathered == num_left


def test_a_method_without_a_weight_net_has_no_window_to_drop():
    loop = loop_of(method="kd", drop_window=True)
    list(loop.run_epoch(Control()))
    assert loop.epoch == 1
