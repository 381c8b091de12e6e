"""The bilevel step: a weight net that is trained through the student's next step, on D_val.

Letters: B images of a batch, C classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bikd_core.config import WeightNetOptions
from bikd_core.hypergradient import (
    InnerBatch,
    InnerGradient,
    OuterBatch,
    inner_loss,
    losses_of,
    outer_loss_at,
    parameters,
    weight_hypergradient,
)
from bikd_core.methods.protocol import Batch, Setting, StepResult
from bikd_core.models.weight_net import WeightNet


class BilevelMethod(ABC):
    """One student step, and a weight-net step once every `inner_steps` of them.

    1. The weight net gives the batch its weights w, and these give the student's gradient.
    2. A virtual student takes one SGD step along it; its loss on a D_val batch gives ∂L_val/∂w.
    3. That goes back through the weight net alone. k such gradients are averaged, then Adam steps:
       an average along the student's path, not a k-step unroll.
    4. The student takes its real gradient on the same batch, with the net's new weights.

    The forward pass of 1 serves 4 as well, and so does its gradient if the weight net has not
    moved. A window that an epoch leaves unfinished continues in the next.

    Subclasses choose the weight net, its inputs, the losses that it weights and the loss on D_val.
    """

    needs_teacher: ClassVar[bool]
    options: WeightNetOptions

    def __init__(self, setting: Setting) -> None:
        assert isinstance(setting.options, WeightNetOptions)  # has_weight_net
        self.options = setting.options
        self.student = setting.student
        self.next_val_batch = setting.next_val_batch
        self.weight_net: nn.Module = self.make_weight_net(setting).to(setting.device)
        self.optimizer = torch.optim.Adam(
            self.weight_net.parameters(),
            lr=self.options.weight_net_learning_rate,
            weight_decay=1e-4,
        )
        self.window = _Window(self.weight_net)
        self.epoch = 0  # from 0
        soft = 0.5 if self.needs_teacher else 0.0
        self.warm_up_weights = torch.tensor([0.5, soft], device=setting.device)

    @abstractmethod
    def make_weight_net(self, setting: Setting) -> WeightNet:
        """Make the net that gives each image its weights, drawn from the setting's generator."""

    @abstractmethod
    def net_inputs(self, logits: Tensor, inner: InnerBatch) -> Tensor:
        """Return what the weight net sees of each image; (B, C) -> (B, 2), detached."""

    @abstractmethod
    def inner_batch(self, batch: Batch, logits: Tensor) -> InnerBatch:
        """Return the batch with the losses that the weights are for; logits are (B, C)."""

    @abstractmethod
    def outer_batch(self, batch: Batch) -> OuterBatch:
        """Return a batch of D_val with the loss that the weight net minimises on it."""

    def step(self, batch: Batch, learning_rate: float, *, under_lens: bool = False) -> StepResult:
        logits = self.student(batch.images)
        inner = self.inner_batch(batch, logits)
        inputs = self.net_inputs(logits, inner)
        weights = self.weight_net(inputs)
        is_warming_up = self.epoch < self.options.warm_up
        if is_warming_up:
            weights = self.warm_up_weights.to(weights).expand_as(weights)
        weights_before = weights.detach()
        is_closing = not is_warming_up and self.window.is_one_short_of(self.options.inner_steps)
        # Where no second gradient is due, free the graph: the next forward pass needs its memory.
        gradient = self._student_gradient(logits, inner, weights_before, keep_graph=is_closing)

        outer = self.outer_batch(self.next_val_batch())
        hypergradient = weight_hypergradient(
            self.options.estimator,
            self.student,
            inner,
            outer,
            weights,
            learning_rate,
            InnerGradient(logits.detach(), gradient),
        )
        if not is_warming_up:
            self.window.gather(weights, hypergradient.weights / self.options.inner_steps)
        if is_closing:
            self._step_weight_net()
            with torch.no_grad():
                weights = self.weight_net(inputs)
            gradient = self._student_gradient(logits, inner, weights, keep_graph=False)
        for name, parameter in self.student.named_parameters():
            parameter.grad = gradient[name]

        weights, logits = weights.detach(), logits.detach()
        return StepResult(
            logits,
            losses=(weights * losses_of(logits, inner)).sum(dim=1),
            weights=weights,
            influence=_influence(hypergradient.weights, inner, learning_rate),
            outer_loss=hypergradient.outer_loss,
            weight_step=is_closing,
            weights_before=weights_before,
            outer_loss_before=self._outer_loss_now(outer) if under_lens else None,
        )

    def predict(self, logits: Tensor) -> Tensor:
        return logits

    def _step_weight_net(self) -> None:
        """Take one step of Adam with the gradient of the full window."""
        self.window.close()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _outer_loss_now(self, outer: OuterBatch) -> Tensor:
        """Return the loss on a batch of D_val at θ; -> ()."""
        with torch.no_grad():
            return outer_loss_at(self.student, parameters(self.student), outer)

    def _student_gradient(
        self, logits: Tensor, inner: InnerBatch, weights: Tensor, *, keep_graph: bool
    ) -> dict[str, Tensor]:
        """Return ∇_θ of the weighted loss; logits (B, C), weights (B, 2).

        The graph of the logits is kept for another call, or freed.
        """
        named = dict(self.student.named_parameters())
        loss = inner_loss(logits, inner, weights)
        gradients = torch.autograd.grad(loss, list(named.values()), retain_graph=keep_graph)
        return dict(zip(named, gradients, strict=True))

    def drop_window(self) -> None:
        """Forget an unfinished window, as the published code does at the end of an epoch."""
        self.window.drop()

    def end_epoch(self, decay: float) -> dict[str, Any]:
        for group in self.optimizer.param_groups:
            group["lr"] *= decay
        self.epoch += 1
        return self.window.end_epoch()

    def state(self) -> dict[str, Tensor]:
        state = {f"weight_net.{k}": v for k, v in self.weight_net.state_dict().items()}
        for number, slots in self.optimizer.state_dict()["state"].items():
            state |= {f"adam.{number}.{slot}": value for slot, value in slots.items()}
        state["learning_rate"] = torch.tensor(
            self.optimizer.param_groups[0]["lr"], dtype=torch.float64
        )
        state["epoch"] = torch.tensor(self.epoch)
        return state | self.window.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.weight_net.load_state_dict(_under("weight_net.", state))
        groups = self.optimizer.state_dict()["param_groups"]
        groups[0]["lr"] = float(state["learning_rate"])
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("adam.", state).items():
            number, slot = name.split(".")
            slots.setdefault(int(number), {})[slot] = value
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.epoch = int(state.get("epoch", 0))  # checkpoints of earlier versions have none
        self.window.load_state(state)


def _influence(hypergradient: Tensor, inner: InnerBatch, learning_rate: float) -> Tensor:
    """Return -v·∇L of each image and loss, free of learning rate and share; (B, 2) -> (B, 2)."""
    if inner.shares is None:
        return hypergradient * (len(hypergradient) / learning_rate)
    return hypergradient / (learning_rate * inner.shares[:, None])


class _Window:
    """The hypergradients since the weight net's last step, and measures of full windows."""

    def __init__(self, weight_net: nn.Module) -> None:
        self.weight_net = weight_net
        self.num_gathered = 0
        self.last: Tensor | None = None  # the gradient of the window before, flat
        self.norms: list[Tensor] = []
        self.cosines: list[Tensor] = []

    def is_one_short_of(self, size: int) -> bool:
        """Return whether one more gathered gradient makes the window full."""
        return self.num_gathered + 1 == size

    def gather(self, weights: Tensor, hypergradient: Tensor) -> None:
        """Add one step's ∂L_val/∂w (B, 2), through the weight net that gave the weights (B, 2)."""
        torch.autograd.backward(weights, hypergradient)
        self.num_gathered += 1

    def close(self) -> None:
        """Measure the full window's gradient, which the weight net's `.grad` holds."""
        gradients = [p.grad for p in self.weight_net.parameters() if p.grad is not None]
        gradient = torch.cat([part.flatten() for part in gradients])
        self.norms.append(gradient.norm())
        if self.last is not None:
            self.cosines.append(F.cosine_similarity(gradient, self.last, dim=0))
        self.last = gradient
        self.num_gathered = 0

    def drop(self) -> None:
        """Forget what an unfinished window has gathered."""
        self.num_gathered = 0
        self.weight_net.zero_grad()

    def end_epoch(self) -> dict[str, Any]:
        """Return means over the windows that closed in this epoch; empty where none did."""
        gathered = {"hypergradient_norm": self.norms, "hypergradient_cosine": self.cosines}
        self.norms, self.cosines = [], []
        return {name: float(torch.stack(v).mean()) for name, v in gathered.items() if v}

    def state(self) -> dict[str, Tensor]:
        """Return what a resumed run needs of the window."""
        state = {"window.num_gathered": torch.tensor(self.num_gathered)}
        if self.last is not None:
            state["window.last"] = self.last
        for name, parameter in self.weight_net.named_parameters():
            if parameter.grad is not None:
                state[f"window.grad.{name}"] = parameter.grad
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from `state()`."""
        self.last = state.get("window.last")
        self.num_gathered = int(state["window.num_gathered"])
        gathered = _under("window.grad.", state)
        for name, parameter in self.weight_net.named_parameters():
            if name in gathered:
                parameter.grad = gathered[name]


def _under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
