"""The hypergradient in a training loop of somebody's own, with any network and any losses.

B images of a training batch, J losses of each image that are weighed, 1 or 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, get_args

import torch
from torch import Tensor, nn

from bikd_core.config import Estimator
from bikd_core.hypergradients import InnerBatch, Inside, OuterBatch
from bikd_core.hypergradients import hypergradient as estimated
from bikd_core.models.own import OwnNetwork


class WeightGradient(NamedTuple):
    """What D_val says of the weights of one training batch."""

    gradient: Tensor  # ∂L_val(θ')/∂w, in the shape of the weights: for `weights.backward`
    influence: Tensor  # B/η times that: it does not fall with the learning rate
    val_loss: Tensor  # (), L_val at θ'
    val_outputs: Tensor  # the network's on D_val at θ', in their own shape (…)


def hypergradient(
    network: nn.Module,
    inputs: Tensor,
    losses: Callable[[Tensor], Tensor],
    weights: Tensor,
    val_inputs: Tensor,
    val_loss: Callable[[Tensor], Tensor],
    *,
    learning_rate: float,
    virtual_step: float = 1.0,
    estimator: Estimator = "forward",
) -> WeightGradient:
    """Return how D_val's loss after one step changes with each weight of the training batch.

    The step is θ' = θ - f·η ∇_θ 1/B Σ_ij w_ij l_ij(θ), of the parameters that require a gradient.
    Neither they nor the buffers change, nor torch's random state: dropout has the same masks in all
    passes over one batch. `weights.backward(found.gradient)` then passes the gradient on to the
    weight net that made the weights.

    Args:
        network: In the mode in which it is trained.
        inputs: (B, …), the network's one argument.
        losses: The network's outputs (B, …) to the losses of each image, (B,) or (B, J), as plain
            differentiable torch.
        weights: (B,) or (B, J), in the shape of the losses; detached here.
        val_inputs: (M, …) of D_val.
        val_loss: The network's outputs (M, …) on it to one number, ().
        learning_rate: η.
        virtual_step: f; at 0, D_val is asked at θ itself.
        estimator: "forward": one directional derivative, exact, from what the pass of the
            training batch has read, or by forward mode where the network calls functions without
            a rule (`bikd_core.models.linearised`). "finite_difference": one more forward pass,
            near: its error is that of a difference in the network's precision, and of each ReLU or
            maximum that changes sides. "unrolled": double backward, exact and slow; the one for
            layers without a forward-mode derivative.

    Raises:
        ValueError: An argument is not possible; the sentence names it and what would be.
    """
    _check(weights, learning_rate, virtual_step, estimator)
    column = weights.detach().reshape(len(weights), -1)

    def in_columns(outputs: Tensor, _: Tensor | None) -> Tensor:
        found = losses(outputs)
        if found.shape != weights.shape:
            raise ValueError(
                f"losses returns the shape {tuple(found.shape)}; it must be that of weights, "
                f"{tuple(weights.shape)}: one for each image."
            )
        return found.reshape(column.shape)

    def as_number(outputs: Tensor) -> Tensor:
        found = val_loss(outputs)
        if found.numel() != 1:
            raise ValueError(
                f"val_loss returns the shape {tuple(found.shape)}; it must be one number, ()."
            )
        return found.reshape(())

    nobody = torch.empty(0)  # labels, which only the product's own losses read
    found = estimated(
        estimator,
        _drawing_the_same(network),
        InnerBatch(inputs, in_columns),
        OuterBatch(val_inputs, nobody, None, 1.0, "hard", loss=as_number),
        Inside(column),
        learning_rate,
        virtual_step=virtual_step,
    )
    gradient = found.inside.weights.reshape(weights.shape)
    influence = gradient * (len(weights) / learning_rate)
    return WeightGradient(gradient, influence, found.outer_loss, found.outer_logits)


def _drawing_the_same(network: nn.Module) -> OwnNetwork:
    """Return the network with passes that draw the same, anew after each draw of the caller's."""
    found = OwnNetwork(network, repeats_grey=False)
    found.training = any(layer.training for layer in network.modules())
    found.draws = True
    with torch.random.fork_rng(devices=[]):
        found.seed = int(torch.randint(2**31, ()))
    return found


def _check(weights: Tensor, learning_rate: float, virtual_step: float, estimator: str) -> None:
    if estimator not in get_args(Estimator):
        names = " or ".join(map(str, get_args(Estimator)))
        raise ValueError(f"estimator = {estimator!r} is not possible: it must be {names}.")
    if weights.ndim not in (1, 2) or not len(weights) or weights.shape[1:] > (2,):
        raise ValueError(
            f"weights has the shape {tuple(weights.shape)}; it must be (B,), (B, 1) or (B, 2)."
        )
    if not learning_rate > 0:
        raise ValueError(f"learning_rate = {learning_rate!r} is not possible: it must be above 0.")
    if not virtual_step >= 0:
        raise ValueError(f"virtual_step = {virtual_step!r} is not possible: it must be 0 or more.")
