"""The bilevel step: a weight net that is trained through the student's next step, on D_val.

Letters: B images of a batch, C classes, J losses of the objective: 1 or 2.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bikd_core.config import Estimator, WeightNetOptions, WeightScale
from bikd_core.hypergradients import (
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
from bikd_core.losses import (
    NO_SHIFT,
    PerSeed,
    Shift,
    hard_loss,
    shifted,
    spread,
    weight_net_inputs,
)
from bikd_core.methods.bilevel_state import restore, state_of
from bikd_core.methods.objective import objective_of, two_columns
from bikd_core.methods.protocol import Batch, Setting, StepResult, numbers
from bikd_core.methods.pull import Pull
from bikd_core.methods.unroll import through_steps
from bikd_core.methods.weights_used import Substitute
from bikd_core.methods.window import Window
from bikd_core.models.in_place_of import trained_parameters
from bikd_core.models.linearised import Derivative, linearised
from bikd_core.models.weight_net import Form, WeightNet, over_their_mean
from bikd_core.optimizers import Adam, AdamOfEach

#: Learning rates of what is learned on D_val: seeds that train together may differ in them.
_RATES = ("weight_net_learning_rate", "class_shift_learning_rate")


class BilevelMethod:
    """One student step over an objective, and a weight-net step once every `inner_steps` of them.

    1. The weight net gives the batch its weights s, which multiply the objective's coefficients c:
       w = c·s. These give the student's gradient.
    2. A virtual student takes one SGD step along it; its loss on a D_val batch gives ∂L_val/∂w.
       (`unroll` of them, if that is more: see `bikd_core.methods.unroll`.)
    3. That goes back through the weight net alone. k such gradients are averaged, then Adam steps:
       an average along the student's path, not a k-step unroll.
    4. The student takes its real gradient on the same batch, with the net's new weights, or with
       what `weights_used` puts in their place there.

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
        self.substitute = self._new_substitute(setting)
        self.virtual_step = setting.number("virtual_step", 1.0)
        rates = [setting.number(name, 0.0) for name in _RATES]
        optimizer = Adam if all(isinstance(rate, float) for rate in rates) else AdamOfEach
        self.optimizer = optimizer(self.weight_net.parameters(), lr=1.0, weight_decay=1e-4)
        self.optimizer.param_groups[0]["lr"] = rates[0]
        self.window = Window(self.weight_net, is_stack=bool(setting.members))
        self.pull = Pull(self.meta_loss)
        self.epoch = 0  # from 0
        self.num_steps = 0

    def _new_weight_net(self, setting: Setting) -> WeightNet:
        layers, draw = self.options.weight_net_layers, setting.generator
        return WeightNet(layers, draw, self.hidden, self.form, self.scale).to(setting.device)

    def _new_substitute(self, setting: Setting) -> Substitute | None:
        """Return what gives the student other weights than the net's; None: nothing does."""
        kind, members = self.options.weights_used, setting.members or (setting,)
        if kind == "learned":
            return None
        generators = tuple(one.weights_generator for one in members if one.weights_generator)
        return Substitute(kind, self.weight_net, generators)

    # One step -----------------------------------------------------------------------------------

    def step(self, batch: Batch, learning_rate: PerSeed, *, under_lens: bool = False) -> StepResult:
        logits, derivative = self._logits(batch.images)
        inner = self._inner_batch(batch)
        losses = inner.losses(logits, self._shifts())
        coefficients = self.objective.trusted_coefficients(losses[..., 0].detach(), batch)
        inputs = self._inputs(logits, batch)
        raw, factors = self._weigh(inputs, coefficients, batch)
        before, is_closing = factors.detach(), self._is_closing
        is_second_due = is_closing or (self.substitute is not None and self._is_learning)
        # Where no second gradient is due, free the graph: the next forward pass needs its memory.
        gradient = self._student_gradient(losses, coefficients * before, batch, keep=is_second_due)
        found, outer = None, None
        if self._is_due:
            outer = self._outer_batch(self.next_val_batch())
            known = InnerGradient(logits.detach(), gradient, derivative)
            values = coefficients, factors, learning_rate, known
            found = self._look_ahead(batch, inner, outer, *values)
        if is_closing:
            self._step_weight_net()
        if is_second_due:
            raw, factors = self._weights_to_use(inputs, coefficients, batch)
            if self.class_shifts is not None:  # they have moved
                losses = inner.losses(logits, self._shifts())
            gradient = self._student_gradient(losses, coefficients * factors, batch, keep=False)
        for name, parameter in trained_parameters(self.student).items():
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

    def _logits(self, images: Tensor) -> tuple[Tensor, Derivative | None]:
        """Return the student's logits (B, C), and their derivative where it will be taken."""
        is_wanted = self._is_due and self._estimator == "forward" and self.options.unroll == 1
        if not is_wanted:
            return self.student(images), None
        return linearised(self.student, trained_parameters(self.student), images)

    def _weights_to_use(
        self, inputs: Tensor, coefficients: Tensor, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """Return the raw weights and factors of the student's own step, (B, J) each, detached."""
        with torch.no_grad():
            raw, factors = self._weigh(inputs, coefficients, batch)
        if self.substitute is None:
            return raw, factors
        raw = self.substitute.raw(raw, batch.labels)
        return raw, self._factors(raw, coefficients, batch)

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
        return self.steps_to_weight_step == 1

    @property
    def steps_to_weight_step(self) -> int | None:
        """The steps from here up to the one that moves the weight net; None: it does not learn yet.

        1 is the next step.
        """
        if not self._is_learning:
            return None
        until_due = -self.num_steps % self.options.outer_every
        missing = self.options.inner_steps - self.window.num_gathered
        return 1 + until_due + (missing - 1) * self.options.outer_every

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

    @property
    def _estimator(self) -> Estimator:
        # A loop has resolved "auto"; a method by itself takes the exact one.
        return "forward" if self.options.estimator == "auto" else self.options.estimator

    def _weigh(self, inputs: Tensor, coefficients: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return raw weights and factors on c, (B, J) each; coefficients c are (J,) or (B, J)."""
        if self.epoch < self.first_epoch:
            ones = torch.ones_like(inputs)
            return ones, ones
        raw = self.weight_net(inputs)
        if self._is_warming_up:
            raw = torch.full_like(raw, 0.5)
        return raw, self._factors(raw, coefficients, batch)

    def _factors(self, raw: Tensor, coefficients: Tensor, batch: Batch) -> Tensor:
        """Return the factors on c that raw weights are: relative ones with mean 1; all (B, J)."""
        if self.scale == "sigmoid":
            return raw
        counts = coefficients if batch.shares is None else batch.shares[..., None] * coefficients
        return over_their_mean(raw, counts.expand_as(raw))

    def _seen_shift(self) -> Shift:
        """Return the shift in the student's cross-entropy as the weight net sees it."""
        return self.objective.shift.moved(self._shifts()) if self.sees_shifted else NO_SHIFT

    def _inputs(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return what the weight net sees of each image: (B, C) -> (B, J), in nats."""
        teacher_logits = batch.judge_logits if self.objective.needs_teacher else None
        return weight_net_inputs(logits, teacher_logits, batch.labels, self._seen_shift())

    def _inner_batch(self, batch: Batch) -> InnerBatch:
        def losses(logits: Tensor, class_shifts: Tensor | None) -> Tensor:
            return self.objective.losses(logits, batch, class_shifts)

        slopes = partial(self.objective.slopes, batch) if self.objective.is_plain else None
        return InnerBatch(batch.images, losses, batch.shares, slopes)

    def _outer_batch(self, batch: Batch) -> OuterBatch:
        temperature = self.objective.temperature
        logits, predict = batch.teacher_logits, self.objective.predict
        return OuterBatch(batch.images, batch.labels, logits, temperature, self.meta_loss, predict)

    def _shifts(self) -> Tensor | None:
        return None if self.class_shifts is None else self.class_shifts.detach()

    def _look_ahead(
        self,
        batch: Batch,
        inner: InnerBatch,
        outer: OuterBatch,
        coefficients: Tensor,
        factors: Tensor,
        learning_rate: PerSeed,
        known: InnerGradient,
    ) -> Hypergradient:
        """Return a step's hypergradient, and add it to the window and what D_val gives to its pull.

        Weights are coefficients c times factors, (B, J).
        """
        options = self.options
        if options.unroll > 1:
            found = self._through_steps(batch, inner, outer, learning_rate)
        else:
            inside = Inside(coefficients * factors.detach(), self._shifts())
            found = hypergradient(
                self._estimator,
                self.student,
                inner,
                outer,
                inside,
                learning_rate,
                virtual_step=self.virtual_step,
                known=known,
            )
            if self._is_learning:
                slopes = found.inside.weights / options.inner_steps
                self.window.gather(factors, coefficients * slopes)
        if self._is_learning and self.class_shifts is not None:
            assert found.inside.class_shifts is not None
            gradient = found.inside.class_shifts / options.inner_steps
            gathered = self.class_shifts.grad
            self.class_shifts.grad = gradient if gathered is None else gathered + gradient
        self.pull.add(found.outer_logits, outer)
        return found

    def _through_steps(
        self, batch: Batch, inner: InnerBatch, outer: OuterBatch, learning_rate: PerSeed
    ) -> Hypergradient:
        """Return the hypergradient through several virtual steps; add the net's to the window."""
        assert isinstance(learning_rate, float)  # who unrolls trains alone
        assert isinstance(self.virtual_step, float)
        found, of_net = through_steps(
            self.options.unroll,
            self.student,
            inner,
            outer,
            partial(self._weights_at, batch, inner),
            self.weight_net,
            self._shifts(),
            learning_rate,
            self.virtual_step,
        )
        if self._is_learning:
            self.window.add(gradient / self.options.inner_steps for gradient in of_net)
        return found

    def _weights_at(self, batch: Batch, inner: InnerBatch, logits: Tensor) -> Tensor:
        """Return c·s, differentiable by the logits and the weight net; (B, C) -> (B, J)."""
        hard = inner.losses(logits, self._shifts())[..., 0]
        coefficients = self.objective.trusted_coefficients(hard, batch)
        seen = hard_loss(shifted(logits, self._seen_shift().hard), batch.labels)
        inputs = torch.cat([seen[..., None], self._inputs(logits, batch)[..., 1:]], dim=-1)
        return coefficients * self._weigh(inputs, coefficients, batch)[1]

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
        named = trained_parameters(self.student)
        loss = weighted_mean(losses, weights, batch.shares)
        gradients = torch.autograd.grad(
            loss, list(named.values()), retain_graph=keep, materialize_grads=True
        )
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
            group["lr"] = group["lr"] * decay
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
        return state_of(self)

    def load_state(self, state: dict[str, Tensor]) -> None:
        restore(self, state)
