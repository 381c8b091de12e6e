"""One iteration as the published code computes it: the slow reference of `bench step`.

It makes two teacher passes over the training batch, builds a new virtual student, differentiates
twice through its step, then takes the real step with another forward pass. All is float32 and
contiguous in memory.

Source: the code of arXiv:2605.17839, after Meta-Weight-Net's (arXiv:1902.07379).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bikd_core.hypergradients import Inside, OuterBatch, inner_loss, pair_of
from bikd_core.losses import meta_loss, weight_net_inputs
from bikd_core.methods import Batch
from bikd_core.models.weight_net import WeightNet


class Published:
    """The published algorithm with k = 1: student, teacher, weight net and their optimisers."""

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        make_student: Callable[[], nn.Module],
        learning_rate: float,
        temperature: float,
    ) -> None:
        self.student, self.teacher, self.make_student = student, teacher, make_student
        self.learning_rate, self.temperature = learning_rate, temperature
        self.weight_net = WeightNet(1, generator=torch.Generator().manual_seed(0))
        self.weight_net.to(next(student.parameters()).device)
        self.outer_optimizer = torch.optim.Adam(
            self.weight_net.parameters(), lr=1e-3, weight_decay=1e-4
        )
        self.optimizer = torch.optim.SGD(
            student.parameters(), lr=learning_rate, momentum=0.9, weight_decay=5e-4
        )

    def step(self, train: Batch, val: Batch) -> None:
        """Take one virtual step, one step of the weight net, and one of the student."""
        self._outer_step(self._taught(train), val)
        taught = self._taught(train)
        logits = self.student(taught.images)
        with torch.no_grad():
            weights = self._weights(logits, taught)
        self.optimizer.zero_grad()
        self._loss(logits, taught, weights).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def _outer_step(self, train: Batch, val: Batch) -> None:
        virtual = self.make_student()
        virtual.load_state_dict(self.student.state_dict())
        virtual.train()
        theta = dict(virtual.named_parameters())
        logits = virtual(train.images)
        loss = self._loss(logits, train, self._weights(logits, train))
        gradients = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
        stepped = {
            name: theta[name] - self.learning_rate * gradient
            for name, gradient in zip(theta, gradients, strict=True)
        }
        outer = OuterBatch(val.images, val.labels, None, self.temperature, "hard")
        val_logits: Tensor = functional_call(virtual, stepped, (outer.images,))
        self.outer_optimizer.zero_grad()
        # As published, this computes the gradient of every leaf, even of the virtual student.
        meta_loss("hard", val_logits, outer.labels, None, self.temperature).backward()  # type: ignore[no-untyped-call]
        self.outer_optimizer.step()

    def _taught(self, train: Batch) -> Batch:
        with torch.no_grad():
            return train._replace(teacher_logits=self.teacher(train.images))

    def _loss(self, logits: Tensor, train: Batch, weights: Tensor) -> Tensor:
        assert train.teacher_logits is not None
        inner = pair_of(train.images, train.labels, train.teacher_logits, self.temperature)
        return inner_loss(logits, inner, Inside(weights))

    def _weights(self, logits: Tensor, train: Batch) -> Tensor:
        assert train.teacher_logits is not None
        weights: Tensor = self.weight_net(
            weight_net_inputs(logits, train.teacher_logits, train.labels)
        )
        return weights
