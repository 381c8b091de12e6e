"""Training loops in plain torch, as their authors have them: what the product shows of them.

They know nothing of the engine but the recorder, and keep what they held, for tests to compare.
"""

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

NAMES = ("ash", "birch", "cedar", "<b>dogwood</b>")
COUNTS = (40, 20, 10, 5)  # of the training set, head to tail
RATE = 0.1


@dataclasses.dataclass
class Points:
    """Points on a plane, in one cloud a class."""

    x: torch.Tensor
    y: torch.Tensor


def points(counts: tuple[int, ...], seed: int) -> Points:
    draw = torch.Generator().manual_seed(seed)
    centres = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return Points(centres[y] + 0.7 * torch.randn(len(y), 2, generator=draw), y)


@dataclasses.dataclass
class Held:
    """What a loop held at the end of each epoch."""

    weights: list[np.ndarray] = dataclasses.field(default_factory=list)  # (N,) each
    losses: list[np.ndarray] = dataclasses.field(default_factory=list)  # (N,) each
    test_accuracy: list[list[float]] = dataclasses.field(default_factory=list)  # (C,) each
    val_loss: list[float] = dataclasses.field(default_factory=list)
    weight_net: Any = None


TRAIN, VAL, TEST = points(COUNTS, 0), points((3,) * 4, 1), points((12, 11, 10, 9), 2)


def net(width: int, num_inputs: int, num_outputs: int) -> nn.Sequential:
    layers = nn.Linear(num_inputs, width), nn.Tanh(), nn.Linear(width, num_outputs)
    return nn.Sequential(*layers)


def accuracies(logits: torch.Tensor) -> list[float]:
    is_right = logits.argmax(dim=1) == TEST.y
    return [float(is_right[TEST.y == label].float().mean()) for label in range(len(COUNTS))]


def meta_weight_net(recorder: Any, epochs: int, *, stop_at: int | None = None) -> Held:
    """Meta-Weight-Net by torch's double backward; a batch of the whole plane in random parts."""
    torch.manual_seed(0)
    student, weight_net = net(16, 2, 4), nn.Sequential(net(8, 1, 1), nn.Sigmoid())
    optimizer = torch.optim.SGD(student.parameters(), lr=RATE)
    meta_optimizer = torch.optim.Adam(weight_net.parameters(), lr=0.01)
    held = Held(weight_net=weight_net)
    for epoch in range(1, epochs + 1):
        weights, losses = np.zeros(len(TRAIN.y)), np.zeros(len(TRAIN.y))
        for rows in torch.randperm(len(TRAIN.y)).split(25):
            theta = dict(student.named_parameters())
            loss = F.cross_entropy(
                functional_call(student, theta, TRAIN.x[rows]), TRAIN.y[rows], reduction="none"
            )
            w = weight_net(loss.detach()[:, None])[:, 0]
            slopes = torch.autograd.grad((w * loss).mean(), theta.values(), create_graph=True)
            moved = {n: p - RATE * g for (n, p), g in zip(theta.items(), slopes, strict=True)}
            meta_optimizer.zero_grad()
            F.cross_entropy(functional_call(student, moved, VAL.x), VAL.y).backward()
            meta_optimizer.step()

            logits = student(TRAIN.x[rows])
            loss = F.cross_entropy(logits, TRAIN.y[rows], reduction="none")
            with torch.no_grad():
                w = weight_net(loss[:, None])[:, 0]
            optimizer.zero_grad()
            (w * loss).mean().backward()
            optimizer.step()
            recorder.batch(rows, logits=logits, weights=w)
            weights[rows], losses[rows] = w.numpy(), loss.detach().numpy()
        with torch.no_grad():
            test, val = student(TEST.x), student(VAL.x)
        held.weights.append(weights)
        held.losses.append(losses)
        held.test_accuracy.append(accuracies(test))
        held.val_loss.append(float(F.cross_entropy(val, VAL.y)))
        recorder.end_epoch(
            test,
            epoch=epoch,
            val_logits=val,
            weight_function=lambda loss: weight_net(loss[:, None])[:, 0],
            learning_rate=RATE,
        )
        if epoch == stop_at:
            raise RuntimeError("the author's own mistake")
    return held


def focal(recorder: Any, epochs: int, gamma: float = 2.0) -> Held:
    """Focal loss, which has no weights: those that it implies are its loss over the plain one."""
    torch.manual_seed(0)
    student, held = net(16, 2, 4), Held()
    optimizer = torch.optim.SGD(student.parameters(), lr=RATE)
    for _ in range(epochs):
        logits = student(TRAIN.x)
        plain = F.cross_entropy(logits, TRAIN.y, reduction="none")
        loss = (1 - (-plain).exp()) ** gamma * plain
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        implied = (loss / plain).detach()
        recorder.batch(torch.arange(len(TRAIN.y)), losses=plain, weights=implied)
        with torch.no_grad():
            test = student(TEST.x)
        recorder.end_epoch(test)
        held.weights.append(implied.numpy())
        held.losses.append(plain.detach().numpy())
        held.test_accuracy.append(accuracies(test))
    return held
