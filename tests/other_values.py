"""A value of each control that is not its default, so that a new control needs no new test."""

from bikd_core.config import bounds, choices, fields

#: What the other values of a control need beside them.
NEEDED = {"unroll": {"estimator": "unrolled"}}


def other_value(name):
    """A possible value other than the field's default and other than any data set's."""
    default = fields()[name].default
    if options := choices(name):
        return next(option for option in reversed(options) if option != default)
    if isinstance(default, bool):
        return not default
    if not (limits := bounds(name)):
        return "another"
    low = limits.get("ge", limits.get("gt", 0.0))
    if type(default) is float:
        return low + 0.28125 * (limits.get("le", limits.get("lt", low + 2)) - low)
    return int(low) + 3
