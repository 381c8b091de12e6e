"""Class biases of a trained student, fitted to the images of D_val that were not trained on."""

from __future__ import annotations

from bikd_core.calibration import cross_fitted, fit_class_biases
from bikd_core.evaluation import accuracy_fields, evaluate
from bikd_core.events import ClassBiasesFitted
from bikd_core.training.loop import Loop


def class_biases(loop: Loop) -> ClassBiasesFitted | None:
    """Fit class biases to the images that D_val's loss is measured on.

    They are fitted to what the method predicts from, which need not be the student's logits.

    Returns:
        The event, or None where those images were trained on.
    """
    if not loop.config.fits_class_biases:
        return None
    scores = loop.predicted(loop.measured_set)
    labels = loop.split.val.labels[loop.feed.roles.measure].numpy()
    fitted = fit_class_biases(scores, labels)
    calibrated = fitted.apply(loop.predicted(loop.test_set))
    test = evaluate(calibrated, loop.split.test.labels.numpy())
    val = cross_fitted(scores, labels)
    return ClassBiasesFitted(
        epoch=loop.epoch,
        num_val=len(labels),
        biases=tuple(fitted.biases.tolist()),
        temperature=fitted.temperature,
        val_loss=val.loss if val else None,
        val_accuracy=val.accuracy if val else None,
        **accuracy_fields(test, loop.split.class_counts),
        warnings=(fitted.caution,) if fitted.caution else (),
    )
