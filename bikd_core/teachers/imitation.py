"""What a soft loss on D_val asks of a student, in words, from the card of its teacher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from bikd_core.config import RunConfig, is_read_by, listed
from bikd_core.data.counts import planned_counts
from bikd_core.data.sources import facts_of
from bikd_core.evaluation import shot_groups
from bikd_core.teachers.card import TeacherCard, mean_card

_MOST_NAMED = 5  # classes; more are only counted


def card_for(config: RunConfig, teachers: Mapping[str, TeacherCard]) -> TeacherCard | None:
    """Return the card of the stored teacher that a run is going to have; None if it is unknown.

    For out-of-fold teachers it is the mean of those that are stored.

    Args:
        config: The run.
        teachers: The stored teachers' cards by name, in the order in which a run looks for one.
    """
    name, model = config.models.teacher, config.models.teacher_model
    if name != "auto":
        return teachers.get(name)
    plain = config.data.with_plain_val
    fitting = [c for c in teachers.values() if not c.is_uploaded and c.data == plain]
    fitting = [card for card in fitting if card.model == model]
    if config.needs_whole_teacher:
        return next((card for card in fitting if card.without_fold is None), None)
    of = config.num_fold_teachers
    folds = [card for card in fitting if card.without_fold and card.without_fold[1] == of]
    return mean_card(folds) if folds else None


def imitation(config: RunConfig, card: TeacherCard) -> str:
    """Return what the run's soft loss on D_val asks of the student; "" if it has none."""
    controls, counts = config.flat(), planned_counts(config.data)
    meta_loss = controls["meta_loss"] if is_read_by("meta_loss", controls) else "hard"
    if meta_loss == "hard" or card.dataset != config.data.dataset or len(counts) < 3:
        return ""
    groups = shot_groups(counts)
    share = card.predicted_share_per_class
    if share is not None:
        predicted = sum(share[label] for label in groups.many)
        return (
            f"Meta loss {meta_loss} asks the student to predict {_named(config, groups.many)} as "
            f"often as the teacher does: for {_percent(predicted)} of balanced images, where "
            f"{_percent(len(groups.many) / len(counts))} would be right."
        )
    head, tail = (
        fmean(card.accuracy_per_class[label] for label in labels)
        for labels in (groups.many, groups.few)
    )
    return (
        f"Meta loss {meta_loss} asks the student to agree with the teacher on D_val: it is right "
        f"on {_percent(head)} of images of {_named(config, groups.many)}, and on {_percent(tail)} "
        f"of {_named(config, groups.few)} ({_percent(card.accuracy)} balanced)."
    )


def imitations(
    configs: Iterable[RunConfig], teachers: Mapping[str, TeacherCard]
) -> tuple[str, ...]:
    """Return what the soft losses of these runs on D_val ask, each sentence once."""
    found = [(config, card_for(config, teachers)) for config in configs]
    sentences = [imitation(config, card) for config, card in found if card is not None]
    return tuple(dict.fromkeys(filter(None, sentences)))


def _named(config: RunConfig, labels: tuple[int, ...]) -> str:
    if len(labels) > _MOST_NAMED:
        is_head = labels == shot_groups(planned_counts(config.data)).many
        return f"the {len(labels)} {'most frequent' if is_head else 'rarest'} classes"
    names = [facts_of(config.data.dataset).class_names[label] for label in sorted(labels)]
    return f"{'class' if len(names) == 1 else 'classes'} {listed(names)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
