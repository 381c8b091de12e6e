"""What a natural split of small classes means for its results, and which number would do better.

Without torch, so that it is said before anything trains.
"""

from __future__ import annotations

import math

from bikd_core.config import DataConfig
from bikd_core.data.counts import planned_counts, planned_test_counts
from bikd_core.data.sources import facts_of
from bikd_core.data.val_plan import planned_val_counts

ENOUGH_TO_TEST = 25  # test images that tell the accuracy of a class to ± 10 points


def small_class_warning(config: DataConfig) -> str:
    """Return what the smallest test set of a natural split can tell; "" if that is enough.

    An accuracy measured on t images has a standard error of up to 50 / √t points.

    Raises:
        ConfigError: The split is not possible.
    """
    if config.imbalance != "natural":
        return ""
    facts, tests = facts_of(config.dataset), planned_test_counts(config)
    num_small = sum(test < ENOUGH_TO_TEST for test in tests)
    if not num_small:
        return ""
    smallest = min(range(len(tests)), key=lambda label: (tests[label], label))
    num_test = tests[smallest]
    has = planned_counts(config)[smallest], planned_val_counts(config)[smallest], num_test
    others = ""
    if num_small > 1:
        more = "class has" if num_small == 2 else "classes have"
        others = f" {num_small - 1} more {more} fewer than {ENOUGH_TO_TEST} to test."
    need = ENOUGH_TO_TEST if facts.has_test else 3 * ENOUGH_TO_TEST
    where = "in the test set" if facts.has_test else "in all"
    return (
        f"The class {facts.class_names[smallest]!r} has {has[0]} to train on, {has[1]} in D_val "
        f"and {has[2]} to test: its accuracy is known only to ± {50 / math.sqrt(num_test):.0f} "
        f"points. {need} pictures of it {where} would make that ± 10.{others}"
    )
