"""The bilevel step: a weight net that is trained through the student's next step, on D_val.

Letters: B images of a batch, C classes, J losses of the objective: 1 or 2.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bikd_core.config import METHOD_CONFIGS, WeightNetOptions, WeightScale
from bikd_core.hypergradient import (
    Hypergradient,
    InnerBatch,
    InnerGradient,
    Inside,
    OuterBatch,
    hypergradient,
    outer_loss_at,
    parameters,
    weighted_mean,
)
from bikd_core.losses import NO_SHIFT, PerSeed, spread, weight_net_inputs
from bikd_core.methods.objective import Objective, two_columns
from bikd_core.methods.protocol import Batch, Setting, StepResult, class_of, numbers
from bikd_core.methods.pull import Pull
from bikd_core.methods.window import Window, under
from bikd_core.models.weight_net import Form, WeightNet
from bikd_core.optimizers import Adam

SHIFTS = "class_shifts"  # their name in a checkpoint


class BilevelMethod:
    """One student step over an objective, and a weight-net step once every `inner_steps` of them.

    1. The weight net gives the batch its weights s, which multiply the objective's coefficients c:
       w = c·s. These give the student's gradient.
    2. A virtual student takes one SGD step along it; its loss on a D_val batch gives ∂L_val/∂w.
    3. That goes back through the weight net alone. k such gradients are averaged, then Adam steps:
       an average along the student's path, not a k-step unroll.
    4. The student takes its real gradient on the same batch, with the net's new weights.

    The forward pass of 1 serves 4 as well, and so does its gradient if the weight net has not
    moved. A window that an epoch leaves unfinished continues in the next. 2 and 3 are left out
    where no hypergradient is due: before the weights begin, and in steps between.

    Relative weights are divided by their mean over the batch, in which each image counts as it
    does in the inner loss, so that a constant weight net changes nothing.

    Subclasses choose the objective, the weight net and the loss on D_val.
    """

    options: WeightNetOptions
    hidden: ClassVar[int] = 64  # units in a hidden layer of the weight net
    scale: WeightScale = "sigmoid"
    form: Form = "single"
    meta_loss: str = "hard"
    sees_shifted = True  # the weight net's inputs: the cross-entropy with the hard loss's shift
    class_shifts: nn.Parameter | None = None  # (1 or J, C) or (K, …), on top of the objective's own
    first_epoch = 0  # the first with a weight net, from 0

    def __init__(self, setting: Setting, over: str) -> None:
        assert isinstance(setting.options, WeightNetOptions)  # has_weight_net
        self.options = setting.options
        self.student = setting.student
        self.next_val_batch = setting.next_val_batch
        self.objective = objective_of(setting, over)
        nets = [self._new_weight_net(one) for one in setting.members or (setting,)]
        self.weight_net = WeightNet.stack(nets) if setting.members else nets[0]
        self.optimizer = Adam(
            self.weight_net.parameters(),
            lr=self.options.weight_net_learning_rate,
            weight_decay=1e-4,
        )
        self.window = Window(self.weight_net, is_stack=bool(setting.members))
        self.pull = Pull(self.meta_loss)
        self.epoch = 0  # from 0
        self.num_steps = 0

    def _new_weight_net(self, setting: Setting) -> WeightNet:
        layers, draw = self.options.weight_net_layers, setting.generator
        return WeightNet(layers, draw, self.hidden, self.form, self.scale).to(setting.device)

    # One step -----------------------------------------------------------------------------------

    def step(self, batch: Batch, learning_rate: PerSeed, *, under_lens: bool = False) -> StepResult:
        logits = self.student(batch.images)
        inner = self._inner_batch(batch)
        losses = inner.losses(logits, self._shifts())
        coefficients = self.objective.trusted_coefficients(losses[..., 0].detach(), batch)
        inputs = self._inputs(logits, batch)
        raw, factors = self._weigh(inputs, coefficients, batch)
        before = factors.detach()
        is_closing = self._is_closing
        # Where no second gradient is due, free the graph: the next forward pass needs its memory.
        gradient = self._student_gradient(losses, coefficients * before, batch, keep=is_closing)
        found, outer = None, None
        if self._is_due:
            inside = Inside(coefficients * before, self._shifts())
            outer = self._outer_batch(self.next_val_batch())
            known = InnerGradient(logits.detach(), gradient)
            found = self._hypergradient(inner, outer, inside, learning_rate, known)
            if self._is_learning:
                self._gather(factors, coefficients, found)
        if is_closing:
            self._step_weight_net()
            with torch.no_grad():
                raw, factors = self._weigh(inputs, coefficients, batch)
            losses = inner.losses(logits, self._shifts())
            gradient = self._student_gradient(losses, coefficients * factors, batch, keep=False)
        for name, parameter in self.student.named_parameters():
            parameter.grad = gradient[name]
        self.num_steps += 1

        factors = factors.detach()
        parts = coefficients * factors * losses.detach()
        result = StepResult(
            logits.detach(),
            losses=parts.sum(dim=-1),
            weights=two_columns(factors),
            influence=two_columns(self._influence(found, batch, factors, learning_rate)),
            outer_loss=None if found is None else found.outer_loss,
            weight_step=is_closing,
            weights_before=two_columns(before),
            raw_weights=two_columns(raw.detach()) if self.scale == "relative" else None,
            seen_by_net=inputs[..., 0] if self._sees_other_losses else None,
        )
        return self._with_details(result, parts, coefficients, outer) if under_lens else result

    def _with_details(
        self, result: StepResult, parts: Tensor, coefficients: Tensor, outer: OuterBatch | None
    ) -> StepResult:
        """Return the result with what only a viewer needs; parts are (B, J)."""
        return result._replace(
            outer_loss_before=None if outer is None else self._outer_loss_now(outer),
            parts=two_columns(parts),
            coefficients=two_columns(coefficients.expand_as(parts)),
        )

    @property
    def _sees_other_losses(self) -> bool:
        """Whether the student's cross-entropy that the weight net sees may not be the plain one."""
        is_shifted = self.objective.shift.hard is not None or self.class_shifts is not None
        return self.sees_shifted and is_shifted

    @property
    def _is_closing(self) -> bool:
        """Whether this step's hypergradient fills the window, so that the weight net moves."""
        is_full = self.window.is_one_short_of(self.options.inner_steps)
        return self._is_learning and self._is_due and is_full

    @property
    def _is_learning(self) -> bool:
        """Whether the weight net learns in this epoch."""
        return self.epoch >= self.first_epoch and not self._is_warming_up

    @property
    def _is_warming_up(self) -> bool:
        return self.scale == "sigmoid" and self.epoch < self.options.warm_up

    @property
    def _is_due(self) -> bool:
        """Whether this step has a hypergradient."""
        return self.epoch >= self.first_epoch and self.num_steps % self.options.outer_every == 0

    def _weigh(self, inputs: Tensor, coefficients: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return raw weights and factors on c, (B, J) each; coefficients c are (J,) or (B, J)."""
        if self.epoch < self.first_epoch:
            ones = torch.ones_like(inputs)
            return ones, ones
        raw = self.weight_net(inputs)
        if self._is_warming_up:
            raw = torch.full_like(raw, 0.5)
        if self.scale == "sigmoid":
            return raw, raw
        counts = coefficients if batch.shares is None else batch.shares[..., None] * coefficients
        counts = counts.expand_as(raw)
        # Where a loss does not count at all, each image counts alike in its mean weight.
        counts = torch.where(counts.sum(dim=-2, keepdim=True) > 0, counts, 1.0)
        total = counts.sum(dim=-2, keepdim=True)
        return raw, raw / ((counts * raw).sum(dim=-2, keepdim=True) / total)

    def _inputs(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return what the weight net sees of each image: (B, C) -> (B, J), in nats."""
        shift = self.objective.shift.moved(self._shifts()) if self.sees_shifted else NO_SHIFT
        teacher_logits = batch.judge_logits if self.objective.needs_teacher else None
        return weight_net_inputs(logits, teacher_logits, batch.labels, shift)

    def _inner_batch(self, batch: Batch) -> InnerBatch:
        losses = partial(_losses_of, self.objective, batch)
        slopes = partial(self.objective.slopes, batch) if self.objective.is_plain else None
        return InnerBatch(batch.images, losses, batch.shares, slopes)

    def _outer_batch(self, batch: Batch) -> OuterBatch:
        temperature = self.objective.temperature
        logits, predict = batch.teacher_logits, self.objective.predict
        return OuterBatch(batch.images, batch.labels, logits, temperature, self.meta_loss, predict)

    def _shifts(self) -> Tensor | None:
        return None if self.class_shifts is None else self.class_shifts.detach()

    def _hypergradient(
        self,
        inner: InnerBatch,
        outer: OuterBatch,
        inside: Inside,
        learning_rate: PerSeed,
        known: InnerGradient,
    ) -> Hypergradient:
        """Return the hypergradient of a step, and add what D_val gives to its pull."""
        options = self.options
        # A loop has resolved "auto"; a method by itself takes the exact one.
        estimator = "forward" if options.estimator == "auto" else options.estimator
        found = hypergradient(
            estimator,
            self.student,
            inner,
            outer,
            inside,
            learning_rate,
            virtual_step=options.virtual_step,
            known=known,
        )
        self.pull.add(found.outer_logits, outer)
        return found

    def _gather(self, factors: Tensor, coefficients: Tensor, found: Hypergradient) -> None:
        """Add a step's hypergradient to the window, through the net that gave the factors."""
        num = self.options.inner_steps
        self.window.gather(factors, coefficients * (found.inside.weights / num))
        if self.class_shifts is not None and found.inside.class_shifts is not None:
            gradient, gathered = found.inside.class_shifts / num, self.class_shifts.grad
            self.class_shifts.grad = gradient if gathered is None else gathered + gradient

    def _influence(
        self, found: Hypergradient | None, batch: Batch, factors: Tensor, learning_rate: PerSeed
    ) -> Tensor:
        """Return -v·∇L of each image and loss, free of learning rate and share, (B, J); or NaN."""
        if found is None:
            return torch.full_like(factors, math.nan)
        slopes = found.inside.weights
        rate = spread(learning_rate, slopes)
        if batch.shares is None:
            return slopes * (slopes.shape[-2] / rate)
        return slopes / (rate * batch.shares[..., None])

    def _step_weight_net(self) -> None:
        """Take one step of Adam with the gradient of the full window."""
        self.window.close()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _outer_loss_now(self, outer: OuterBatch) -> Tensor:
        """Return the loss on a batch of D_val at θ; -> ()."""
        with torch.no_grad():
            return outer_loss_at(self.student, parameters(self.student), outer)[0]

    def _student_gradient(
        self, losses: Tensor, weights: Tensor, batch: Batch, *, keep: bool
    ) -> dict[str, Tensor]:
        """Return ∇_θ of the weighted loss; losses and weights (B, J).

        The graph of the losses is kept for another call, or freed.
        """
        named = dict(self.student.named_parameters())
        loss = weighted_mean(losses, weights, batch.shares)
        gradients = torch.autograd.grad(loss, list(named.values()), retain_graph=keep)
        return dict(zip(named, gradients, strict=True))

    # Between steps ------------------------------------------------------------------------------

    def predict(self, logits: Tensor) -> Tensor:
        """Return what the objective predicts from; (B, C) -> (B, C)."""
        return self.objective.predict(logits)

    def drop_window(self) -> None:
        """Forget an unfinished window, as the published code does at the end of an epoch."""
        self.window.drop()
        if self.class_shifts is not None:
            self.class_shifts.grad = None

    def end_epoch(self, decay: float) -> dict[str, Any]:
        for group in self.optimizer.param_groups:
            group["lr"] *= decay
        self.epoch += 1
        self.objective.end_epoch(decay)
        return self.window.end_epoch() | self.pull.end_epoch() | self._shift_numbers()

    def _shift_numbers(self) -> dict[str, Any]:
        if self.class_shifts is None:
            return {}
        shift = self.objective.shift.moved(self._shifts())
        found = {"shift_hard_per_class": shift.hard}
        if self.objective.needs_teacher:
            found["shift_soft_per_class"] = shift.soft
        return {name: numbers(v.squeeze(-2)) for name, v in found.items() if v is not None}

    def state(self) -> dict[str, Tensor]:
        state = {f"weight_net.{k}": v for k, v in self.weight_net.state_dict().items()}
        for number, slots in self.optimizer.state_dict()["state"].items():
            state |= {f"adam.{number}.{slot}": value for slot, value in slots.items()}
        rates = [group["lr"] for group in self.optimizer.param_groups]
        state["learning_rate"] = torch.tensor(rates[0], dtype=torch.float64)
        if self.class_shifts is not None:
            state[SHIFTS] = self.class_shifts.detach()
            state[f"{SHIFTS}_learning_rate"] = torch.tensor(rates[1], dtype=torch.float64)
            if self.class_shifts.grad is not None:
                state[f"{SHIFTS}_gradient"] = self.class_shifts.grad
        state |= {"epoch": torch.tensor(self.epoch), "num_steps": torch.tensor(self.num_steps)}
        return state | self.window.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.weight_net.load_state_dict(under("weight_net.", state))
        groups = self.optimizer.state_dict()["param_groups"]
        groups[0]["lr"] = float(state["learning_rate"])
        if self.class_shifts is not None:
            groups[1]["lr"] = float(state[f"{SHIFTS}_learning_rate"])
            self.class_shifts.data.copy_(state[SHIFTS])
            self.class_shifts.grad = state.get(f"{SHIFTS}_gradient")
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in under("adam.", state).items():
            number, slot = name.split(".")
            slots.setdefault(int(number), {})[slot] = value
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        # Checkpoints of earlier versions have neither.
        self.epoch = self.objective.epoch = int(state.get("epoch", 0))
        self.num_steps = int(state.get("num_steps", 0))
        self.window.load_state(state)


def objective_of(setting: Setting, name: str) -> Objective:
    """Return the objective of that name, with its own options taken from the setting's."""
    objective = class_of(name)(_setting_of(setting, name))
    assert isinstance(objective, Objective)  # it has no weight net
    return objective


def _setting_of(setting: Setting, name: str) -> Setting:
    own = METHOD_CONFIGS[name]
    given = {n: getattr(setting.options, n) for n in own.model_fields if n != "method"}
    members = tuple(_setting_of(member, name) for member in setting.members)
    return replace(setting, options=own(**given), members=members)


def _losses_of(
    objective: Objective, batch: Batch, logits: Tensor, class_shifts: Tensor | None
) -> Tensor:
    return objective.losses(logits, batch, class_shifts)
