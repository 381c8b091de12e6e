"""A recorded step, with what its figures need to know about its run."""

from __future__ import annotations

from collections.abc import Sequence

from app.figures.step.step import Step
from bikd_core.config import RunConfig, WeightNetOptions
from bikd_core.events import EpochDone, Panel, RunStarted, StepTrace


def recorded_step(
    trace: StepTrace,
    panel: Panel,
    started: RunStarted,
    config: RunConfig,
    epochs: Sequence[EpochDone],
) -> Step:
    """Return a step of a run, ready to be drawn.

    Args:
        trace: The step, of B pictures.
        panel: The run's training images, in which the trace's rows count.
        started: Names and counts of the classes.
        config: The run's configuration.
        epochs: The run's epochs so far, from epoch 1 on.
    """
    controls, method = config.flat(), config.method
    over = getattr(method, "over", "ce")  # Meta-Weight-Net's, the other one with a weight net
    is_plain = getattr(method, "prior", "none") == getattr(method, "class_shifts", "none") == "none"
    return Step(
        trace,
        panel.labels[trace.rows],
        started,
        controls["inner_steps"],
        panel.original_indices[trace.rows],
        controls["meta_loss"],
        scale=getattr(method, "weight_scale", "sigmoid"),
        kinds=("hard", "soft") if method.facts.needs_teacher else ("hard",),
        has_plain_losses=over in {"ce", "ce_kd"} and is_plain,
        has_unit_coefficients=over in {"ce", "ce_kd"},
        outer_every=getattr(method, "outer_every", 1),
        steps_before=_steps_before_the_weights(config, epochs),
    )


def _steps_before_the_weights(config: RunConfig, epochs: Sequence[EpochDone]) -> int:
    """Return the steps of the epochs in which the weight net does not learn yet."""
    if not isinstance(config.method, WeightNetOptions):
        return 0
    done = epochs[: config.method.epochs_without_learning(config.training.epochs)]
    return done[-1].step if done else 0
