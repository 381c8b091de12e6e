"""A recommendation that was never made, as its file would hold it."""

from bikd_core.recommend.record import Chosen, Group, Record, controls_of


def record_of(base, **values):
    """A record of a base that has just begun."""
    start = {"recommendation": "digits", "controls": controls_of(base), "minutes": 12.0}
    return Record.model_validate(start | values)


def done(base, run_id):
    """A record of LTKD, which gains for few, loses for many, and who knows for medium."""
    kd, ltkd = (
        Chosen(
            recipe=name,
            title=title,
            calibration="none",
            entry=f"{name}:learning_rate=0.2",
            val_accuracy=0.8,
            val_loss=0.6,
            runs=(run_id,) * 3,
        )
        for name, title in (("kd", "KD"), ("ltkd", "LTKD"))
    )
    one = Group(chosen=0.8, reference=0.7, gain=0.1, low=0.04, high=0.15, detectable=0.08)
    worse = Group(chosen=0.9, reference=0.95, gain=-0.05, low=-0.08, high=-0.02, detectable=0.04)
    unsure = Group(chosen=0.8, reference=0.79, gain=0.01, low=-0.03, high=0.05, detectable=0.06)
    return record_of(
        base,
        num_trials=4,
        plan="9 recipes, 4 trials of each.",
        ranking=(ltkd, kd),
        chosen=ltkd,
        reference=kd,
        num_test=580,
        groups={"balanced": one, "many": worse, "medium": unsure, "few": one},
        left_out={"BiKD over Balanced LTKD": "D_val is too small."},
        sentence="Recommended: LTKD. It gains 10.0 points.",
    )
