"""What a configured method is called."""

import pytest

from bikd_core.config import METHOD_FACTS, RunConfig, title_of


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ({}, "BiKD"),
        ({"prior": "both"}, "BiKD"),
        ({"over": "kd"}, "BiKD over KD"),
        ({"over": "balanced_softmax"}, "BiKD over Balanced Softmax"),
        (
            {"over": "prior_kd", "weight_scale": "relative"},
            "BiKD over Prior-shifted KD (relative)",
        ),
        ({"weight_scale": "relative"}, "BiKD over CE + KD (relative)"),
    ],
)
def test_bikd_is_named_by_what_it_stands_over(options, title):
    values = {"method": "bikd"} | options
    assert title_of(values) == title
    assert title_of(RunConfig.from_flat(values).method) == title


@pytest.mark.parametrize("method", ["ce", "kd", "meta_weight_net"])
def test_other_methods_have_their_own_title(method):
    assert title_of(RunConfig.from_flat({"method": method}).method) == METHOD_FACTS[method].title
