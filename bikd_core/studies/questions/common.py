"""What several questions share: the data sets that they are recorded on, and forms of BiKD."""

from __future__ import annotations

from bikd_core.studies.study import Design

#: The splits of pilots were 0 to 19. At a learning rate of 0.2 every method is near its best.
DIGITS = Design(seeds=tuple(range(20, 30)), base={"learning_rate": 0.2})
#: CIFAR-10-LT cut small, so that a run takes minutes of one core.
CIFAR10 = Design(
    seeds=(0, 1, 2),
    base={
        "imbalance_factor": 100.0,
        "head_count": 1000,
        "val_per_class": 100,
        "test_per_class": 200,
        "teacher_model": "resnet20",
        "student": "resnet8",
        "epochs": 16,
        "batch_size": 50,
        "learning_rate": 0.1,
    },
)
#: BiKD as published, over CE + KD, and the objective that it stands over.
PUBLISHED, PUBLISHED_OVER = "bikd", "ce_kd"
#: Relative weights over prior-shifted KD.
RELATIVE, RELATIVE_OVER = "bikd:over=prior_kd,weight_scale=relative", "prior_kd"
#: The two, as a figure names them, with the objective that each stands over.
FORMS = {"BiKD": (PUBLISHED, PUBLISHED_OVER), "Relative BiKD": (RELATIVE, RELATIVE_OVER)}


def with_options(entry: str, **options: object) -> str:
    """Return an entry with further options."""
    own = [f"{name}={value}" for name, value in options.items()]
    return f"{entry}{',' if ':' in entry else ':'}{','.join(own)}" if own else entry
