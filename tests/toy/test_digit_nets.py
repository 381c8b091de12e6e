"""The lesson's networks say of a picture what the engine would."""

import numpy as np
import pytest
import torch

from bikd_core.losses import hard_loss
from bikd_core.places import ASSETS
from bikd_core.toy.digit_nets import DigitNets
from bikd_core.toy.pipe import Question, to_line

FILE = ASSETS / "lesson" / "digits.safetensors"


@pytest.fixture(scope="module")
def nets():
    return DigitNets(FILE)


def test_the_file_is_small_and_its_teacher_is_the_better_one(nets):
    assert FILE.stat().st_size < 1_000_000
    answers = [nets.answer(Question(toy="x", picture=at)) for at in range(0, 580, 4)]
    right = {
        who: sum(np.argmax(getattr(a, who)) == a.label for a in answers) / len(answers)
        for who in ("student", "teacher")
    }
    assert right["teacher"] > 0.8
    assert 0.5 < right["student"] < right["teacher"]


@pytest.mark.parametrize("picture", [0, 579])
def test_losses_and_weights_are_those_of_the_weight_net_for_each_label(nets, picture):
    answer = nets.answer(Question(toy="x", number=5, picture=picture))
    assert (answer.number, len(answer.pixels)) == (5, 64)
    for label in (0, answer.label):
        logits = torch.tensor([answer.student, answer.teacher]).log()
        expected = hard_loss(logits, torch.tensor([label, label]))
        losses = torch.tensor(answer.losses[label])
        torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)
        with torch.no_grad():
            weights = nets.weight_net(losses[None])[0]
        torch.testing.assert_close(torch.tensor(answer.weights[label]), weights)


def test_a_test_picture_that_is_drawn_has_the_same_answer(nets):
    shown = nets.answer(Question(toy="x", picture=12))
    drawn = nets.answer(Question(toy="x", pixels=[round(p * 16 / 255) for p in shown.pixels]))
    np.testing.assert_allclose(drawn.student, shown.student, atol=0.01)
    assert drawn.label is None
    assert len(to_line(drawn)) < 20_000
